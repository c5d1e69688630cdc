"""Agents that plan: a cost for the episode, a planner for the world, and carries for arrangements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from gymnasium.error import ResetNeeded
from jaxtyping import Float

from ..concepts.energy.starts import nearest_solution
from ..concepts.event import Event
from ..envs.arm.world import ArmWorld
from ..envs.particle.world import ParticleWorld
from ..envs.single import ConceptEnv
from .agent import Given
from .carrying import Carrier
from .mission import Intend, Intention, Mission
from .planning import MPC, ConceptCost, Planner, oracle_cost, shrinking
from .planning.arm_dynamics import ArmDynamics
from .planning.dynamics import Dynamics, ParticleDynamics
from .planning.gradient import GradientPlanner
from .planning.ilqg import ILQG
from .planning.lift import level
from .planning.linear import LinearArm, LinearParticles
from .planning.points import can_follow
from .planning.samplers import MPPI, Sampler
from .planning.splines import Interpolation

PLANNING = 2
"""Counts up when agents that plan act differently, and is part of what results depend on: theirs, and
those of whoever is shown episodes by an expert that plans, as with robots."""


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
        planner: A name in ``PLANNERS``; what a sampler is told counts for "sampling" alone.
        leads: Whether solutions are looked for in the concept plane and followed, see ``Mission``; not
            among particles that touch, where a way may be barred.
    """

    sampler: Sampler = field(default_factory=lambda: MPPI(deviation=0.5, temperature=0.1))
    horizon: int = 15
    knots: int = 4
    samples: int = 32
    iterations: int = 1
    interpolation: Interpolation = "linear"
    full: float = 0.3
    least: float = 0.1
    planner: str = "sampling"
    leads: bool = True


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


def by_sampling(world: object, cost: ConceptCost, settings: Settings) -> MPC:
    """Plans by samples: the planner for everything."""
    return MPC(
        dynamics_for(world),
        level(world, cost),
        settings.sampler,
        settings.horizon,
        settings.knots,
        settings.interpolation,
        settings.samples,
        settings.iterations,
        shrinking(settings.full, settings.least),
    )


def by_gradient(world: object, cost: ConceptCost, settings: Settings) -> GradientPlanner:
    """Plans by slopes through the model; for particles.

    Raises:
        ValueError: The world has no slopes.
    """
    if not isinstance(world, ParticleWorld):
        raise ValueError(
            f"there are no slopes through a {type(world).__name__}: plan by 'sampling' or 'ilqg'"
        )
    return GradientPlanner(
        dynamics_for(world),
        cost,
        settings.horizon,
        settings.knots,
        settings.interpolation,
        samples=settings.samples,
        iterations=settings.iterations,
    )


def by_ilqg(world: object, cost: ConceptCost, settings: Settings) -> ILQG:
    """Plans by linearisation; the cost is squared, so that it is smooth where it is least."""
    model = LinearArm(world) if isinstance(world, ArmWorld) else LinearParticles(world)  # type: ignore[arg-type]
    squared = replace(cost, value=lambda event: cost.value(event) ** 2)
    return ILQG(model, squared, settings.horizon, settings.iterations)


PLANNERS: dict[str, Callable[[object, ConceptCost, Settings], Planner]] = {
    "sampling": by_sampling,
    "gradient": by_gradient,
    "ilqg": by_ilqg,
}
"""Kinds of planners."""


def planner(world: object, cost: ConceptCost, settings: Settings | None = None) -> Planner:
    """The planner of a world.

    Raises:
        ValueError: There is no planner of that name, or no model of the world.
    """
    given = settings_for(world) if settings is None else settings
    if given.planner not in PLANNERS:
        raise ValueError(f"there is no planner {given.planner!r}, only {', '.join(PLANNERS)}")
    return PLANNERS[given.planner](world, cost, given)


@dataclass
class PlanningAgent:
    """Plans anew in every step, with whatever cost it is told to intend.

    Attributes:
        intend: Makes the intention of an episode.
        settings: How to plan; what suits the world by default.
        reward: Whether the intention knows the true error.
        pretraining: Updates of what it had learned before it met the task.
        mission: The present episode, once there is one.
    """

    intend: Intend
    settings: Settings | None = None
    reward: bool = False
    pretraining: int = 0
    mission: Mission | None = None
    _before: int = 0
    _shown: int = 0

    @property
    def given(self) -> Given:
        """What it was given so far."""
        now = 0 if self.mission is None else self.mission.model_steps
        return Given(self._shown, self.reward, 0, self._before + now, 0, self.pretraining)

    @property
    def info(self) -> dict[str, Any]:
        """What it has to say about the present episode."""
        return {} if self.mission is None else dict(self.mission.intention.info)

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Begins an episode, after ``env.reset``.

        Raises:
            ValueError: There is no model of the environment's world to plan with.
        """
        dynamics_for(env.world)
        self._before = self.given.model_steps
        seen = None if self.reward else demonstrations  # who knows the true error does not look
        self._shown = 0 if seen is None else len(seen.positions)
        intention = self.intend(env, demonstrations, seed)
        mpc = planner(env.world, intention.cost, self.settings)
        carrier = None
        if isinstance(env.world, ArmWorld) and env.world.kind == "suction":
            carrier = Carrier(ArmDynamics(env.world), intention.targets)
        asked = self.settings is None or self.settings.leads
        # A place says nothing of what is in the way.
        leads = asked and (not isinstance(env.world, ParticleWorld) or can_follow(env.world))
        self.mission = Mission(env, intention, mpc, torch.Generator().manual_seed(seed), carrier, leads)

    def act(self, observation: Mapping[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The next action, in [-1, 1].

        Raises:
            ResetNeeded: No episode has begun.
        """
        if self.mission is None:
            raise ResetNeeded("call reset(env, demonstrations, seed) before act()")
        return self.mission.act()


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
