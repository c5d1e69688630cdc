"""Rows beside rows: only what both have counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conceptgym.evaluation.board_tables import markdown
from conceptgym.evaluation.comparison import against, common, flattened, learning, steps_until
from conceptgym.evaluation.leaderboard import entry
from conceptgym.evaluation.records import Outcome, Record
from conceptgym.evaluation.rows import Row, collected
from conceptgym.evaluation.runner import cells_of, evaluate
from conceptgym.evaluation.statistics import wilson
from conceptgym.evaluation.suites import load_suite

RISING = np.array([[100.0 * i, i / 20] for i in range(1, 21)])


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Row:
    """Do-nothing on the smoke suite, two replicates."""
    cells = cells_of(load_suite("smoke"), "idle", 2, tmp_path_factory.mktemp("records"))
    return collected(evaluate(cells, progress=False))[0]


def as_agent(row: Row, name: str, won: dict[tuple[str, int], int], **changes: object) -> Row:
    """The row of somebody who wins as many starts as is said of an action and a replicate, else none."""

    def changed(record: Record) -> Record:
        wins = won.get((record.item["action"], record.replicate), 0)
        outcomes = tuple(replace(one, success=i < wins) for i, one in enumerate(record.outcomes))
        agent = {**record.agent, "name": name}
        return replace(record, agent=agent, outcomes=outcomes, **changes)  # type: ignore[arg-type]

    return Row(row.suite, tuple(changed(record) for record in row.records))


def test_only_what_both_have_is_compared(idle: Row) -> None:
    ours = as_agent(idle, "ours", {("near", 0): 2, ("near", 1): 1, ("left_of", 0): 2, ("red", 1): 2})
    theirs = as_agent(idle, "theirs", {("near", 1): 2})
    part = Row(theirs.suite, tuple(r for r in theirs.records if r.item["action"] != "red"))
    ones, others = common(ours, part)
    assert ones.tolist() == [[1.0, 1.0], [0.5, 0.0]] and others.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    (told,) = against(ours, [ours, part], np.random.default_rng(0))
    assert (told["agent"], told["tasks"], told["replicates"]) == ("theirs", 2, 2)
    assert told["mine"] == 0.625 and told["theirs"] == 0.25
    assert told["improvement"] == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    (back,) = against(part, [ours, part], np.random.default_rng(0))
    assert back["improvement"] == pytest.approx(1 - told["improvement"])
    # A replicate of which a cell is missing is left out.
    holed = Row(part.suite, tuple(r for r in part.records if (r.item["action"], r.replicate) != ("near", 0)))
    assert common(ours, holed)[0].tolist() == [[0.5, 0.0]]


def test_rows_of_other_suites_are_not_compared(idle: Row) -> None:
    other = Row(replace(idle.suite, digest="another"), as_agent(idle, "theirs", {}).records)
    assert against(idle, [other], np.random.default_rng(0)) == []


def test_tables_say_what_the_page_says(idle: Row) -> None:
    best = as_agent(idle, "concept agent", {(a, r): 2 for a in ("near", "left_of", "red") for r in (0, 1)})
    learner = as_agent(idle, "learner", {("near", 0): 2}, curve=tuple(map(tuple, RISING.tolist())))
    text = markdown([entry(row, None, [best, learner]) for row in (learner, best)])
    lines = [line for line in text.splitlines() if line.startswith(("| concept", "| learner"))]
    assert lines[0].startswith("| concept agent | reference | 3 of 3 | 100.0% | 100.0%, 100.0% to 100.0% |")
    assert "| 16.7% |" in lines[1] and "8.3%" in lines[1] and "(3 tasks: 16.7% to 100.0%)" in lines[1]
    assert lines[2] == "| learner | 6 | 0 | 6 of 6 | 1,100, 1,100 to 1,100 |"


def test_a_curve_reaches_a_level_or_never() -> None:
    assert steps_until(RISING, 0.5) == 1000.0 and steps_until(RISING, 1.01) == np.inf
    flat = np.array([[float(i), min(i, 12) / 12] for i in range(1, 31)])
    assert flattened(flat) and not flattened(RISING) and not flattened(flat[:2])


def test_practice_is_measured_by_the_concept_agent(idle: Row, tmp_path: Path) -> None:
    all_of = {(action, replicate): 2 for action in ("near", "left_of", "red") for replicate in (0, 1)}
    # The reference fails at "red", which says nothing of learners there.
    reference = as_agent(idle, "concept agent", all_of | {("red", 0): 0, ("red", 1): 0})
    learner = as_agent(idle, "learner", {}, curve=tuple(map(tuple, RISING.tolist())))
    told = learning(learner, [reference, learner], np.random.default_rng(0))
    level = wilson(4, 4)[0]
    first = next(steps for steps, success in RISING if success >= level)
    assert told == {
        "curves": 6, "flat": 0, "judged": 4, "reached": 4, "until": first, "until_interval": (first, first),
    }  # fmt: skip
    low = as_agent(idle, "low", {}, curve=((100.0, 0.0), (200.0, 0.0), (300.0, 0.0)))
    never = learning(low, [reference, low], np.random.default_rng(0))
    assert never["reached"] == 0 and never["until"] is None and never["flat"] == 6
    assert learning(learner, [learner], np.random.default_rng(0)) == {"curves": 6, "flat": 0}
    assert learning(idle, [reference], np.random.default_rng(0)) == {}
    assert all(isinstance(one, Outcome) for one in reference.cell(0, 0))
