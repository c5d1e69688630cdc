"""Rows as files: what all records share is said once, and outcomes stand in columns.

About half of the size of the records themselves, or less; nothing is lost, and what is read is checked as
records are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from .records import Record, RecordError

_NAMES = tuple(part.name for part in fields(Record))


def packed(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Records, as JSON has them, without repetitions.

    Args:
        records: One at least.
    """
    shared = {
        name: value
        for name, value in records[0].items()
        if name != "outcomes" and all(one[name] == value for one in records)
    }
    return {"shared": shared, "records": [_without(one, shared) for one in records]}


def _without(record: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    outcomes = record["outcomes"]
    columns = {name: [one[name] for one in outcomes] for name in (outcomes[0] if outcomes else ())}
    return {**{name: value for name, value in record.items() if name not in shared}, "outcomes": columns}


def unpacked(told: object, where: str) -> Iterator[dict[str, Any]]:
    """The records of what ``packed`` made, one by one, not yet checked.

    Args:
        told: JSON.
        where: Names the file in messages.

    Raises:
        RecordError: It is nothing that ``packed`` makes.
    """
    if not isinstance(told, dict) or set(told) != {"shared", "records"}:
        raise RecordError(f'{where} is no row: expected {{"shared": {{...}}, "records": [...]}}')
    shared, records = told["shared"], told["records"]
    if not isinstance(shared, dict) or not isinstance(records, list):
        raise RecordError(f"{where} is no row: shared is to be an object, and records a list")
    strange = set(shared) - set(_NAMES)
    if strange:
        raise RecordError(f"{where} is no row: its records share {sorted(strange)[:3]}, which no record has")
    for one in records:
        yield {**shared, **_whole(one, where)}


def _whole(record: object, where: str) -> dict[str, Any]:
    columns = record.get("outcomes") if isinstance(record, dict) else None
    if not isinstance(record, dict) or not isinstance(columns, dict):
        raise RecordError(f"{where} has a record whose outcomes are no columns")
    if not all(isinstance(column, list) for column in columns.values()):
        raise RecordError(f"{where} has a record with a column of outcomes that is no list")
    if len({len(column) for column in columns.values()}) > 1:
        raise RecordError(f"{where} has a record with columns of outcomes of different lengths")
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {**record, "outcomes": rows}
