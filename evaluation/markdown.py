"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, without a line break at its end; what its cells say is no markup, or is meant to be.

    Args:
        heads: Names of the columns.
        rows: The cells of each line, as many as there are columns.

    Raises:
        ValueError: A line has more or fewer cells.
    """
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(f"a line has {len(row)} cells, expected one for each of {', '.join(heads)}")
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)
