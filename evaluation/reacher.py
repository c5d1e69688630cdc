"""Gymnasium's Reacher, which knows nothing of concepts, with a view of its fingertip and target."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from ..agents.planning import MPC, ConceptCost, Context, Plan, energy_cost, oracle_cost, shrinking
from ..agents.planning.mujoco_dynamics import MujocoDynamics
from ..concepts.concept import Concept
from ..concepts.event import Event
from ..concepts.model import ConceptModel
from ..envs.arm.view import EntityView, Plane
from .episodes import Episode

CONCEPTS = ("at", "near", "left_of", "right_of", "above", "below", "ring", "offset")
"""Names of what one agent can do with one other entity, a target on a disc of 0.2 m."""

STEPS = 60
"""Of an episode, 0.02 s each; its own fifty are over in a second."""

HELD = 5
"""Last steps for which the concept has to hold."""

_VIEW = EntityView(("fingertip", "target"), Plane((0.0, 0.0, 0.0), (0, 1), 0.22))


def reacher_episode(concept: Concept, model: ConceptModel | None, start: int) -> Episode:
    """One episode: with the energy of five demonstrations of particles, or, without a model, the true error.

    Args:
        concept: One of those in ``CONCEPTS``.
        model: The model.
        start: Seed of the start, and of the demonstrations.
    """
    env: Any = gym.make("Reacher-v5").unwrapped
    env.reset(seed=start)
    begun = time.perf_counter()
    cost, residual = _cost(concept, model, start)
    dynamics = MujocoDynamics(env.model, _VIEW, env.frame_skip)
    mpc = MPC(dynamics, cost, horizon=8, knots=2, samples=48, shrink=shrinking(0.3))
    plan: Plan | None = None
    generator, part = torch.Generator().manual_seed(start), concept.part("generate")
    thought, latencies, errors, model_steps = time.perf_counter() - begun, [], [], 0
    for index in range(STEPS):
        begun = time.perf_counter()
        now = Context(_event(env), index * dynamics.dt, dynamics.dt)
        plan = mpc.plan(env.data, now, generator, plan)
        latencies.append(time.perf_counter() - begun + (thought if index == 0 else 0.0))
        model_steps += plan.model_steps
        env.step(dynamics.control(plan.actions[0].numpy()))
        errors.append(float(part.error(_event(env))))
    env.close()
    good = np.array(errors) <= part.tolerance
    first = int(good.argmax()) + 1 if good.any() else STEPS
    return Episode(
        bool(good[-HELD:].all()), bool(good.any()), errors[-1], STEPS, tuple(latencies), model_steps,
        residual, first=first,
    )  # fmt: skip


def _cost(concept: Concept, model: ConceptModel | None, seed: int) -> tuple[ConceptCost, float]:
    if model is None:
        return oracle_cost(concept), float("nan")
    code = model.infer(concept.demonstrations(5, seed, mode="generate"))
    return energy_cost(model, code), float(code.residual[0])


def _event(env: Any) -> Event:  # noqa: ANN401  (somebody else's environment)
    return _VIEW.event(env.model, env.data, movable=["fingertip"], marker="fingertip", attention=["target"])
