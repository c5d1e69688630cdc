"""Imitation: what is copied, how chunks are acted out, and that enough demonstrations suffice."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from conceptgym.agents.agent import Agent, Given
from conceptgym.agents.baselines.canonical import Canonical, Reading, order_of, what_matters
from conceptgym.agents.baselines.cloning import (
    ChunkedCloning,
    Cloning,
    CloningConfig,
    DiffusionCloning,
    squared_cosine,
)
from conceptgym.agents.baselines.implicit import ImplicitCloning
from conceptgym.agents.baselines.supervised import Dataset, PolicyAgent, dataset
from conceptgym.agents.demonstrations import EpisodeArrays
from conceptgym.agents.lesson import Lesson, Meter, Metered, recorded_episode
from conceptgym.concepts.event import Event
from conceptgym.envs.arm.env import ArmEnv
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.envs.single import ConceptEnv
from conceptgym.evaluation.bodies import make_body
from conceptgym.evaluation.episodes import enact


def test_chunks_are_the_next_actions_and_the_last_one_goes_on() -> None:
    env = ParticleEnv("near")
    episode = recorded_episode(env, 0)
    data = dataset([episode], Reading(0), horizon=4)
    assert data.chunks.shape == (len(episode.actions), 4, 2)
    assert torch.equal(data.chunks[3], torch.from_numpy(episode.actions[3:7]))
    assert torch.equal(data.chunks[-1], torch.from_numpy(episode.actions[-1:]).expand(4, -1))
    spread = data.observations.std(0, unbiased=False)
    varying = (spread > 0) & (data.deviation > 0.051)
    assert torch.allclose(spread[varying], torch.ones(()), atol=0.01) and spread.max() < 1.01
    assert data.observations.mean(0).abs().max() < 1e-3


def test_what_hardly_varied_is_not_blown_up() -> None:
    """In "guard" places of the past differ by hundredths among five episodes, and elsewhere by more."""
    env = ParticleEnv("guard")
    reading = Reading.of(env.world)
    episodes = [recorded_episode(env, seed) for seed in range(5)]
    data = dataset(episodes, reading)
    found = (data.observations * data.deviation + data.mean).std(0, unbiased=False)
    little, never = (found > 1e-3) & (found < 0.05), found < 1e-6
    assert little.any() and never.any() and (found > 0.05).any()
    assert torch.allclose(data.deviation[little], torch.tensor(0.05))
    assert torch.equal(data.deviation[never], torch.ones(int(never.sum())))


def test_what_is_far_off_all_demonstrations_is_drawn_nearer() -> None:
    data = dataset([recorded_episode(ParticleEnv("near"), 0)], Reading(0))
    for share, wanted in ((3.0, 3.0), (1000.0, 10.0), (-1000.0, -10.0)):
        seen = data.standardised((data.mean + share * data.deviation).numpy())
        torch.testing.assert_close(seen, torch.full_like(seen, wanted), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("concept", "body"), [("between", "particle"), ("square", "particle"), ("near", "identify")]
)
def test_observations_do_not_depend_on_the_slots_and_actions_find_their_entities(
    concept: str, body: str
) -> None:
    env = make_body(body, concept)
    seen, _ = env.reset(seed=3)
    shuffle = np.random.default_rng(0).permutation(len(seen["marker"]))
    mixed = {name: part[shuffle] if len(part) == len(shuffle) else part for name, part in seen.items()}
    one, two = order_of(seen), order_of(mixed)
    reading = Reading.of(env.world)
    assert np.array_equal(reading.vector(seen, one), reading.vector(mixed, two))
    assert seen["marker"][one[0]] == seen["marker"].max()
    assert reading.each == {"between": 0, "square": 2, "near": 1}[concept]
    action = np.arange(env.action_space.shape[0], dtype=np.float32)  # type: ignore[index]
    assert np.array_equal(reading.restored(reading.sorted(action, one), one), action)
    if reading.each:
        split = action.reshape(-1, reading.each)
        there = int(seen["present"].sum()) * reading.each  # padding is in any order
        moved = reading.sorted(split[shuffle].ravel(), two)
        assert np.array_equal(moved[:there], reading.sorted(action, one)[:there])


@pytest.mark.parametrize(
    ("concept", "argument", "body", "looks"),
    [
        ("between", None, "particle", False),
        ("visit_in_order", None, "particle", True),
        ("near", "red", "particle", True),
        ("red", None, "identify", True),
        ("near", None, "arm", False),
    ],
)
def test_looks_are_seen_where_the_task_depends_on_them(
    concept: str, argument: str | None, body: str, looks: bool
) -> None:
    world = make_body(body, concept, argument).world
    assert Reading.of(world).looks == looks


@pytest.mark.parametrize(
    ("concept", "argument", "body", "others"),
    [
        ("between", None, "particle", False),
        ("move_to_closest", None, "particle", False),
        ("near", "red", "particle", True),
        ("near", "closest", "particle", True),
        ("red", None, "identify", True),
        ("follow", None, "arm", False),
        ("guard", None, "particle", False),
    ],
)
def test_others_are_seen_where_the_task_depends_on_them(
    concept: str, argument: str | None, body: str, others: bool
) -> None:
    env = make_body(body, concept, argument)
    reading = Reading.of(env.world)
    assert reading.others == others
    for start in range(5):
        seen, _ = env.reset(seed=start)
        strangers = seen["present"] > 0
        for name in ("attention", "marker", "movable"):
            strangers &= seen.get(name, np.zeros_like(strangers)) == 0
        if not strangers.any():
            continue
        for name in {"positions", "velocities", "history"} & set(seen):
            moved = dict(seen, **{name: seen[name] + 0.3 * strangers[:, None].astype(np.float32)})
            one, two = (reading.vector(each, order_of(seen)) for each in (seen, moved))
            assert np.array_equal(one, two) != others, name
        return
    raise AssertionError("no start has an entity that the task does not concern")


@pytest.mark.parametrize(
    "env",
    [
        ParticleEnv("near", layout="trap"),
        ParticleEnv("near", collisions=True),
        ArmEnv("square", gripper="pusher"),
    ],
)
def test_others_are_seen_where_they_are_in_the_way(env: ConceptEnv) -> None:
    assert Reading.of(env.world).others


def test_others_are_seen_where_the_error_asks_for_them() -> None:
    world = ParticleEnv("near").world
    events = world.task.sample(np.random.default_rng(0), 32)

    class Crowded:
        """A task whose error depends on everybody's place."""

        generation = replace(world.task.generation, error=lambda event: event.positions.sum((1, 2, 3)))

        def sample(self, rng: np.random.Generator, batch: int) -> Event:
            return events

    assert what_matters(world) == (False, False)
    assert what_matters(replace_task(world, Crowded())) == (False, True)


