"""What the board consists of fits the suites, and is spread over the families."""

from __future__ import annotations

from pathlib import Path

import pytest
from conceptgym.agents import roster
from conceptgym.concepts.catalogue import CATALOGUE
from conceptgym.evaluation.bodies import make_body
from conceptgym.evaluation.plan import CHEAP, HEADLINE_SUITES, SUBSET, TRAINED, planned
from conceptgym.evaluation.suites import load_suite, suite_names


def test_everybody_is_on_the_board_once() -> None:
    assert sorted((*CHEAP, *TRAINED)) == sorted(roster.CONTESTANTS)


def test_cheap_agents_are_run_on_every_task() -> None:
    cells = list(planned("random", Path("x")))
    tasks = {(cell.suite, cell.item) for cell in cells}
    assert tasks == {(name, i) for name in suite_names() for i in range(len(load_suite(name).items))}
    assert {cell.replicate for cell in cells} == set(range(5))
    assert len(set(cells)) == len(cells)


@pytest.mark.parametrize("agent", ["concept", "conditional"])
def test_those_whom_headlines_are_about_have_ten_replicates(agent: str) -> None:
    counts: dict[tuple[str, int], set[int]] = {}
    for cell in planned(agent, Path("x")):
        counts.setdefault((cell.suite, cell.item), set()).add(cell.replicate)
    for (suite, _), found in counts.items():
        assert found == set(range(10 if suite in HEADLINE_SUITES else 5))
    assert {"particle-5shot", "arm-reach"} <= set(HEADLINE_SUITES) < {suite for suite, _ in counts}


def test_the_part_is_as_large_as_promised_and_of_many_families() -> None:
    of = {
        body: [n for part in SUBSET.values() for n in part if n.startswith(body)]
        for body in ("particle", "identify", "arm")
    }
    assert len(of["particle"]) >= 8 and len(of["identify"]) >= 4 and len(of["arm"]) >= 6
    names = [name.split()[1].partition("(")[0] for part in of.values() for name in part]
    assert {CATALOGUE[name].family for name in names} >= {
        "spatial", "proximity", "arrangement", "temporal", "social", "extremes", "visual",
    }  # fmt: skip


@pytest.mark.parametrize("agent", ["sac", "sac-her"])
def test_learners_of_goals_are_run_where_there_is_one(agent: str) -> None:
    cells = list(planned(agent, Path("x")))
    items = {
        (load_suite(c.suite).items[c.item].body, load_suite(c.suite).items[c.item].action) for c in cells
    }
    assert len(items) == {"sac": 18, "sac-her": 10}[agent] and len(cells) >= 5 * len(items)
    if agent == "sac-her":
        for body, action in items:
            make_body(body, action, goal=True, reward="sparse").close()
