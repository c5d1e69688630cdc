"""Runs cells of a row again, and says whether they come out the same."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..agents import roster
from .records import Outcome, Record
from .rows import Row
from .runner import BLOCK, Cell, run_cell
from .suites import FOLDER, Suite

_CLOSE = 1e-4


@dataclass(frozen=True)
class Verdict:
    """What came of one cell the second time.

    Attributes:
        key: The cell's.
        task: Its task.
        matches: Whether it came out the same.
        why: What differs.
    """

    key: str
    task: str
    matches: bool
    why: str = ""


def cell_of(record: Record, suite: Suite, out: Path, suites: Path = FOLDER) -> Cell:
    """The cell that a record is of."""
    names = [(item.body, item.action, item.argument) for item in suite.items]
    index = names.index((record.item["body"], record.item["action"], record.item["argument"]))
    source = str(record.agent["source"])
    return Cell(
        suite.name, suite.version, index, source, record.replicate, record.block, str(out), str(suites)
    )


def check_installed(row: Row) -> None:
    """Checks that a row's contestant is here, and as it was.

    Raises:
        ValueError: There is none of that name, or it is configured in another way by now.
    """
    source = str(row.agent["source"])
    if json.loads(json.dumps(dict(roster.find(source).config))) != row.agent["config"]:
        raise ValueError(f"{source} has another configuration than the row of {row.suite.name}")


def difference(old: Record, new: Record) -> str:
    """What differs between two runs of a cell; nothing if they match."""
    if new.key != old.key:
        return "the agent, its configuration or the suite is another one here"
    if new.failure:
        return f"it failed: {new.failure.strip().splitlines()[-1]}"
    if new.demonstrations != old.demonstrations:
        return "the demonstrations differ"
    if dict(new.given) != dict(old.given):
        return f"it was given {dict(new.given)} instead of {dict(old.given)}"
    if len(new.curve) != len(old.curve) or not np.allclose(new.curve, old.curve, atol=_CLOSE):
        return "its learning curve differs"
    if len(new.outcomes) != len(old.outcomes):
        return f"{len(new.outcomes)} episodes instead of {len(old.outcomes)}"
    for one, other in zip(old.outcomes, new.outcomes, strict=True):
        if _exactly(one) != _exactly(other):
            return f"start {one.start} came out as {other}"
        if abs(one.error - other.error) > _CLOSE:
            return f"start {one.start} has error {other.error} instead of {one.error}"
        if abs(one.returned - other.returned) > _CLOSE * BLOCK:
            return f"start {one.start} has return {other.returned} instead of {one.returned}"
    return ""


def _exactly(one: Outcome) -> tuple[object, ...]:
    """What has to be the same to the last digit; deadlines, which a clock decides, are left out."""
    return one.start, one.success, one.once, one.steps, one.model_steps


def verify(
    row: Row, rng: np.random.Generator, share: float = 0.1, suites: Path = FOLDER
) -> Iterator[Verdict]:
    """Runs a random part of a row's cells again, one at least.

    Args:
        row: The row.
        rng: Chooses the cells.
        share: Share of the cells, in (0, 1].
        suites: Folder of the suites.

    Raises:
        ValueError: The share is not in (0, 1], or every cell of the row failed.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, expected a number in (0, 1]")
    sound = [record for record in row.records if not record.failure]
    if not sound:
        raise ValueError("every cell of this row failed: there is nothing to run again")
    count = max(1, round(share * len(sound)))
    for index in sorted(rng.choice(len(sound), size=count, replace=False)):
        record = sound[index]
        with tempfile.TemporaryDirectory() as scratch:
            again = run_cell(cell_of(record, row.suite, Path(scratch), suites), again=True)
        why = difference(record, again)
        item = record.item
        name = f"{item['body']} {item['action']}" + (f"({item['argument']})" if item["argument"] else "")
        yield Verdict(record.key, name, not why, why)