def replace_task(world: Any, task: object) -> Any:  # noqa: ANN401  (a world)
    """The same world, with something for a task that worlds would refuse."""
    told = copy(world)
    object.__setattr__(told, "task", task)
    return told


@pytest.mark.parametrize("control", ["grab", "push"])
@pytest.mark.parametrize("concept", ["near", "follow"])
def test_the_hand_is_seen(control: str, concept: str) -> None:
    env = ParticleEnv(concept, control=control)
    reading = Reading.of(env.world)
    seen, _ = env.reset(seed=0)
    moved = dict(seen, positions=seen["positions"] + 0.1 * seen["hand"][:, None])
    one, two = (reading.vector(each, order_of(seen)) for each in (seen, moved))
    assert not np.array_equal(one, two)


def policy(execute: int, ensemble: float) -> tuple[PolicyAgent, list[int]]:
    """Chunks of three that say when they were asked for: 0.1, 0.2, ... and a step more for later actions."""
    asked: list[int] = []

    def decide(seen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        asked.append(1)
        return torch.tensor([[0.1 * len(asked)]] * 3)

    empty = torch.zeros(4)
    data = Dataset(torch.zeros(1, 4), torch.zeros(1, 3, 1), empty, torch.ones(4))
    agent = PolicyAgent(decide, data, Given(), execute=execute, ensemble=ensemble)
    return agent, asked


def acted(agent: PolicyAgent, steps: int) -> list[float]:
    one = np.zeros(1, dtype=np.float32)
    seen = {"positions": np.zeros((1, 2), dtype=np.float32), "marker": one, "present": one}
    return [float(agent.act(seen)[0]) for _ in range(steps)]


def test_chunks_are_acted_out_and_asked_for_anew() -> None:
    agent, asked = policy(execute=2, ensemble=0.0)
    assert acted(agent, 5) == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3]) and len(asked) == 3


def test_chunks_of_one_action_are_asked_for_in_every_step() -> None:
    data = Dataset(torch.zeros(1, 4), torch.zeros(1, 1, 1), torch.zeros(4), torch.ones(4))
    agent = PolicyAgent(lambda seen, generator: torch.tensor([[0.3]]), data, Given(), ensemble=0.1)
    assert acted(agent, 3) == pytest.approx([0.3] * 3)
    for execute, horizon in ((4, 1), (0, 1)):
        with pytest.raises(ValueError, match="1 <= execute <= horizon"):
            CloningConfig(execute=execute, horizon=horizon)


def test_chunks_are_blended_over_time_with_the_oldest_first() -> None:
    agent, asked = policy(execute=1, ensemble=0.5)
    weights = np.exp(-0.5 * np.arange(3))
    third = (weights * [0.1, 0.2, 0.3]).sum() / weights.sum()
    fourth = (weights * [0.2, 0.3, 0.4]).sum() / weights.sum()
    assert acted(agent, 4)[2:] == pytest.approx([third, fourth]) and len(asked) == 4


def test_the_nearest_comes_first_and_who_is_passed_keeps_its_slot() -> None:
    places = np.array([[0.0, 0.0], [0.5, 0.0], [-0.4, 0.0], [0.1, 0.0], [0.0, 0.3]], dtype=np.float32)
    marker = np.array([1, 0, 0, 0, 0], dtype=np.float32)
    attention = np.array([0, 1, 1, 0, 1], dtype=np.float32)
    present = np.ones(5, dtype=np.float32)
    seen = {"positions": places, "marker": marker, "attention": attention, "present": present}
    assert order_of(seen).tolist() == [0, 4, 2, 1, 3], "marked, attended from near to far, others"
    assert order_of(seen | {"marker": 0 * marker}).tolist() == [2, 4, 1, 0, 3], "from left to right"


