"""The policy conditioned on demonstrations: it learns, resumes exactly, is kept, and acts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conceptgym.agents.baselines.conditional import Conditional, Follower
from conceptgym.agents.baselines.feed_forward import FeedForward, trained
from conceptgym.agents.lesson import Lesson
from conceptgym.agents.planning_agent import PlanningAgent
from conceptgym.concepts.catalogue import CATALOGUE
from conceptgym.concepts.energy.pool import MOVING, Pool, PoolConfig, build_pools
from conceptgym.concepts.energy.training import TINY, TrainConfig
from conceptgym.concepts.model import Search
from conceptgym.concepts.task import Task
from conceptgym.evaluation.bodies import make_body
from conceptgym.evaluation.energy_cells import (
    Protocol,
    concept_cell,
    demonstration_sets,
    generation_scenes_of,
    infer_codes,
)
from conceptgym.evaluation.episodes import enact

CONFIG = replace(
    TINY,
    steps=160,
    broad_moving=8,
    moving_every=2,
    warmup=20,
    save_every=100,
    pool=PoolConfig(rows=200, pair_rows=0, drawn=0, width=6, concepts=("at", "red", "slow")),
)


@pytest.fixture(scope="module")
def pools() -> dict[int, Pool]:
    return build_pools(CONFIG.pool, progress=False)


@pytest.fixture(scope="module")
def network(pools: dict[int, Pool]) -> FeedForward:
    return trained(CONFIG, pools)


@pytest.fixture(scope="module")
def contestant(network: FeedForward, tmp_path_factory: pytest.TempPathFactory) -> Conditional:
    path = tmp_path_factory.mktemp("weights") / "policy.safetensors"
    network.save(path, CONFIG)
    return Conditional(path)


def test_it_learns_what_is_easy(network: FeedForward) -> None:
    protocol = Protocol(sets=60)
    assert concept_cell(network, CATALOGUE["red"], "identify", protocol).rate > 0.9
    task = Task(CATALOGUE["at"])
    scene = generation_scenes_of(task, protocol)
    code = infer_codes(network, demonstration_sets(task, "generate", protocol), protocol)
    made = network.generate(scene, code, search=Search())
    assert np.median(task.error(made)) < 0.25 * np.median(task.error(scene))


def test_a_resumed_training_is_the_same_training(pools: dict[int, Pool], tmp_path: Path) -> None:
    config: TrainConfig = replace(CONFIG, steps=6, save_every=3)
    whole = trained(config, pools)
    path = tmp_path / "checkpoint.safetensors"
    trained(replace(config, steps=4), pools, checkpoint=path)  # ends after the checkpoint at 3
    # Rates depend on the number of updates: up to the warm-up's end they are the same.
    again = trained(config, pools, checkpoint=path)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name


@pytest.mark.parametrize("concept", ["at", "slow"])
def test_it_goes_where_it_says(contestant: Conditional, concept: str) -> None:
    env = make_body("particle", concept)
    shown = env.demonstrations(5, 0)
    agent = contestant.learn(Lesson(lambda **more: make_body("particle", concept, None, **more), shown, 0))
    assert isinstance(agent, Follower) and isinstance(agent.inner, PlanningAgent)
    before = after = 0.0
    for start in range(500_000, 500_003):
        env.reset(seed=start)
        before += float(env.world.info(env.state)["concept_error"][0])
        after += enact(env, agent, start, shown).error
    if concept == "at":
        assert after < 0.5 * before
    assert agent.given.demonstrations == 5 and agent.given.pretraining_steps == CONFIG.steps
    assert not agent.given.reward


def test_it_points_at_whom_it_says(contestant: Conditional) -> None:
    env = make_body("identify", "red")
    shown = env.demonstrations(5, 0)
    agent = contestant.learn(Lesson(lambda **more: make_body("identify", "red", None, **more), shown, 0))
    assert sum(enact(env, agent, 500_000 + start, shown).success for start in range(20)) >= 17


def test_a_course_of_time_is_predicted(network: FeedForward) -> None:
    task = Task(CATALOGUE["slow"])
    scene = generation_scenes_of(task, Protocol(sets=20))
    shown = demonstration_sets(task, "generate", Protocol(sets=20))
    made = network.generate(scene, network.infer(shown), search=Search())
    assert made.positions.shape == scene.positions.shape and scene.positions.shape[1] > MOVING
    moved = (made.positions != scene.positions).any((1, 3))
    assert np.array_equal(moved, np.asarray(scene.movable))


def test_other_files_are_refused(tmp_path: Path, network: FeedForward) -> None:
    path = tmp_path / "policy.safetensors"
    with pytest.raises(FileNotFoundError):
        FeedForward.load(path)
    network.save(path, CONFIG)
    assert FeedForward.load(path)[0].digest == network.digest
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="no intact safetensors file"):
        FeedForward.load(path)
