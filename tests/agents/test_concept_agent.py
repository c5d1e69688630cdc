"""Agents that plan: the oracle, and the concept agent with the shipped energy; also on a stranger's robot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import conceptgym
import numpy as np
import pytest
import torch
from conceptgym.agents import mission
from conceptgym.agents.agent import Agent
from conceptgym.agents.concept_agent import concept_agent, concept_intention
from conceptgym.agents.copying import copies
from conceptgym.agents.mission import Draft, Found
from conceptgym.agents.planning import MPC, Context, energy_cost
from conceptgym.agents.planning.path import PathPlanner, caught_up, expected
from conceptgym.agents.planning.trajectory import Trajectory
from conceptgym.agents.planning_agent import ARM, PlanningAgent, Settings, oracle_agent
from conceptgym.concepts import get, task
from conceptgym.concepts.event import Event
from conceptgym.concepts.model import ConceptModel
from conceptgym.envs.arm.env import ArmEnv
from conceptgym.envs.identify import IdentifyEnv
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.envs.single import ConceptEnv
from conceptgym.evaluation.episodes import run_episode, summary
from gymnasium.error import ResetNeeded


@pytest.fixture(scope="module")
def model() -> ConceptModel:
    return conceptgym.load_pretrained()


def solved(env: ConceptEnv, agent: Agent, starts: int, k: int = 5) -> int:
    return summary([run_episode(env, agent, 500_000 + start, k=k) for start in range(starts)]).hits


@pytest.mark.parametrize("concept", ("near", "slow", "square"))
def test_the_oracle_brings_the_arm_there(concept: str) -> None:
    """Reaching, a concept over time, and carrying."""
    agent = oracle_agent()
    assert solved(ArmEnv(concept), agent, 1) == 1
    assert agent.given.reward and agent.given.demonstrations == 0 and agent.given.model_steps > 0


@pytest.mark.parametrize("kind", ("gradient", "ilqg"))
def test_other_planners_take_the_same_costs(model: ConceptModel, kind: str) -> None:
    settings = Settings(planner=kind, samples=4, iterations=3)
    for agent, k in ((oracle_agent(settings), 0), (concept_agent(model, settings), 5)):
        assert solved(ParticleEnv("near"), agent, 1, k=k) == 1


def test_worlds_without_slopes_or_a_model_are_named(model: ConceptModel) -> None:
    arm, pointing = ArmEnv("near"), IdentifyEnv("red")
    for env, settings, message in (
        (arm, Settings(planner="gradient"), "no slopes through a ArmWorld"),
        (pointing, None, "no model of a IdentifyWorld"),
    ):
        env.reset(seed=0)
        with pytest.raises(ValueError, match=message):
            concept_agent(model, settings).reset(env, env.demonstrations(5, 0), 0)


def test_an_unknown_planner_is_named() -> None:
    env = ParticleEnv("near")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="only sampling, gradient, ilqg"):
        oracle_agent(Settings(planner="guess")).reset(env, None, 0)
    follow = ParticleEnv("follow")
    seen, _ = follow.reset(seed=0)
    agent = oracle_agent(Settings(planner="ilqg"))
    agent.reset(follow, None, 0)
    with pytest.raises(ValueError, match="about a trajectory"):
        agent.act(seen)


def test_what_is_learned_on_particles_is_done_by_the_arm(model: ConceptModel) -> None:
    """Near the red ones: whom it is about is inferred from the same demonstrations."""
    agent = concept_agent(model)
    assert solved(ArmEnv(task("near", "red")), agent, 1) == 1
    assert agent.given.demonstrations == 5 and not agent.given.reward


@pytest.mark.slow
@pytest.mark.parametrize("make", (ParticleEnv, ArmEnv))
@pytest.mark.parametrize("concept", ("near", "cluster", "follow"))
def test_particles_and_arm_enact_what_was_shown(
    model: ConceptModel, make: type[ConceptEnv], concept: str
) -> None:
    assert solved(make(concept), concept_agent(model), 5) >= 3  # type: ignore[arg-type]


def test_the_concept_agent_says_whether_it_understands(model: ConceptModel) -> None:
    env = ParticleEnv("near", n_entities=5)
    env.reset(seed=0)
    agent = concept_agent(model)
    assert agent.info == {}
    agent.reset(env, env.demonstrations(5, 0), 0)
    assert agent.info["residual"] < 0.1 and agent.info["understood"] is True
    with pytest.raises(ValueError, match="needs demonstrations"):
        agent.reset(env, None, 0)
    with pytest.raises(ResetNeeded, match="before act"):
        concept_agent(model).act({})


def _last_errors(agent: PlanningAgent, starts: int = 1) -> list[float]:
    """True errors in the last steps of episodes that go on to their ends."""
    env, errors = ArmEnv("at"), []
    for start in range(starts):
        observation, _ = env.reset(seed=500_000 + start)
        agent.reset(env, None, 0)
        for step in range(env.world.horizon):
            observation, _, _, _, info = env.step(agent.act(observation))
            if step >= env.world.horizon - 20:
                errors.append(info["concept_error"])
    return errors


def test_a_place_that_was_found_is_held_without_trembling() -> None:
    """Sampled actions reach it, too, and leave it again."""
    led, sampled = oracle_agent(), oracle_agent(replace(ARM, leads=False))
    assert max(_last_errors(led)) < get("at").generation.tolerance  # type: ignore[union-attr]
    assert led.mission is not None and led.mission.found is not None and led.mission.follows
    assert np.mean(_last_errors(led)) < 0.5 * np.mean(_last_errors(sampled))
    assert sampled.mission is not None and sampled.mission.found is None


@pytest.mark.parametrize("leads", (True, False))
def test_the_effector_stays_where_it_acts(leads: bool) -> None:
    """Along a path, and by sampled actions, which are less exact: the plane says nothing of the height."""
    env, agent = ArmEnv("follow" if leads else "near"), oracle_agent(replace(ARM, leads=leads))
    observation, _ = env.reset(seed=500_000)
    agent.reset(env, None, 0)
    heights = []
    for _ in range(40):
        observation, *_ = env.step(agent.act(observation))
        heights.append(env.state.effector[0, 2] - env.world.machine.entry.height)
    assert np.abs(heights).max() < (0.04 if leads else 0.2) and np.mean(np.abs(heights)) < 0.03


def test_a_solution_behind_a_wall_is_looked_for_elsewhere() -> None:
    """In a corner, too close to whom one is to be far from: the nearest place that is far is outside."""
    env, agent = ParticleEnv("far"), oracle_agent()
    for start in (500_013, 500_018, 500_022):
        observation, info = env.reset(seed=start)
        agent.reset(env, None, start)
        while not info["is_success"] and agent.mission is not None and agent.mission.steps < 60:
            observation, _, _, _, info = env.step(agent.act(observation))
        assert info["is_success"], start
        assert agent.mission is not None and agent.mission.found is not None
        assert agent.mission.found.path.abs().max() <= 1 and agent.mission.found.value < 0.01


def test_noise_shrinks_with_what_is_left_to_gain() -> None:
    """A learned cost is not zero at its least: what counts is the distance from that."""
    env = ParticleEnv("near")
    env.reset(seed=0)
    agent = oracle_agent()
    agent.reset(env, None, 0)
    mission = agent.mission
    assert mission is not None and isinstance(mission.mpc, MPC) and mission.mpc.shrink is not None
    least = Found(torch.zeros(2, 1, 2), 0.4)
    shrunk = mission._sampling(mission.mpc, least).shrink
    assert shrunk is not None
    for cost in (0.4, 0.45, 0.6, 2.0):
        assert shrunk(cost) == mission.mpc.shrink(cost - 0.4)
    assert shrunk(0.1) == mission.mpc.shrink(0.0)


def test_actions_depend_on_the_seed_alone(model: ConceptModel) -> None:
    env = ArmEnv("near")
    observation, _ = env.reset(seed=1)
    agent, actions = concept_agent(model), []
    for seed in (0, 0, 1):
        agent.reset(env, env.demonstrations(5, 0), seed)
        actions.append(agent.act(observation))
    np.testing.assert_array_equal(actions[0], actions[1])
    assert (actions[0] != actions[2]).any()


@pytest.mark.parametrize("limit", (1.0, 0.3))
def test_a_path_is_kept_to_the_speed_and_finds_an_orbit(limit: float) -> None:
    """Two thirds of a unit a second is what an orbit takes."""
    env = ParticleEnv("orbit")
    env.reset(seed=500_000)
    part = env.world.task.generation
    finder = PathPlanner(part.error, speed=limit, samples=16, iterations=120)
    now = Context(env.event, 0.0, env.world.dt)
    path, value = finder.plan(now, env.state.velocities[0], torch.Generator().manual_seed(0))
    agent = int(np.flatnonzero(env.event.movable)[0])
    speed = path[:, agent].diff(dim=0).norm(dim=-1) / 0.25
    assert speed.max() <= limit + 1e-4
    np.testing.assert_allclose(path[0], env.event.positions[0], atol=1e-6)
    assert (value < part.tolerance) == (limit == 1.0)


@pytest.mark.parametrize("name", ["approach", "follow", "guard"])
def test_what_is_far_away_is_reached_in_time(name: str) -> None:
    """The last places ask for something; all steps before them have to know."""
    env = ParticleEnv(name)
    part = env.world.task.generation
    for seed in range(4):
        env.reset(seed=500_000 + seed)
        now = Context(env.event, 0.0, env.world.dt)
        finder = PathPlanner(part.error, samples=16, iterations=45)
        path, value = finder.plan(now, env.state.velocities[0], torch.Generator().manual_seed(0))
        there = env.event.replace(positions=path.numpy().astype(env.event.positions.dtype))
        assert value < part.tolerance
        assert float(part.error(there)) < part.tolerance


def test_nobody_is_expected_to_act() -> None:
    env = ArmEnv("follow")
    env.reset(seed=1)
    event, velocities = env.event, env.state.velocities[0, : env.world.width].copy()
    velocities[event.movable] = 0.5
    ahead = expected(Context(event, 0.0, env.world.dt), velocities).positions - event.positions[0]
    others = event.present & ~event.movable
    assert (np.abs(velocities[others]).max(1) > 0.1).any()
    np.testing.assert_allclose(ahead[:, event.movable], 0.0, atol=1e-6)
    # Until they come to a wall, all others go on as now.
    np.testing.assert_allclose(ahead[1, others], 0.25 * velocities[others], atol=1e-5)
    later = expected(Context(event, 0.25 * env.world.frames, env.world.dt), velocities)
    np.testing.assert_array_equal(later.positions, event.positions)


def test_of_what_it_draws_and_what_was_shown_it_takes_what_has_the_least_energy(model: ConceptModel) -> None:
    """Orbits that the model draws are seldom orbits; those that were shown are, and it can tell."""
    env, orbit = ParticleEnv("orbit"), get("orbit")
    drawn_too, held = 0, []
    for seed in range(8):
        env.reset(seed=500_100 + seed)
        shown = env.demonstrations(5, seed)
        now = expected(Context(env.event, 0.0, env.world.dt), env.state.velocities[0, : env.world.width])
        intention = concept_intention(model)(env, shown, seed)
        assert intention.draft is not None
        path, trust = intention.draft(now)
        code = model.infer(shown, generator=torch.Generator().manual_seed(seed))
        wished = copies(now, shown)
        copied = caught_up(Context(now, 0.0, env.world.dt), torch.as_tensor(wished)).numpy()
        away = np.linalg.norm(copied - wished, axis=-1)[:, :, now.movable].mean((1, 2))
        options = [path, *copied, np.asarray(model.generate(now, code).positions)]
        energies = [float(model.energy(now.replace(positions=one), code)) for one in options]
        assert energies[0] <= min(energies[1:6] + 0.1 * away) + 1e-5, "as the best copy, or better"
        assert (trust > 0) == any(np.array_equal(path, one) for one in copied), "copies are followed"
        drawn_too += energies[6] > 0.1
        held.append(bool(orbit.satisfied(now.replace(positions=path), "generate")))
    assert sum(held) >= 7 and drawn_too >= 4


def test_a_joint_concept_considers_copies_of_each_term(
    model: ConceptModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each about whom its own term is about, and none where the model draws something better."""
    env, seen = ParticleEnv("near(red) & left_of(blue)"), []

    def copied(event: Event, shown: Event) -> np.ndarray:
        seen.append((event.attention.astype(int), len(shown.positions)))
        return copies(event, shown)

    monkeypatch.setattr("conceptgym.agents.concept_agent.copies", copied)
    env.reset(seed=500_000)
    intention = concept_intention(model)(env, env.demonstrations(5, 0), 0)
    goal = intention.targets(env.event)
    assert [count for _, count in seen] == [5, 5]
    whom = [int(np.flatnonzero(mask).item()) for mask, _ in seen]
    assert env.event.colors[whom[0]].argmax() == 0 and env.event.colors[whom[1]].argmax() == 2
    assert env.world.task.satisfied(env.event.replace(positions=np.stack([env.event.final, goal])))


