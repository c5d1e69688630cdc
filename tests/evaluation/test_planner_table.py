"""The planners' table: equal budgets, and what it says of a trap."""

from __future__ import annotations

from conceptgym.evaluation import planner_table as table
from conceptgym.evaluation.episodes import Episode, summary


def test_every_sampler_has_the_same_budget() -> None:
    for stretched in table.HORIZONS.values():
        budgets = {
            (s.samples * (s.iterations + (s.planner == "gradient")), s.horizon, s.knots)
            for s in map(stretched, table.SAMPLERS.values())
            if s.planner != "ilqg"  # which takes no samples
        }
        assert len(budgets) == 1
    short, long = (stretched(table.SAMPLERS["MPPI"]) for stretched in table.HORIZONS.values())
    assert short.horizon < long.horizon


def test_the_table_says_what_was_measured() -> None:
    found = summary(
        [Episode(True, True, 0.0, 7, (0.01, 0.03), 128), Episode(False, True, 0.5, 9, (0.02,), 64)]
    )
    text = table.planner_table(iter([table.PlannerRow("near", "MPPI", "2 s", "oracle", found)]))
    assert "| near | MPPI | 2 s | oracle | 1 of 2 | 9% to 91% | 20.0 | 96 |" in text
