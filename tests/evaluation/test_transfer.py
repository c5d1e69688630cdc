"""The transfer tables: cells, what is kept of them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import conceptgym
import numpy as np
import pytest
from conceptgym.agents.planning_agent import oracle_agent
from conceptgym.concepts import get
from conceptgym.concepts.release import WEIGHTS
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.evaluation.bodies import make_body
from conceptgym.evaluation.episodes import Episode, run_episode, summary
from conceptgym.evaluation.reacher import reacher_episode
from conceptgym.evaluation.transfer import TABLES, Cell, evaluate_transfer, table_cells


def test_summaries_by_hand() -> None:
    episodes = [
        Episode(True, True, 0.01, 10, (0.01, 0.02), 100, 0.02),
        Episode(False, True, 0.2, 60, (0.03, 0.04), 300, 0.04),
        Episode(True, True, 0.03, 20, (0.05,), 200, 0.03),
    ]
    found = summary(episodes)
    assert (found.hits, found.once, found.of) == (2, 3, 3)
    assert found.error == 0.03 and found.steps == 15 and found.model_steps == 200
    assert found.median == 0.03 and found.p95 == pytest.approx(
        np.quantile([0.01, 0.02, 0.03, 0.04, 0.05], 0.95)
    )
    assert found.residual == 0.03
    with pytest.raises(ValueError, match="no episodes"):
        summary([])


def test_an_episode_is_the_same_again() -> None:
    env = ParticleEnv("near")
    first, again = (run_episode(env, oracle_agent(), 500_003, k=0) for _ in range(2))
    assert (first.success, first.steps, first.error) == (again.success, again.steps, again.error)
    assert first.success and first.steps < env.world.horizon and len(first.latencies) == first.steps
    assert first.model_steps > 0 and np.isnan(first.residual)


def test_every_table_has_its_cells() -> None:
    for table in TABLES:
        cells = table_cells(table)
        names = [cell.name for cell in cells]
        assert len(set(names)) == len(names) > 4
        assert {cell.agent for cell in cells} == {"concept", "oracle"}
        if table == "held-out pairs":
            assert all(cell.task.split == "held_out_pair" for cell in cells)
        if table == "held-out concepts":
            assert all(cell.task.split == "held_out_concept" for cell in cells)
    assert Cell("arm, wall", "above", None, "oracle").name == "arm_wall-above-oracle"
    with pytest.raises(ValueError, match="no table 'moon'"):
        table_cells("moon")


def test_cells_are_kept_and_read_again(tmp_path: Path) -> None:
    def run(starts: int = 2) -> str:
        return evaluate_transfer(
            WEIGHTS, tmp_path, tables=("particle",), concepts=("near",), agents=("oracle",), starts=starts
        )

    first = run()
    path = tmp_path / "particle-near-oracle.json"
    told = json.loads(path.read_text())
    assert told["summary"]["of"] == 2 and "| particle | near | oracle |" in first
    told["summary"]["hits"] = 0
    path.write_text(json.dumps(told))
    assert "| 0% |" in run(), "what is there is read"
    assert "| 0% |" not in run(starts=1), "another number of starts is another cell"
    more = evaluate_transfer(
        WEIGHTS, tmp_path, tables=("point",), concepts=("at",), agents=("oracle",), starts=1
    )
    assert "| point | at | oracle |" in more and "| particle | near | oracle |" in more, "a part adds to it"
    with pytest.raises(ValueError, match="no agents"):
        evaluate_transfer(WEIGHTS, tmp_path, agents=("ghost",))


def test_somebody_elses_robot_enacts_a_concept() -> None:
    """Gymnasium's Reacher: "at" by the true error, and "near" as it was learned on particles."""
    told = [reacher_episode(get("at"), None, 500_000 + start) for start in range(2)]
    assert all(one.success and one.once for one in told)
    assert all(one.steps == 60 and one.first < 60 and one.model_steps == 60 * 48 * 8 for one in told)
    learned = reacher_episode(get("near"), conceptgym.load_pretrained(), 500_000)
    assert learned.success and 0 <= learned.residual < 0.1
    missed = reacher_episode(get("far"), None, 500_000)
    assert missed.once == (missed.first < 60)


def test_a_randomised_arm_differs_from_start_to_start_and_is_still_commanded() -> None:
    env = make_body("arm, randomised", "near")
    env.reset(seed=0)
    drawn = env.state.episode.drawn
    env.reset(seed=1)
    assert len(drawn.factors) >= 1 and not np.array_equal(drawn.factors, env.state.episode.drawn.factors)
    assert run_episode(env, oracle_agent(), 500_000, k=0).success
