"""Goals without a model, and replay: slots mean nothing; where something was shown it is brought about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from conceptgym import concepts
from conceptgym.agents.baselines.floors import Replay
from conceptgym.agents.baselines.goals import (
    copied_ways,
    goal_average,
    intention,
    mean_ways,
    nearest_demonstration,
)
from conceptgym.agents.copying import along
from conceptgym.agents.lesson import Lesson
from conceptgym.agents.mission import DRAFTS
from conceptgym.agents.planning_agent import PLANNING
from conceptgym.agents.roster import find
from conceptgym.concepts.event import Event
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.evaluation.bodies import make_body
from conceptgym.evaluation.episodes import enact
from scipy.spatial.distance import pdist


def shuffled(event: Event, rng: np.random.Generator) -> Event:
    """The same scene in other slots."""
    order = rng.permutation(event.positions.shape[-2])
    return event.replace(
        positions=event.positions[..., order, :],
        **{
            name: getattr(event, name)[..., order]
            for name in ("sizes", "present", "marker", "movable", "attention")
        },
        colors=event.colors[..., order, :],
    )


def begun(one: Event) -> Event:
    """A demonstration in which those who move have not moved yet."""
    return one.replace(positions=np.where(one.movable[:, None], one.positions[:1], one.positions))


def test_slots_of_demonstrations_and_scenes_mean_nothing() -> None:
    rng = np.random.default_rng(1)
    shown = concepts.get("square").demonstrations(5, seed=1)
    # Five times the same square, in other slots: their mean is that square, and no smaller one.
    same = shown[np.zeros(5, dtype=int)]
    mixed = same.map(np.copy)
    for row in range(5):
        other = shuffled(same[row], rng)
        for name in ("positions", "sizes", "present", "marker", "movable", "attention", "colors"):
            getattr(mixed, name)[row] = getattr(other, name)
    assert not np.array_equal(mixed.positions, same.positions)
    ways = mean_ways(shown[0], mixed)
    square = shown.final[0][shown.movable[0]]
    assert np.allclose(np.sort(pdist(ways[-1])), np.sort(pdist(square)))
    scene = begun(shown[1])
    other = shuffled(scene, rng)
    for choose in (mean_ways, copied_ways):
        aims = [along(event, choose(event, shown))[-1, event.movable] for event in (scene, other)]
        assert np.allclose(*(aim[np.lexsort(aim.T)] for aim in aims))


@pytest.mark.parametrize("name", ["square", "near", "follow", "between"])
def test_a_start_that_was_shown_brings_what_was_shown(name: str) -> None:
    shown = concepts.get(name).demonstrations(5, seed=3)
    for row in range(5):
        # Those who are attended and move are anchored by where they are: there as at the end.
        scene = begun(shown[row])
        aims = along(scene, copied_ways(scene, shown))
        wanted, found = shown[row].final[shown.movable[row]], aims[-1, shown.movable[row]]
        if name == "square":
            found, wanted = found - found.mean(0), wanted - wanted.mean(0)
            assert np.allclose(np.sort(pdist(found)), np.sort(pdist(wanted)))
        else:
            assert np.allclose(found, wanted)


def test_a_copied_square_is_a_square(shown_lesson: Callable[[str], Lesson]) -> None:
    env, shown = ParticleEnv("square"), concepts.get("square").demonstrations(5, seed=1)
    agent = nearest_demonstration().learn(shown_lesson("square"))
    assert all(enact(env, agent, start, shown).success for start in range(500_000, 500_003))


@pytest.mark.parametrize("name", ["near", "square"])
def test_replay_sees_no_slots(name: str, shown_lesson: Callable[[str], Lesson]) -> None:
    given = shown_lesson(name)
    agent = Replay(3).learn(given)
    first = given.episodes(1)[0]
    env = ParticleEnv(name)
    env.reset(seed=first.seed)
    for scene in (env.event, shuffled(env.event, np.random.default_rng(0))):
        begun = scene.replace(positions=scene.positions[-1:]).map(lambda array: array[None])
        observation, info = env.reset(seed=1, options={"scene": begun})
        agent.reset(env, None, 0)
        done = False
        while not done:
            observation, _, terminated, truncated, info = env.step(agent.act(observation))
            done = terminated or truncated
        assert info["is_success"]


def test_replay_from_a_known_start_is_what_was_shown(shown_lesson: Callable[[str], Lesson]) -> None:
    given = shown_lesson("near")
    agent = Replay(3).learn(given)
    seed = given.episodes(1)[0].seed
    env = ParticleEnv("near")
    assert enact(env, agent, seed, None).success


def test_averaged_goals_are_right_where_the_goal_is_one_place(shown_lesson: Callable[[str], Lesson]) -> None:
    env = ParticleEnv("at")
    agent = goal_average().learn(shown_lesson("at"))
    shown = env.demonstrations(5, 0)
    assert sum(enact(env, agent, start, shown).success for start in range(500_000, 500_003)) >= 2
    env.reset(seed=1)
    event = env.event
    aim = along(event, mean_ways(event, shown))[-1, event.movable]
    assert np.allclose(aim, event.initial[(event.attention > 0.5)], atol=1e-3)


def test_averaged_goals_know_nothing_of_whom_a_task_is_about() -> None:
    env = make_body("particle", "near", "red")
    env.reset(seed=1)
    shown, scene = env.demonstrations(5, 0), env.event
    other = np.flatnonzero((scene.attention < 0.5) & scene.candidates)[0]
    lied = scene.replace(attention=(np.arange(len(scene.sizes)) == other).astype(np.float32))
    aims = []
    for event in (scene, lied):
        env.reset(seed=1, options={"scene": event.replace(positions=event.positions[:1])})
        aims.append(intention(mean_ways)(env, shown, 0).targets(event))
    assert not np.array_equal(scene.attention, lied.attention)
    assert np.array_equal(aims[0], aims[1])


@pytest.mark.parametrize("name", ["concept", "nearest", "goal-average", "conditional"])
def test_results_depend_on_what_becomes_of_drafts_and_on_the_planner(name: str) -> None:
    """What is in the configuration is in a record's key: older results are not taken for new ones."""
    config = find(name).config
    assert config["drafts"] == DRAFTS and config["planning"] == PLANNING