def test_a_drafted_path_is_followed_and_mended_now_and_then(model: ConceptModel) -> None:
    env, drafts = ParticleEnv("follow"), []
    observation, _ = env.reset(seed=1)
    agent = concept_agent(model)
    agent.reset(env, env.demonstrations(5, 0), 0)
    mission = agent.mission
    assert mission is not None and mission.intention.draft is not None
    draw = mission.intention.draft

    def draft(event: Event) -> Draft:
        drafts.append(draw(event))
        return drafts[-1]

    mission.intention = replace(mission.intention, draft=draft)
    paths = []
    for _ in range(6):
        observation, *_ = env.step(agent.act(observation))
        assert mission.found is not None
        paths.append(mission.found.path)
    assert len(drafts) == 1 and paths[0] is paths[4] and paths[5] is not paths[0]
    assert float((paths[0] - torch.as_tensor(drafts[0].path)).abs().mean()) < 0.1
    assert mission._direct is None, "actions were sampled although there is a path"


def test_a_path_that_nobody_drew_is_looked_for_anew_and_not_mended_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The truth is right everywhere: what is known only near a draft does not hold for it."""
    samples: list[int] = []

    def counted(value: Callable[[Event], torch.Tensor], **effort: Any) -> PathPlanner:  # noqa: ANN401
        samples.append(effort["samples"])
        return PathPlanner(value, **effort)

    monkeypatch.setattr(mission, "PathPlanner", counted)
    env = ParticleEnv("follow")
    observation, _ = env.reset(seed=1)
    agent = oracle_agent()
    agent.reset(env, None, 0)
    for _ in range(11):
        observation, *_ = env.step(agent.act(observation))
    assert len(samples) == 3 and samples[0] > samples[1] == samples[2] > 1


def test_the_cost_of_a_place_does_not_depend_on_where_one_came_from(model: ConceptModel) -> None:
    """What lies behind a solution, as seen from the start, is as wrong as what lies before it."""
    env = ParticleEnv("near")
    env.reset(seed=0)
    event, near = env.event, get("near")
    code = model.infer(near.demonstrations(5, 0, mode="generate"))
    goal = (event.final * event.attention[:, None]).sum(0)
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    offsets = np.stack([np.cos(angles), np.sin(angles)], -1)
    places = torch.as_tensor(
        np.broadcast_to(event.final, (16, 2, *event.final.shape)).copy(), dtype=torch.float32
    )
    agent = int(np.flatnonzero(event.movable)[0])
    for row, distance in enumerate([0.15] * 8 + [0.6] * 8):
        places[row, :, agent] = torch.as_tensor(goal + distance * offsets[row % 8])
    rolled = Trajectory({"entities": places}, torch.zeros(16, 1, 2), torch.ones(16, dtype=torch.bool))
    cost = energy_cost(model, code).prepare(Context(event, 0.0, env.world.dt)).evaluate(rolled)[:, -1]
    assert float(cost[:8].max()) < 0.5 * float(cost[8:].min())


def test_a_joint_concept_is_put_together_from_its_terms(model: ConceptModel) -> None:
    env = ParticleEnv("near(red) & left_of(blue)")
    agent = concept_agent(model)
    won = [run_episode(env, agent, 500_000 + start).success for start in range(5)]
    assert sum(won) >= 4
    assert agent.given.demonstrations == 10
