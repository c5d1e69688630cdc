"""The planners' table: equal budgets and equal care, kept cells, and what it says."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import conceptgym
import numpy as np
import pytest
from conceptgym.agents.planning_agent import Settings
from conceptgym.evaluation import planner_table as table
from conceptgym.evaluation.episodes import Episode, Summary, restored, stored, summary
from conceptgym.evaluation.transfer import FIRST_START

FOUND = summary([Episode(True, True, 0.0, 7, (0.01, 0.03), 128), Episode(False, True, 0.5, 9, (0.02,), 64)])


def test_every_planner_has_the_same_budget_and_as_many_choices() -> None:
    assert len({len(choices) for choices in table.CHOICES.values()}) == 1
    for stretched in table.HORIZONS.values():
        budgets = {
            (s.samples * (s.iterations + (s.planner == "gradient")), s.horizon, s.knots)
            for choices in table.CHOICES.values()
            for s in map(stretched, choices)
            if s.planner != "ilqg"  # which takes no samples
        }
        assert len(budgets) == 1
    short, long = (stretched(table.CHOICES["MPPI"][0]) for stretched in table.HORIZONS.values())
    assert short.horizon < long.horizon
    for choices in table.CHOICES.values():
        assert len({table.told(asdict(settings)) for settings in choices}) == len(choices)


def test_the_choice_is_that_which_solves_most_of_the_tuning_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Successes count first, model steps only between equals; what was tried is not tried again."""
    asked: list[tuple[str, int]] = []
    hits = {0.3: 1, 0.5: 2, 0.8: 2, 1.2: 0}

    def solved(world: str, agent: Settings, first: int, starts: int, k: int) -> Summary:
        deviation = agent.sampler.deviation  # type: ignore[attr-defined]
        asked.append((world, first))
        return replace(FOUND, hits=hits[deviation], model_steps=100.0 / deviation)

    monkeypatch.setattr(table, "oracle_agent", lambda settings: settings)
    monkeypatch.setattr(table, "_solved", solved)
    for _ in range(2):
        best = table.tuned("CEM", "0.75 s", tmp_path, 8)
        assert table.told(asdict(best)) == "deviation 0.8" and best.horizon == 15
    assert len(asked) == 4 * len(table.WORLDS)
    assert {first for _, first in asked} == {table.FIRST_TUNING}
    assert table.FIRST_TUNING + 8 < FIRST_START


def test_a_cell_is_kept_and_depends_on_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Settings] = []

    def solved(world: str, agent: Settings, first: int, starts: int, k: int) -> Summary:
        asked.append(agent)
        assert (first, starts, k) == (FIRST_START, 2, 0)
        return FOUND

    monkeypatch.setattr(table, "oracle_agent", lambda settings: settings)
    monkeypatch.setattr(table, "_solved", solved)
    cell = table.PlannerCell("near, trap", "MPPI", "2 s", "oracle")
    first, second = table.CHOICES["MPPI"][:2]
    for settings in (first, first, second):
        assert table._measured(cell, settings, None, tmp_path, 2).hits == FOUND.hits
    assert asked == [first, second]


def test_all_cells_are_measured_with_both_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For good: one cheap planner, one world; other weights are measured anew."""
    cheap = replace(table.CHOICES["MPPI"][1], samples=8)
    monkeypatch.setattr(table, "CHOICES", {"MPPI": (cheap,)})
    monkeypatch.setattr(table, "HORIZONS", {"0.75 s": lambda settings: settings})
    monkeypatch.setattr(table, "WORLDS", {"near": table.WORLDS["near"]})
    model = conceptgym.load_pretrained()
    rows = list(table.planner_rows(model, tmp_path, starts=1, tuning=1, worlds=("near",)))
    assert [cell.cost for cell, *_ in rows] == ["oracle", "energy"]
    assert all(settings == cheap and found.of == 1 for _, settings, found in rows)
    assert np.isnan(rows[0][2].residual) and rows[1][2].residual >= 0
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(times) == 3
    monkeypatch.setattr(type(model), "digest", "another")
    list(table.planner_rows(model, tmp_path, starts=1, tuning=1))
    changed = [path.name for path, time in times.items() if path.stat().st_mtime_ns != time]
    assert changed == ["near-MPPI-0.75s-energy.json"]


def test_a_summary_survives_json() -> None:
    none = summary([Episode(False, False, 1.0, 7, (0.01,), 128, float("nan"))])
    assert stored(none)["residual"] is None and stored(none)["steps"] is None
    assert str(restored(stored(none))) == str(none)
    assert str(restored(stored(FOUND))) == str(FOUND)


def test_the_table_says_what_was_measured_whenever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One part now, another one later: the table has both, in its own order, and not the tunings."""
    monkeypatch.setattr(table, "_solved", lambda *_: FOUND)
    for world, horizon in (("near, trap", "0.75 s"), ("near", "2 s")):
        rows = table.planner_rows(None, tmp_path, 2, 1, ("MPPI",), (world,), (horizon,))
        assert [(cell.world, cell.horizon) for cell, *_ in rows] == [(world, horizon)]
    lines = table.planner_table(tmp_path).splitlines()
    assert lines[2] == "| near | MPPI | 2 s | deviation 0.3 | oracle | 1 of 2 | 9% to 91% | 20.0 | 96 |"
    assert lines[3].startswith("| near, trap | MPPI | 0.75 s |") and len(lines) == 4


def test_planners_are_chosen_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_solved", lambda *_: pytest.fail("nothing is to be run"))
    with pytest.raises(ValueError, match=r"no planners \['MPC'\]"):
        list(table.planner_rows(None, tmp_path, planners=("MPC", "CEM")))
    with pytest.raises(ValueError, match=r"no worlds \['far'\]"):
        list(table.planner_rows(None, tmp_path, worlds=("far",)))
    with pytest.raises(ValueError, match=r"no horizons \['3 s'\]"):
        list(table.planner_rows(None, tmp_path, horizons=("3 s",)))
