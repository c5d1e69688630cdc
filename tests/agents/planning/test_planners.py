"""Planners: models that tell the truth, plans that get there, warm starts, divergence, adapters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest
import torch
from conceptgym.agents.planning import (
    MPC,
    MPPI,
    Context,
    Cost,
    Effort,
    ParticleDynamics,
    Speed,
    Trajectory,
    oracle_cost,
    shrinking,
    weighted,
    worst_risk,
)
from conceptgym.agents.planning.adapters import running_cost, terminal_state_cost, trajectory_cost
from conceptgym.agents.planning.arm_dynamics import ArmDynamics
from conceptgym.agents.planning.concept_cost import ConceptCost
from conceptgym.agents.planning.gradient import GradientPlanner
from conceptgym.agents.planning.ilqg import ILQG
from conceptgym.agents.planning.linear import LinearArm, LinearParticles
from conceptgym.agents.planning.mujoco_dynamics import MujocoDynamics
from conceptgym.agents.planning.samplers import SAMPLERS
from conceptgym.envs.arm.env import ArmEnv
from conceptgym.envs.arm.view import EntityView, Plane
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.envs.single import ConceptEnv


def context(env: ConceptEnv, steps: int = 0) -> Context:
    return Context(env.event, steps * env.world.dt, env.world.dt)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("concept", ("near", "square", "help"))
def test_the_particle_model_is_the_world(concept: str) -> None:
    env = ParticleEnv(concept)
    env.reset(seed=0)
    actions = torch.rand(3, 12, env.world.action_space.shape[0], generator=draw()) * 2 - 1
    rollout = ParticleDynamics(env.world).rollout(env.state, actions, ("entities", "velocities"))
    for index in range(12):
        env.step(actions[1, index].numpy())
        np.testing.assert_allclose(rollout["entities"][1, index + 1], env.event.final, atol=1e-5)
    assert bool(rollout.valid.all())


def test_scenery_is_taken_to_go_on() -> None:
    env = ParticleEnv("follow")
    env.reset(seed=0)
    for _ in range(7):
        env.step(np.zeros(2, dtype=np.float32))
    asked = ("entities", "velocities")
    rollout = ParticleDynamics(env.world).rollout(env.state, torch.zeros(1, 5, 2), asked)
    other = int(np.flatnonzero(env.event.attention > 0.5)[0])
    step = rollout["entities"][0].diff(dim=0)[:, other]
    speed = env.state.velocities[0, other] * env.world.dt
    np.testing.assert_allclose(step, np.tile(speed, (5, 1)), atol=1e-6)
    told = rollout["velocities"][0, :, other] * env.world.dt
    np.testing.assert_allclose(told, np.tile(speed, (6, 1)), atol=1e-6)
    assert np.abs(speed).max() > 1e-3


@pytest.mark.parametrize("concept", ("near", "square"))
def test_the_arms_model_is_the_world(concept: str) -> None:
    env = ArmEnv(concept)
    env.reset(seed=0)
    actions = torch.rand(3, 8, env.world.action_space.shape[0], generator=draw()) * 2 - 1
    if concept == "square":
        actions[..., -1] = -1.0  # nothing is gripped on the way
    rollout = ArmDynamics(env.world).rollout(env.state, actions, ("qpos", "qvel", "entities", "effector"))
    twice = ArmDynamics(env.world, threads=2).rollout(env.state, actions, ("qpos",))
    assert torch.equal(rollout["qpos"], twice["qpos"]), "threads change nothing"
    for index in range(8):
        env.step(actions[2, index].numpy())
        np.testing.assert_allclose(rollout["qpos"][2, index + 1, :7], env.state.joints[0, 0], atol=2e-6)
        np.testing.assert_allclose(rollout["effector"][2, index + 1], env.state.effector[0], atol=1e-5)
        np.testing.assert_allclose(rollout["entities"][2, index + 1], env.event.final, atol=1e-5)


def test_the_model_of_somebody_elses_robot_is_that_environment() -> None:
    env: Any = gym.make("Reacher-v5").unwrapped
    env.reset(seed=0)
    view = EntityView(("fingertip", "target"), Plane((0, 0, 0), axes=(0, 1), scale=0.22))
    model = MujocoDynamics(env.model, view, env.frame_skip)
    actions = torch.rand(2, 6, 2, generator=draw()) * 2 - 1
    rollout = model.rollout(env.data, actions, ("entities", "qpos"))
    for index in range(6):
        np.testing.assert_allclose(
            rollout["entities"][1, index], view.positions(env.model, env.data), atol=1e-5
        )
        env.step(model.control(actions[1, index].numpy()))
        mujoco.mj_forward(env.model, env.data)
        np.testing.assert_allclose(rollout["qpos"][1, index + 1], env.data.qpos, atol=1e-5)
    np.testing.assert_allclose(rollout["entities"][1, 6], view.positions(env.model, env.data), atol=1e-5)
    arms = '<body name="a"><joint name="j"/><geom size=".1"/></body>'
    free = f'<mujoco><worldbody>{arms}</worldbody><actuator><motor name="m" joint="j"/></actuator></mujoco>'
    with pytest.raises(ValueError, match=r"'m'\] have no ctrlrange"):
        MujocoDynamics(mujoco.MjModel.from_xml_string(free), EntityView(("a",), view.plane))


def test_a_coarser_model_is_close_to_the_fine_one() -> None:
    env = ArmEnv("near")
    env.reset(seed=0)
    actions, asked = 0.5 * (torch.rand(4, 10, 7, generator=draw()) * 2 - 1), ("qpos", "entities")
    fine, coarse = (ArmDynamics(env.world, coarse=n).rollout(env.state, actions, asked) for n in (2, 1))
    assert 0 < (fine["qpos"] - coarse["qpos"]).abs().max() < 0.05
    assert 0 < (fine["entities"] - coarse["entities"]).abs().max() < 0.05
    with pytest.raises(ValueError, match="coarse is 3"):
        ArmDynamics(env.world, coarse=3)


def test_a_rollout_that_diverges_costs_infinity() -> None:
    env = ArmEnv("near")
    env.reset(seed=0)
    model = ArmDynamics(env.world)
    spoilt = replace(env.state, physics=env.state.physics.copy())
    spoilt.physics[0, 8:15] = 1e12  # velocities that no integrator survives
    rollout = model.rollout(spoilt, torch.zeros(4, 5, 7), ("entities",))
    assert not bool(rollout.valid.any())
    mpc = MPC(model, oracle_cost(env.world.task), horizon=5, knots=2, samples=4)
    assert torch.isinf(mpc.plan(spoilt, context(env), draw()).costs).all()


def test_unknown_quantities_are_refused() -> None:
    env = ParticleEnv("near")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"not \['qpos'\]"):
        ParticleDynamics(env.world).rollout(env.state, torch.zeros(1, 2, 2), ("qpos",))
    with pytest.raises(ValueError, match="grab"):
        ParticleDynamics(ParticleEnv("square", control="grab").world)
    with pytest.raises(ValueError, match="'effector'"):
        ArmDynamics(ArmEnv("near", control="effector").world)


def planners(env: ParticleEnv) -> dict[str, Any]:
    """All planners of the particle world, with the true error as cost."""
    cost, model = oracle_cost(env.world.task), ParticleDynamics(env.world)
    by_sampling = {
        name: MPC(model, cost, kind(), horizon=15, samples=64, iterations=2, shrink=shrinking(0.3))
        for name, kind in SAMPLERS.items()
    }
    part = env.world.task.generation
    squared = ConceptCost(lambda event: part.error(event) ** 2)
    return {
        **by_sampling,
        "gradient": GradientPlanner(model, cost, horizon=10, iterations=5),
        "ilqg": ILQG(LinearParticles(env.world), squared, iterations=1),
    }


@pytest.mark.parametrize("name", (*SAMPLERS, "gradient", "ilqg"))
def test_every_planner_gets_there(name: str) -> None:
    """Four starts of "between" for each planner, all of which are solved."""
    env = ParticleEnv("between")
    planner, solved, steps = planners(env)[name], 0, 0
    for seed in range(4):
        env.reset(seed=500_000 + seed)
        plan, info, generator = None, {"is_success": False}, draw(seed)
        for index in range(env.world.horizon):
            plan = planner.plan(env.state, context(env, index), generator, plan)
            steps += plan.model_steps
            info = env.step(plan.actions[0].numpy())[4]
            if info["is_success"]:
                break
        solved += bool(info["is_success"])
    assert solved == 4 and steps > 0


def test_ilqg_and_the_arm_get_there_in_a_dozen_steps() -> None:
    env = ArmEnv("between")
    part = env.world.task.generation
    planner = ILQG(LinearArm(env.world), ConceptCost(lambda event: part.error(event) ** 2), iterations=1)
    for seed in range(3):
        env.reset(seed=500_000 + seed)
        plan = None
        for index in range(12):
            plan = planner.plan(env.state, context(env, index), draw(), plan)
            info = env.step(plan.actions[0].numpy())[4]
        assert info["success_once"] and info["concept_error"] < 0.02


def test_linear_models_are_tangent_to_their_steps() -> None:
    """Central differences of a step agree with the Jacobians, for both worlds."""
    particles, arm = ParticleEnv("near"), ArmEnv("near")
    both: tuple[tuple[ConceptEnv, Any], ...] = (
        (particles, LinearParticles(particles.world)),
        (arm, LinearArm(arm.world)),
    )
    for env, model in both:
        env.reset(seed=0)
        x = model.start(env.state)
        u = torch.full((model.actions,), 0.2, dtype=torch.float64)
        by_state, by_action = model.jacobians(x[None], u[None])
        small = 1e-4
        for column in range(0, len(x), 5):
            way = torch.zeros_like(x)
            way[column] = small
            ends = model.step(torch.stack([x + way, x - way]), u.expand(2, -1))
            rise = (ends[0] - ends[1]) / (2 * small)
            torch.testing.assert_close(rise, by_state[0, :, column], atol=2e-3, rtol=2e-2)
        way = torch.zeros_like(u)
        way[0] = small
        ends = model.step(x.expand(2, -1), torch.stack([u + way, u - way]))
        rise = (ends[0] - ends[1]) / (2 * small)
        torch.testing.assert_close(rise, by_action[0, :, 0], atol=2e-3, rtol=2e-2)


@pytest.mark.parametrize("sign", (1.0, -1.0))
def test_targets_of_the_linear_arm_stay_within_the_joints_limits(sign: float) -> None:
    env = ArmEnv("near")
    env.reset(seed=0)
    model, joints = LinearArm(env.world), env.world.machine.joints
    state = model.start(env.state)[None]
    for _ in range(60):
        state = model.step(state, torch.full((1, joints), sign, dtype=torch.float64))
    low, high = env.world.machine.limits
    np.testing.assert_allclose(state[0, 2 * joints :].numpy(), high if sign > 0 else low)


def test_plans_depend_on_the_seed_alone_and_start_warm() -> None:
    env = ParticleEnv("near")
    env.reset(seed=0)
    mpc = MPC(ParticleDynamics(env.world), oracle_cost(env.world.task), samples=32)
    first, again = (mpc.plan(env.state, context(env), draw()) for _ in range(2))
    assert torch.equal(first.actions, again.actions)
    assert not torch.equal(first.actions, mpc.plan(env.state, context(env), draw(1)).actions)
    assert first.model_steps == 32 * 20
    later = mpc.plan(env.state, context(env), draw(2), first)
    assert later.costs[0] <= first.costs[0] + 1e-6, "the old plan is the first sample"


@dataclass(frozen=True)
class Constant:
    """A cost by sample: what each model says of it."""

    values: tuple[float, ...]
    fields: tuple[str, ...] = ("entities",)

    def prepare(self, context: Context) -> Cost:
        return self

    def evaluate(self, trajectory: Trajectory) -> torch.Tensor:
        return torch.full(trajectory.actions.shape[:2], self.values[0])


def test_several_models_share_a_plan() -> None:
    env = ParticleEnv("near")
    env.reset(seed=0)
    weak = replace(env.world, physics=replace(env.world.physics, thrust=3.0))
    models, cost = (ParticleDynamics(env.world), ParticleDynamics(weak)), oracle_cost(env.world.task)
    plans = [MPC(m, cost, samples=16).plan(env.state, context(env), draw()) for m in models]
    both = MPC(models, cost, samples=16, risk=worst_risk)
    plan = both.plan(env.state, context(env), draw())
    torch.testing.assert_close(plan.costs, torch.maximum(*[p.costs for p in plans]))
    assert plan.model_steps == 2 * plans[0].model_steps


def test_bad_numbers_are_refused() -> None:
    env = ParticleEnv("near")
    model, cost = ParticleDynamics(env.world), Constant((0.0,))
    wrongs = (({"samples": 0}, "samples is 0"), ({"knots": 30}, "30 knots"), ({"horizon": 0}, "horizon"))
    for wrong, message in wrongs:
        with pytest.raises(ValueError, match=message):
            MPC(model, cost, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no model"):
        MPC((), cost)
    with pytest.raises(ValueError, match="expected full > 0"):
        shrinking(0.0)
    env.reset(seed=0)
    last = MPC(model, cost, knots=4, samples=2).plan(env.state, context(env), draw())
    with pytest.raises(ValueError, match="has 4 knots, not 3"):
        MPC(model, cost, knots=3, samples=2).plan(env.state, context(env), draw(), last)
    temporal = ParticleEnv("follow")
    temporal.reset(seed=0)
    with pytest.raises(ValueError, match="about a trajectory"):
        ILQG(LinearParticles(temporal.world), cost).plan(temporal.state, context(temporal), draw())
    for other in (Speed(), weighted({"goal": cost, "effort": Effort()})):
        with pytest.raises(ValueError, match="'entities' alone"):
            ILQG(LinearParticles(env.world), other).plan(env.state, context(env), draw())


def test_costs_in_pytorch_mppi() -> None:
    """A point mass under somebody else's planner goes where our cost says."""
    pytorch_mppi = pytest.importorskip("pytorch_mppi")
    env = ParticleEnv("at")
    env.reset(seed=3)
    now = context(env)
    agent = int(np.flatnonzero(env.event.movable)[0])
    places = torch.as_tensor(env.event.final)

    def entities(state: torch.Tensor) -> torch.Tensor:
        moved = places.expand(len(state), -1, -1).clone()
        moved[:, agent] = state[:, :2]
        return moved

    def dynamics(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        velocity = 0.95 * state[:, 2:] + 0.3 * action.clamp(-1, 1)
        return torch.cat([state[:, :2] + 0.05 * velocity, velocity], dim=1)

    cost = oracle_cost(env.world.task)
    torch.manual_seed(0)
    planner = pytorch_mppi.MPPI(
        dynamics,
        running_cost(cost, now, entities),
        4,
        0.3 * torch.eye(2),
        num_samples=128,
        horizon=15,
        lambda_=0.01,
        terminal_state_cost=terminal_state_cost(cost, now, entities),
    )
    state = torch.cat([places[agent], torch.zeros(2)])
    errors = []
    for _ in range(50):
        state = dynamics(state[None], planner.command(state)[None])[0]
        errors.append(float(running_cost(cost, now, entities)(state[None], torch.zeros(1, 2))))
    assert errors[0] > 0.3 and min(errors) < 0.05


def test_a_plain_function_of_places() -> None:
    env = ParticleEnv("follow")
    env.reset(seed=0)
    function = trajectory_cost(oracle_cost(env.world.task), context(env))
    places = torch.as_tensor(env.event.final).expand(3, 10, -1, -1).clone()
    assert function(places).shape == (3,)
    with pytest.raises(ValueError, match="use trajectory_cost"):
        running_cost(oracle_cost(env.world.task), context(env), lambda state: state)
    near = ParticleEnv("near")
    near.reset(seed=0)
    both = weighted({"goal": oracle_cost(near.world.task), "effort": Effort()}, effort=2.0)
    with pytest.raises(ValueError, match=r"only \('entities',\) are known"):
        trajectory_cost(both, context(near))
    now = torch.as_tensor(near.event.final).expand(2, -1, -1)
    step = running_cost(both, context(near), lambda state: now)
    costs = step(torch.zeros(2, 4), torch.tensor([[0.0, 0.0], [1.0, 0.5]]))
    assert float(costs[1] - costs[0]) == pytest.approx(2.5), "actions are known there, and charged"


def test_temperature_is_free_of_the_costs_unit() -> None:
    env = ParticleEnv("near")
    env.reset(seed=0)
    part = env.world.task.generation

    def planned(factor: float) -> torch.Tensor:
        cost = ConceptCost(lambda event: factor * part.error(event))
        mpc = MPC(ParticleDynamics(env.world), cost, MPPI(), samples=32)
        return mpc.plan(env.state, context(env), draw()).actions

    torch.testing.assert_close(planned(1.0), planned(100.0), atol=1e-5, rtol=1e-4)
