"""Rows beside rows: only what both have counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conceptgym.evaluation.board_tables import markdown
from conceptgym.evaluation.comparison import (
    REFERENCE,
    Curve,
    against,
    common,
    courses,
    learning,
    state_of,
    steps_until,
)
from conceptgym.evaluation.leaderboard import entry
from conceptgym.evaluation.markdown import markdown_table
from conceptgym.evaluation.records import Outcome, Record
from conceptgym.evaluation.rows import Row, collected
from conceptgym.evaluation.runner import cells_of, evaluate
from conceptgym.evaluation.suites import load_suite

PRACTISED = {
    "demonstrations": 0, "episodes": 0, "environment_steps": 2200, "model_steps": 0, "pretraining_steps": 0,
    "reward": True,
}  # fmt: skip
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
        agent = {**record.agent, "name": name, "source": "concept" if name == REFERENCE else "idle"}
        return replace(record, agent=agent, outcomes=outcomes, **changes)  # type: ignore[arg-type]

    return Row(row.suite, tuple(changed(record) for record in row.records))


def test_only_what_both_have_is_compared(idle: Row) -> None:
    ours = as_agent(idle, "ours", {("near", 0): 2, ("near", 1): 1, ("left_of", 0): 2, ("red", 1): 2})
    theirs = as_agent(idle, "theirs", {("near", 1): 2})
    part = Row(theirs.suite, tuple(r for r in theirs.records if r.item["action"] != "red"))
    ones, others = common(ours, part)
    assert ones.shape == (2, 2, 2) and ones[0, 0].tolist() == [1, 1] and ones[1, 0].tolist() == [1, 0]
    assert ones.mean(2).tolist() == [[1.0, 1.0], [0.5, 0.0]]
    assert others.mean(2).tolist() == [[0.0, 0.0], [1.0, 0.0]]
    (told,) = against(ours, [ours, part], np.random.default_rng(0))
    assert (told["agent"], told["tasks"], told["replicates"]) == ("theirs", 2, 2)
    assert told["mine"] == 0.625 and told["theirs"] == 0.25
    assert told["improvement"] == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    (back,) = against(part, [ours, part], np.random.default_rng(0))
    assert back["improvement"] == pytest.approx(1 - told["improvement"])
    # A replicate of which a cell is missing is left out.
    holed = Row(part.suite, tuple(r for r in part.records if (r.item["action"], r.replicate) != ("near", 0)))
    assert common(ours, holed)[0].mean(2).tolist() == [[0.5, 0.0]]
    (alone,) = against(ours, [holed], np.random.default_rng(0))
    assert alone["interval"] is None, "one replicate has no spread"
    # What one of them lacks elsewhere does not matter.
    failed = Row(ours.suite, tuple(r for r in ours.records if r.item["action"] != "red" or r.replicate))
    assert common(failed, part)[0].tolist() == ones.tolist()  # all starts
    assert failed.complete == [1]


def test_rows_of_other_suites_are_not_compared(idle: Row) -> None:
    other = Row(replace(idle.suite, digest="another"), as_agent(idle, "theirs", {}).records)
    assert against(idle, [other], np.random.default_rng(0)) == []


def test_tables_say_what_the_page_says(idle: Row) -> None:
    best = as_agent(idle, REFERENCE, {(a, r): 2 for a in ("near", "left_of", "red") for r in (0, 1)})
    curve = tuple(map(tuple, RISING.tolist()))
    learner = as_agent(idle, "a | <b>", {("near", 0): 2}, curve=curve, given=PRACTISED)
    text = markdown([entry(row, None, [best, learner]) for row in (learner, best)])
    lines = [line for line in text.splitlines() if line.startswith(("| concept", "| a &"))]
    assert lines[0] == "| concept agent | reference | 100.0% |", "at a glance"
    assert lines[1] == "| a &#124; &#60;b&#62; | reference | 16.7% |"
    assert lines[2] == "| a &#124; &#60;b&#62; | reference | 0 of 6 |", "no median, as none ever does"
    assert lines[3].startswith("| concept agent | reference |  |  |  |  |  |  |  |"), "it was given nothing"
    assert lines[4].startswith("| a &#124; &#60;b&#62; | reference |  |  | 2,200 |  |  | the reward |  |")
    lines = lines[5:]
    assert lines[0].startswith(
        "| concept agent | reference | 3 of 3 | 2 | 100.0%, 100.0% to 100.0% | 100.0%, 100.0% to 100.0% |"
    )
    assert lines[1].startswith("| a &#124; &#60;b&#62; |"), "names are no markup"
    assert "| 16.7%, 0.0% to 33.3% |" in lines[1] and "8.3%" in lines[1]
    assert "(3 tasks, 16.7% against 100.0%)" in lines[1]
    assert lines[2] == "| a &#124; &#60;b&#62; | 6 | 0 | 0 | 6 | 0 | 0 of 6 | never, never to never |"


def test_who_was_run_on_a_part_stands_below(idle: Row) -> None:
    part = as_agent(idle, "part", {("near", 0): 2, ("near", 1): 2})
    part = Row(part.suite, tuple(r for r in part.records if r.item["action"] == "near"))
    whole = as_agent(idle, "whole", {("near", 0): 1})
    text = markdown([entry(row, None, [part, whole]) for row in (part, whole)])
    assert "| part | reference | 100.0% (1 of 3) |" in text, "at a glance"
    assert text.index("| whole |") < text.index("| part |")
    assert "## At a glance, on the part" in text and "| agent | track | smoke (1) |" in text
    # Of who was run on everything the same task counts: one start of four.
    assert "| whole | reference | 25.0% |" in text and "| part | reference | 100.0% |" in text
    # Who was run on everything and failed somewhere was run on no part.
    holed = Row(whole.suite, tuple(r for r in whole.records if (r.item["action"], r.replicate) != ("red", 1)))
    assert "| agent | track | smoke (1) |" in markdown(
        [entry(row, None, [part, holed]) for row in (part, holed)]
    )
    assert "| 1 of 3 | 2 | 100.0%, 100.0% to 100.0% |" in text
    assert "--suite smoke-v1 --seeds 2 --task 'particle near'" in entry(part)["command"]
    assert "--task" not in entry(whole)["command"]


def test_a_table_has_a_cell_for_each_column() -> None:
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n|---|---|\n| 1 | 2 |"
    with pytest.raises(ValueError, match="a line has 1 cells, expected one for each of a, b"):
        markdown_table(("a", "b"), [("1",)])


def test_a_curve_comes_to_a_level_and_stays_or_never_does() -> None:
    # Practice of 2,200 steps: the last point, at 2,000, is a mean of the last 400.
    assert steps_until(Curve(0, RISING, 2200), 0.5) == 1000.0
    assert steps_until(Curve(0, RISING, 2200), 1.01) == np.inf
    assert steps_until(Curve(0, RISING, 2200), 0.8) == 1600.0
    assert steps_until(Curve(0, RISING, 2200), 0.81) == np.inf, "less than 400 steps are left to be sure"
    lucky = np.array([[100.0 * i, float(i == 1)] for i in range(1, 21)])
    assert steps_until(Curve(0, lucky, 2200), 0.5) == np.inf


def test_the_end_of_a_curve_is_flat_moves_or_is_too_short_to_tell() -> None:
    def state(values: list[float], window: float = 4.0) -> str:
        points = np.array([[float(step), value] for step, value in enumerate(values, 1)])
        return state_of(Curve(0, points, int(len(values) + window / 2)))

    assert state([min(i, 12) / 12 for i in range(30)]) == "flat" and state([0.0] * 30) == "nothing"
    assert state([1.0 + 4e-16] * 30) == "flat", "means of ones may exceed it"
    assert state([-4e-16] * 30) == "nothing", "and those of zeros may be less"
    assert state_of(Curve(0, RISING, 2200)) == "moving"
    assert state([0.0]) == "short" and state([0.5] * 30, window=26) == "short", "all points share episodes"
    # What means of so many episodes wobble by is no movement; twice that is.
    assert state([0.5 + 0.08 * (i > 23) for i in range(30)]) == "flat"
    assert state([0.4 + 0.3 * (i > 23) for i in range(30)]) == "moving"
    # A long curve tells more than a short one: its fifths are means of more episodes.
    gentle = [0.45 + 0.1 * (i > 230) for i in range(300)]
    assert state(gentle) == "moving" and state(gentle, window=100.0) == "flat"
    # A ramp over the last fifths is seen though neighbouring points share their episodes.
    assert state([0.12 + 0.68 * i / 29 for i in range(30)], window=10.0) == "moving"


def test_practice_is_measured_by_the_concept_agent(idle: Row, tmp_path: Path) -> None:
    all_of = {(action, replicate): 2 for action in ("near", "left_of", "red") for replicate in (0, 1)}
    # The reference fails at "red", which says nothing of learners there.
    reference = as_agent(idle, "concept agent", all_of | {("red", 0): 0, ("red", 1): 0})
    learner = as_agent(idle, "learner", {}, curve=tuple(map(tuple, RISING.tolist())), given=PRACTISED)
    told = learning(learner, [reference, learner], np.random.default_rng(0))
    states = {"curves": 6, "flat": 0, "nothing": 0, "moving": 6, "short": 0}
    # Its mean is 100%: 95% is its level, at 1,900 steps, after which there are too few episodes to be sure.
    assert told == states | {"judged": 4, "reached": 0, "until": None, "until_interval": (None, None)}
    half = as_agent(idle, "concept agent", {key: int(won > 0) for key, won in all_of.items()})
    told = learning(learner, [half, learner], np.random.default_rng(0))
    assert told == states | {"judged": 6, "reached": 6, "until": 900.0, "until_interval": (900.0, 900.0)}
    low = as_agent(idle, "low", {}, curve=tuple((100.0 * i, 0.0) for i in range(1, 21)), given=PRACTISED)
    never = learning(low, [reference, low], np.random.default_rng(0))
    assert never["reached"] == 0 and never["until"] is None and never["nothing"] == 6
    alone = learning(learner, [learner], np.random.default_rng(0))
    assert alone == states
    liar = replace(reference.records[0], agent={**reference.records[0].agent, "source": "idle"})
    assert learning(learner, [Row(idle.suite, (liar,))], np.random.default_rng(0)) == alone
    assert learning(idle, [reference], np.random.default_rng(0)) == {}
    assert all(isinstance(one, Outcome) for one in reference.cell(0, 0))


def test_runs_of_different_speed_have_a_median_and_an_interval(idle: Row) -> None:
    all_of = {(action, replicate): 2 for action in ("near", "left_of", "red") for replicate in (0, 1)}
    reference, learner = as_agent(idle, REFERENCE, all_of), as_agent(idle, "learner", {})
    tasks = [record for record in learner.records if record.outcomes]
    speeds = [100.0, 200.0, 300.0, 400.0, 5000.0, np.inf]

    def curve(steps: float) -> tuple[tuple[float, float], ...]:
        return tuple((float(step), float(step >= steps)) for step in range(100, 10_001, 100))

    given = {**PRACTISED, "environment_steps": 10_050}
    records = tuple(
        replace(one, curve=curve(speed), given=given) for one, speed in zip(tasks, speeds, strict=True)
    )
    told = learning(Row(idle.suite, records), [reference], np.random.default_rng(0))
    assert told["reached"] == 5 and told["judged"] == 6 and told["until"] == 350.0
    # 100 and 400 at one task, 200 and 5,000 at another, 300 and never at the third: of all 64 draws the
    # median is 200 in 4, and 5,000 in 4; in none of them it is more.
    assert told["until_interval"] == (200.0, 5000.0)


def test_drawn_curves_are_means_where_all_have_one(idle: Row) -> None:
    def curve(record: Record) -> Record:
        if record.item["action"] == "red":
            return record
        first = 100 if record.item["action"] == "near" else 300
        points = ((first, 0.0), (1100, 0.5 * record.replicate))
        return replace(record, curve=points, given={**record.given, "environment_steps": 1200})

    row = Row(idle.suite, tuple(curve(record) for record in idle.records))
    every, *each = (one for one in courses(row, [row]) if one)
    assert every["tasks"] == ["particle near", "particle left_of(red)"] and every["curves"] == 4
    assert [one["curves"] for one in each] == [2, 2]
    assert every["steps"][0] == 300 and every["steps"][-1] == 1100, "where all of them have one"
    assert every["low"] == [0.0] * len(every["steps"]), "the first replicate learned nothing"
    assert every["high"][-1] == 0.5 and every["mean"][-1] == 0.25
    # Of two curves from nothing to a half one began at 100, the other at 300.
    assert every["high"][0] == pytest.approx((0.5 * 200 / 1000 + 0.0) / 2, abs=1e-3)
    near = next(one for one in each if one["tasks"] == ["particle near"])
    assert near["steps"][0] == 100 and near["mean"][len(near["mean"]) // 2] == pytest.approx(0.125)
    assert courses(idle, [row]) == []
    apart = tuple(replace(r, curve=((1200, 1.0), (1300, 1.0))) if r.replicate else r for r in row.records)
    alone = courses(Row(row.suite, apart), [])
    apart_row = Row(row.suite, tuple(one for one in apart if one.item["action"] == "left_of"))
    assert [one and one["tasks"] for one in alone] == [None, None, None, ["identify red"]], "other steps"
    # Who practised less decides what all have in common.
    less = Row(row.suite, tuple(one for one in row.records if one.item["action"] != "left_of"))
    (common, *_), (none, *others) = courses(row, [row, less, idle]), courses(less, [less, apart_row])
    assert common and common["tasks"] == ["particle near"]
    assert none is None and others[0], "nothing in common"