def test_an_order_is_kept_for_an_episode() -> None:
    env = Canonical(Metered(ParticleEnv("square"), Meter()))
    env.reset(seed=0)
    raw: Any = env.unwrapped
    before = env._order.copy()
    for _ in range(40):
        here, toward = raw.state.positions[0], raw.state.positions[0][::-1]
        there = np.clip(4 * (toward - here), -1, 1).astype(np.float32).ravel()
        env.step(env._reading.sorted(there, env._order))
    now = {name: part[0] for name, part in raw.world.observe(raw.state).items()}
    assert not np.array_equal(order_of(now), before), "they did change places"
    assert np.array_equal(env._order, before)


def test_chunks_find_their_entities_though_these_change_places() -> None:
    def decide(seen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return torch.tensor([[0.1, 0.1, 0.2, 0.2]] * 3)

    data = Dataset(torch.zeros(1, 10), torch.zeros(1, 3, 4), torch.zeros(10), torch.ones(10))
    agent = PolicyAgent(decide, data, Given(), execute=3)
    agent._reading = Reading(each=2)
    one, none = np.ones(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    for places in ([[0.3, 0.0], [-0.3, 0.0]], [[-0.3, 0.0], [0.3, 0.0]]):
        seen = {"positions": np.array(places, np.float32), "marker": none, "present": one, "movable": one}
        assert agent.act(seen) == pytest.approx([0.2, 0.2, 0.1, 0.1]), "the second was on the left at first"


def test_learners_see_shown_episodes_in_one_order_each() -> None:
    """Two that may move change places; what the first one on the left does stays in the first columns."""
    places = np.array([[[0.3, 0.0], [-0.3, 0.0]], [[-0.3, 0.0], [0.3, 0.0]]] * 2, np.float32)[:3]
    flags = {"marker": 0.0, "present": 1.0, "movable": 1.0}
    observations = {name: np.full((3, 2), value, np.float32) for name, value in flags.items()}
    actions = np.array([[0.1, 0.1, 0.2, 0.2]] * 2, np.float32)
    episode = EpisodeArrays({**observations, "positions": places}, actions, np.zeros(2, np.float32), 0)
    data = dataset([episode], Reading(each=2), horizon=2)
    assert torch.equal(data.chunks, torch.tensor([0.2, 0.2, 0.1, 0.1]).expand(2, 2, 4))


def test_the_noise_schedule_falls_from_one_to_nothing() -> None:
    kept = squared_cosine(50)
    assert torch.all(kept[1:] < kept[:-1]) and kept[0] > 0.99 and kept[-1] < 0.01
    assert float(kept[24]) == pytest.approx(0.4938, abs=1e-3), "half way, by equation 17"


SMALL = CloningConfig(updates=1000, width=64)


@pytest.mark.parametrize(
    ("contestant", "share"),
    [
        (Cloning(SMALL), 0.5),
        (ChunkedCloning(replace(SMALL, horizon=2, updates=400), ensemble=0.0), 0.85),
        (ImplicitCloning(replace(SMALL, updates=600)), 0.5),
        (DiffusionCloning(replace(SMALL, horizon=2, execute=1, updates=1500)), 0.8),  # its samples vary
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_expert_is_copied_where_it_was_seen(
    contestant: Any,  # noqa: ANN401
    share: float,
    shown_lesson: Callable[[str], Lesson],
) -> None:
    given = shown_lesson("near")
    agent: Agent = contestant.learn(given)
    assert given.meter.episodes == 5 == agent.given.episodes and given.meter.steps == 0
    env = ParticleEnv("near")
    gaps, sizes = [], []
    for episode in given.episodes(5):
        env.reset(seed=episode.seed)
        agent.reset(env, None, 0)
        for step, action in enumerate(episode.actions[:10]):
            said = agent.act(episode.seen(step))
            gaps.append(np.abs(said - action).mean())
            sizes.append(np.abs(action).mean())
    assert np.mean(gaps) < share * np.mean(sizes), "closer by far than doing nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("contestant", "level"),
    [(Cloning(), 0.95), (DiffusionCloning(), 0.95), (ImplicitCloning(), 0.95)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_five_hundred_demonstrations_suffice(
    contestant: Any,  # noqa: ANN401
    level: float,
    shown_lesson: Callable[[str], Lesson],
) -> None:
    # "offset" has one solution a scene; where there are many ("near"), squared error goes to their mean.
    settings = replace(contestant.settings, episodes=500, updates=10_000)
    env, agent = ParticleEnv("offset"), replace(contestant, settings=settings).learn(shown_lesson("offset"))
    rate = np.mean([enact(env, agent, start, None).success for start in range(500_000, 500_100)])
    assert rate >= level
