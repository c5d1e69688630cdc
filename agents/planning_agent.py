"""Agents that plan: a cost for the episode, a planner for the world, and carries for arrangements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..concepts.energy.pool import nearest_solution
from ..concepts.event import Event
from ..envs.arm.world import ArmWorld
from ..envs.particle.world import ParticleWorld
from ..envs.single import ConceptEnv
from .agent import Given
from .carrying import Carrier
from .planning import MPC, ConceptCost, Context, Cost, Plan, oracle_cost, shrinking
from .planning.arm_dynamics import ArmDynamics
from .planning.dynamics import Dynamics, ParticleDynamics
from .planning.path import PathPlanner, Track
from .planning.samplers import MPPI, Sampler
from .planning.splines import Interpolation


@dataclass(frozen=True)
class Settings:
    """How an agent plans; see ``MPC``.

    Attributes:
        sampler: How plans are proposed.
        horizon: Steps of a plan.
        knots: Knots of a plan.
        samples: Samples of an iteration.
        iterations: Rounds of an update.
        interpolation: Between the knots.
        full: Mean cost of a step from which on the noise is full; below it shrinks in proportion.
        least: Smallest factor of the noise.
    """

    sampler: Sampler = field(default_factory=lambda: MPPI(deviation=0.5, temperature=0.1))
    horizon: int = 15
    knots: int = 4
    samples: int = 32
    iterations: int = 1
    interpolation: Interpolation = "linear"
    full: float = 0.3
    least: float = 0.1


_PATH_EVERY = 5
"""Steps after which a path is looked for anew."""

_MARGIN = 0.02
"""By how much a path has to promise less than a plan of actions, to be followed."""

PARTICLE = Settings(horizon=15, knots=5, samples=128)
"""For the particle world."""

ARM = Settings()
"""For the arm world."""


def settings_for(world: object) -> Settings:
    """The settings that suit a world."""
    return ARM if isinstance(world, ArmWorld) else PARTICLE


def dynamics_for(world: object) -> Dynamics[Any]:
    """The model of a world.

    Raises:
        ValueError: There is none.
    """
    if isinstance(world, ArmWorld):
        return ArmDynamics(world)
    if isinstance(world, ParticleWorld):
        return ParticleDynamics(world)
    raise ValueError(f"there is no model of a {type(world).__name__} to plan with")


def planner(world: object, cost: Cost, settings: Settings | None = None) -> MPC:
    """The planner of a world."""
    given = settings_for(world) if settings is None else settings
    return MPC(
        dynamics_for(world),
        cost,
        given.sampler,
        given.horizon,
        given.knots,
        given.interpolation,
        given.samples,
        given.iterations,
        shrinking(given.full, given.least),
    )


@dataclass(frozen=True)
class Intention:
    """What an agent wants in an episode.

    Attributes:
        cost: What planning minimises.
        attention: Whom it is about, (N,); None leaves it as the scene says.
        targets: Finds places for the movable entities, from the present event to (N, 2).
        info: What the agent has to say.
    """

    cost: ConceptCost
    attention: Float[np.ndarray, " n"] | None
    targets: Callable[[Event], Float[np.ndarray, "n 2"]]
    info: Mapping[str, Any] = field(default_factory=dict)


Intend = Callable[[ConceptEnv, Event | None, int], Intention]
"""Maps an environment, demonstrations and a seed to an intention."""


@dataclass
class PlanningAgent:
    """Plans anew in every step, with whatever cost it is told to intend.

    Attributes:
        intend: Makes the intention of an episode.
        settings: How to plan; what suits the world by default.
        reward: Whether the intention knows the true error.
    """

    intend: Intend
    settings: Settings | None = None
    reward: bool = False
    _model_steps: int = 0
    _shown: int = 0

    @property
    def given(self) -> Given:
        """What it was given so far."""
        return Given(self._shown, self.reward, 0, self._model_steps)

    @property
    def info(self) -> dict[str, Any]:
        """What it has to say about the present episode."""
        return dict(self._intention.info)

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Begins an episode, after ``env.reset``."""
        self._env, self._steps, self._plan = env, 0, None
        self._path, self._guess = None, None
        self._shown = 0 if demonstrations is None else len(demonstrations.positions)
        self._generator = torch.Generator().manual_seed(seed)
        self._intention = self.intend(env, demonstrations, seed)
        self._carrier = None
        if isinstance(env.world, ArmWorld) and env.world.kind == "suction":
            self._carrier = Carrier(ArmDynamics(env.world), self._intention.targets)
        else:
            self._mpc = planner(env.world, self._intention.cost, self.settings)

    def act(self, observation: Mapping[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The next action, in [-1, 1]."""
        event = self._env.event
        if self._intention.attention is not None:
            event = event.replace(attention=self._intention.attention)
        world = self._env.world
        context = Context(event, self._steps * world.dt, world.dt)
        self._steps += 1
        if self._carrier is not None:
            action, self._carrier, steps = self._carrier.act(self._env.state, context, self._generator)
            self._model_steps += steps
            return action
        if world.frames > 1:
            self._plan = self._timed(context)
        else:
            self._plan = self._mpc.plan(self._env.state, context, self._generator, self._plan)
        self._model_steps += self._plan.model_steps
        return self._plan.actions[0].numpy().astype(np.float32)

    def _timed(self, context: Context) -> Plan:
        """A plan for a concept with a course of time: the action's own, or one that follows a path.

        Now and then both are made; the one that promises to end closer to the concept is followed.
        """
        state = self._env.state
        if (self._steps - 1) % _PATH_EVERY == 0:
            direct = self._mpc.plan(state, context, self._generator, self._plan)
            path, value = self._found(context)
            self._path = path if value < direct.cost - _MARGIN else None
            self._guess = path
            if self._path is None:
                return direct
        if self._path is None:
            return self._mpc.plan(state, context, self._generator, self._plan)
        tracker = replace(self._mpc, cost=Track(self._path), shrink=shrinking(0.2, 0.05))
        return tracker.plan(state, context, self._generator, self._plan)

    def _found(self, context: Context) -> tuple[Tensor, float]:
        """The best path from here, and what it promises; the first one is looked for with more care."""
        finder = PathPlanner(self._intention.cost.value)
        if self._guess is None:
            finder = replace(finder, iterations=3 * finder.iterations, samples=2 * finder.samples)
        velocities = self._env.state.velocities[0, : self._env.world.width]
        return finder.plan(context, velocities, self._generator, self._guess)

    _plan: Plan | None = None
    _path: Tensor | None = None
    _guess: Tensor | None = None


def oracle_intention(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Intention:
    """To bring the true error to zero: what a learned energy is compared with."""
    task = env.world.task

    def targets(event: Event) -> np.ndarray:
        batch = event.map(lambda array: np.asarray(array, dtype=array.dtype)[None])
        doubled = batch.replace(positions=np.repeat(batch.positions[:, -1:], 2, axis=1).astype(np.float64))
        return nearest_solution(task, doubled)[0, -1]

    return Intention(oracle_cost(task), None, targets)


def oracle_agent(settings: Settings | None = None) -> PlanningAgent:
    """Plans with the true error."""
    return PlanningAgent(oracle_intention, settings, reward=True)


def resettled(settings: Settings, **changes: Any) -> Settings:  # noqa: ANN401  (fields of Settings)
    """Settings with changes."""
    return replace(settings, **changes)
