"""What documents say of the board stands in its tables, and those are of the rows that are there."""

import re
from pathlib import Path

import pytest
from conceptgym.evaluation.rows import load_row

DOCS = Path(__file__).parents[2] / "docs"
ROWS = sorted((DOCS / "board" / "rows").glob("*.json"))
SUITES = {
    "particles": "particle-5shot", "pointing out": "identify-5shot", "arm reaches": "arm-reach",
    "arm over time": "arm-temporal", "arm carries": "arm-rearrange", "other robots": "robots",
    "sums": "compose", "held out": "particle-heldout", "held out, pointing": "identify-heldout",
}  # fmt: skip
AGENTS = {
    "oracle": "oracle energy", "replay of actions": "nearest replay", "averaged goals": "goal average",
    "nearest demonstration": "nearest demonstration", "SAC with hindsight": "SAC + HER",
    "SAC with five expert's episodes": "SAC + demonstrations", "TQC with hindsight": "TQC + HER",
}  # fmt: skip
Table = dict[str, dict[str, str]]


def cells(line: str) -> list[str]:
    return [part.strip().replace("*", "") for part in line.strip().strip("|").split("|")]


def table(text: str, first: str) -> Table:
    """The table whose head begins so: cells by line and column."""
    lines = text[text.index(first) :].split("\n\n")[0].splitlines()
    heads = [re.sub(r" \(.*", "", head) for head in cells(lines[0])]
    return {cells(line)[0]: dict(zip(heads, cells(line), strict=True)) for line in lines[2:]}


def number(cell: str) -> float | None:
    found = re.match(r"[\d.]+", cell)
    return float(found[0]) if found else None


def agent_of(name: str, known: Table) -> str:
    """Whom a line is about: the board's name, or the beginning of the document's."""
    found = [told for said, told in (AGENTS | {one: one for one in known}).items() if name.startswith(said)]
    return max(found, key=len)


@pytest.mark.parametrize(
    ("said", "built"),
    [
        ("| success | particles |", "## At a glance\n\n"),
        ("| success, on the part |", "## At a glance, on the part of those who learn each task\n\n"),
    ],
)
def test_findings_are_those_of_the_tables(said: str, built: str) -> None:
    findings = table((DOCS / "what-the-board-says.md").read_text(), said)
    tables = (DOCS / "board" / "tables.md").read_text()
    known = table(tables[tables.index(built) + len(built) :], "| agent |")
    assert len(findings) >= 6
    for name, line in findings.items():
        for head, cell in list(line.items())[1:]:
            expected = number(known[agent_of(name, known)].get(SUITES[head], ""))
            assert number(cell) == expected, f"{name}, {head}"


def test_steps_and_costs_are_copied_from_the_tables() -> None:
    tables = (DOCS / "board" / "tables.md").read_text().splitlines()
    text = (DOCS / "what-the-board-says.md").read_text()
    copied = text[text.index("### What learning from the reward takes") :].splitlines()
    lines = [line for line in copied if line.startswith("|")]
    assert len(lines) > 20 and set(lines) <= set(tables)
    (hours,) = [line for line in tables if line.startswith("The whole board: ")]
    assert hours in text and float(hours.split()[3]) < 24, "twelve hours of two cores"


def test_tables_are_those_of_the_rows() -> None:
    known = table((DOCS / "board" / "tables.md").read_text(), "| agent |")
    for path in ROWS:
        row = load_row(path)
        tasks = row.sound()
        told = known[str(row.agent["name"])][row.suite.name]
        wins = row.outcomes(tasks, row.whole(tasks))
        assert number(told) == pytest.approx(100 * wins.mean(), abs=0.051), path.name


def test_documents_count_the_rows() -> None:
    (told,) = re.findall(r"(\d+) rows are there", (DOCS.parent / "README.md").read_text())
    assert int(told) == len(ROWS)
