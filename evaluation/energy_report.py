"""Measures the tables of an energy, keeps each as JSON, and writes the page "How well it works"."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..concepts.model import ConceptModel
from .energy_tables import FULL, TABLES, Row, Size, Table
from .energy_times import timings
from .keeping import kept, remembered
from .markdown import markdown_table
from .speed import machine

PROTOCOL = 3
"""Counts up when a table changes its meaning, so that older figures are measured anew."""


def weights_digest(path: Path) -> str:
    """Says which weights a file holds: the beginning of its hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _cell(row: Row) -> dict[str, object]:
    low, high = row.score.interval
    return {
        "labels": list(row.labels),
        "hits": row.score.hits,
        "of": row.score.of,
        "rate": row.score.rate,
        "low": low,
        "high": high,
        "iou": None if np.isnan(row.score.iou) else row.score.iou,
        "residual": None if np.isnan(row.score.residual) else row.score.residual,
    }


def _key(table: Table, size: Size, weights: str) -> dict[str, object]:
    """All that the figures of a table depend on."""
    also = {} if table.depends is None else {"depends": table.depends()}
    return {"weights": weights, "size": asdict(size), "protocol": PROTOCOL, **also}


def measured(model: ConceptModel, table: Table, size: Size, folder: Path, weights: str) -> dict[str, object]:
    """The table as data: from its file, if it is of the same weights and size, else measured now."""

    def make() -> dict[str, object]:
        rows = [_cell(row) for row in tqdm(table.rows(model, size), desc=table.name, leave=False, unit="row")]
        return {"title": table.title, "columns": list(table.columns), "rows": rows}

    return kept(folder / f"{table.name}.json", _key(table, size, weights), make)


def markdown(data: dict[str, object]) -> str:
    """A table as Markdown: success with its 95% interval, and intersection over union where there is one."""
    rows: list[dict[str, object]] = data["rows"]  # type: ignore[assignment]
    columns: list[str] = data["columns"]  # type: ignore[assignment]
    masks = any(row["iou"] is not None for row in rows)
    heads = [*columns, "success", "95% interval", "scenes", *(["IoU"] if masks else [])]
    lines = []
    for row in rows:
        labels: list[str] = row["labels"]  # type: ignore[assignment]
        values = [f"{row['rate']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}", f"{row['of']:,}"]
        values += [("" if row["iou"] is None else f"{row['iou']:.3f}")] if masks else []
        lines.append([*labels, *values])
    return markdown_table(heads, lines)


def timing_table(model: ConceptModel) -> str:
    """How long things take, as Markdown."""
    heads = ("operation", "one (ms)", "a thousand at once (s)")
    lines = ((t.what, f"{1000 * t.one:.1f}", f"{t.thousand:.2f}") for t in timings(model))
    return markdown_table(heads, lines)


def evaluate_energy(
    model: ConceptModel, folder: Path, weights: str, size: Size = FULL, names: Iterable[str] = ()
) -> str:
    """Measures the tables, or those named, and returns all of the folder's as Markdown.

    What was measured before with the same weights and size is read from the folder: an interrupted
    evaluation goes on where it was, and what is not named stands in the text,
    too. Times are of now, if named.

    Args:
        model: The model.
        folder: For one JSON file a table.
        weights: Says which weights these are, for instance their hash.
        size: How many scenes.
        names: Names of tables; all if there are none.

    Raises:
        ValueError: There is no table of that name.
    """
    wanted = set(names)
    unknown = wanted - {table.name for table in TABLES} - {"time"}
    if unknown:
        raise ValueError(
            f"no table {sorted(unknown)}; there are {[table.name for table in TABLES]} and 'time'"
        )
    parts = []
    for table in TABLES:
        if not wanted or table.name in wanted:
            measured(model, table, size, folder, weights)
        data = remembered(folder / f"{table.name}.json", _key(table, size, weights))
        if data is not None:
            parts.append(f"## {data['title']}\n\n{markdown(data)}\n")
    times = _times(model, folder, weights, anew=not wanted or "time" in wanted)
    if times is not None:
        parts.append(f"## Time\n\n{times['machine']}, one thread.\n\n{times['table']}\n")
    return "\n".join(parts)


def _times(model: ConceptModel, folder: Path, weights: str, anew: bool) -> dict[str, Any] | None:
    """How long things take, and where; as it was measured the last time, if not anew."""
    path, key = folder / "time.json", {"weights": weights}
    if not anew:
        return remembered(path, key)
    path.unlink(missing_ok=True)
    return kept(path, key, lambda: {"machine": machine(), "table": timing_table(model)})
