"""The policy conditioned on demonstrations: it learns, resumes exactly, is kept, and acts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import conceptgym
import numpy as np
import pytest
import torch
from conceptgym.agents.baselines import feed_forward
from conceptgym.agents.baselines.conditional import WEIGHTS, Conditional, Follower
from conceptgym.agents.baselines.feed_forward import FeedForward, trained
from conceptgym.agents.baselines.goals import going_on
from conceptgym.agents.lesson import Lesson
from conceptgym.agents.mission import Draft, Intention
from conceptgym.agents.planning_agent import PlanningAgent
from conceptgym.concepts.catalogue import CATALOGUE
from conceptgym.concepts.energy.pool import MOVING, Pool, PoolConfig, build_pools
from conceptgym.concepts.energy.training import TINY, TrainConfig
from conceptgym.concepts.event import FRAME_SECONDS, Event
from conceptgym.concepts.model import Search
from conceptgym.concepts.task import Task
from conceptgym.envs.single import ConceptEnv
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


class _Failing:
    """Is interrupted at an update."""

    def __init__(self, function: Callable[..., None], at: int) -> None:
        """Wraps a function of (network, curriculum, config, step, ...)."""
        self.function, self.at = function, at

    def __call__(self, *arguments: Any) -> None:  # noqa: ANN401
        """Does what the function does, until then."""
        if arguments[3] == self.at:
            raise KeyboardInterrupt
        self.function(*arguments)


def test_a_resumed_training_is_the_same_training(
    pools: dict[int, Pool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: TrainConfig = replace(CONFIG, steps=6, save_every=3)
    whole, path = trained(config, pools), tmp_path / "checkpoint.safetensors"
    monkeypatch.setattr(feed_forward, "_backward", _Failing(feed_forward._backward, 4))
    with pytest.raises(KeyboardInterrupt):
        trained(config, pools, checkpoint=path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="another configuration"):
        trained(replace(config, steps=7), pools, checkpoint=path)
    again = trained(config, pools, checkpoint=path)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name


@pytest.mark.parametrize("concept", ["at", "slow"])
def test_it_goes_where_it_says(contestant: Conditional, concept: str) -> None:
    env = make_body("particle", concept)
    shown = env.demonstrations(5, 0)
    agent = contestant.learn(Lesson(lambda **more: make_body("particle", concept, None, **more), shown, 0))
    assert isinstance(agent, Follower) and isinstance(agent.inner, PlanningAgent)
    asked: list[int] = []
    drawn: list[int] = []
    predict = agent.inner.intend

    def counted(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Intention:
        asked.append(int(env.state.steps[0]))
        intention = predict(env, demonstrations, seed)
        draw = intention.draft
        assert draw is not None

        def draft(event: Event) -> Draft:
            drawn.append(asked[-1])
            return draw(event)

        return replace(intention, draft=draft)

    agent.inner.intend = counted
    before = after = 0.0
    for start in range(500_000, 500_003):
        env.reset(seed=start)
        before += float(env.world.info(env.state)["concept_error"][0])
        after += enact(env, agent, start, shown).error
    every = range(0, env.world.horizon, 5) if concept == "slow" else [0]
    assert asked == 3 * list(every), "a course of time is predicted anew, a place once"
    assert drawn == (asked if concept == "slow" else []), "each path is the last prediction's"
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


def test_scenery_goes_on_as_it_does_now() -> None:
    env = make_body("particle", "follow")
    env.reset(seed=1)
    for _ in range(7):
        env.step(np.zeros(2, dtype=np.float32))
    seen, now = env.event, 7 * env.world.dt
    guess = going_on(env)
    times = np.arange(env.world.frames + 1) * FRAME_SECONDS
    past = times <= now
    assert np.array_equal(guess.positions[past], seen.positions[past])
    ours = env.event.movable
    assert np.array_equal(guess.positions[:, ours], seen.positions[:, ours])
    others = np.flatnonzero(~ours & env.event.present)
    speed = env.state.velocities[0, others]
    assert np.abs(speed).max() > 0.05
    wanted = np.clip(seen.positions[-1, others] + (times[-1] - now) * speed, -1, 1)
    assert np.allclose(guess.positions[-1, others], wanted, atol=1e-6)


def test_other_files_are_refused(tmp_path: Path, network: FeedForward) -> None:
    path = tmp_path / "policy.safetensors"
    with pytest.raises(FileNotFoundError):
        FeedForward.load(path)
    network.save(path, CONFIG)
    assert FeedForward.load(path)[0].digest == network.digest
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="no intact safetensors file"):
        FeedForward.load(path)


def test_the_shipped_policy_is_not_smaller_than_the_energy_and_knows_its_concepts() -> None:
    shipped, steps = FeedForward.load(WEIGHTS)
    modules = (shipped.network, conceptgym.load_pretrained().networks)
    sizes = [sum(p.numel() for p in module.parameters()) for module in modules]
    assert 1.0 < sizes[0] / sizes[1] < 1.4 and steps == 16_000
    protocol = Protocol(sets=40)
    for name, mode in (("near", "generate"), ("follow", "generate"), ("closest", "identify")):
        assert concept_cell(shipped, CATALOGUE[name], mode, protocol).rate > 0.8
