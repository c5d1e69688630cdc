"""Arranging objects with suction: one carry after the other, and again where one went wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..concepts.event import Event
from ..envs.arm.world import ArmState, ArmWorld
from .planning import MPC, Context, Plan, shrinking
from .planning.arm_dynamics import ArmDynamics
from .planning.lift import level
from .planning.samplers import MPPI
from .planning.trajectory import Trajectory

ARRIVED = 0.012
"""Distance, in units of the plane, from its place at which an object is let go."""

_ABOVE = 0.05
_PATIENCE = 45


@dataclass(frozen=True)
class Bring:
    """Cost of bringing a point of a rollout to a place: the distance, in units of the plane.

    Attributes:
        goal: The place, (2,).
        entity: Which entity is to be brought there; the effector if None.
        world: The world.
    """

    goal: Tensor
    entity: int | None
    world: ArmWorld
    fields: tuple[str, ...] = ("entities", "effector")

    def prepare(self, context: Context) -> Bring:
        """Needs nothing."""
        return self

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        effector = trajectory["effector"][:, 1:]
        view = self.world.view
        origin = effector.new_tensor([view.origin[axis] for axis in view.axes])
        hand = (effector[..., list(view.axes)] - origin) / view.scale
        place = hand if self.entity is None else trajectory["entities"][:, 1:, self.entity]
        return torch.linalg.vector_norm(place - self.goal, dim=-1)


@dataclass(frozen=True)
class Carrier:
    """Carries the movable objects to their targets, the nearest job first.

    Attributes:
        dynamics: The model of a world with suction.
        targets: Finds places for the movable entities, from the present event to (N, 2).
        goals: The places, (N, 2), once they are found.
        job: Which object is being fetched or carried.
        plan: The last plan of the present phase.
        carrying: Whether that plan was one of carrying.
        waited: Steps since the job began.
    """

    dynamics: ArmDynamics
    targets: Callable[[Event], Float[np.ndarray, "n 2"]]
    goals: Float[np.ndarray, "n 2"] | None = None
    job: int | None = None
    plan: Plan | None = None
    carrying: bool = False
    waited: int = 0

    def act(
        self, state: ArmState, context: Context, generator: torch.Generator
    ) -> tuple[Float[np.ndarray, " action"], Carrier, int]:
        """The next action, the carrier afterwards, and the steps of the model that were taken."""
        goals = np.asarray(self.targets(context.event)) if self.goals is None else self.goals
        places = state.positions[0]
        movable = context.event.movable & context.event.present
        away = np.where(movable, np.sqrt(((places - goals) ** 2).sum(-1)), 0.0)
        me = replace(self, goals=goals)._assigned(away, state)
        if me.job is None:
            return me._still(), me, 0
        carrying = bool(state.held[0, me.job])
        if carrying and away[me.job] < ARRIVED:
            return me._still(), replace(me, job=None, plan=None), 0
        plan = me._planned(carrying, goals[me.job] if carrying else places[me.job], state, context, generator)
        action = plan.actions[0].numpy().astype(np.float32)
        action[-1] = 1.0 if carrying or me._takes(me.job, movable, state) else -1.0
        after = replace(me, plan=plan, carrying=carrying, waited=me.waited + 1)
        return action, after, plan.model_steps

    def _takes(self, job: int, movable: np.ndarray, state: ArmState) -> bool:
        """Whether to switch suction on: it takes the nearest, and whatever else it holds is let go first."""
        hand = self.dynamics.world.view.project(state.effector[0])
        gap = np.where(movable, np.sqrt(((state.positions[0] - hand) ** 2).sum(-1)), np.inf)
        return bool(gap.argmin() == job and gap[job] < _ABOVE and not state.held.any())

    def _assigned(self, away: np.ndarray, state: ArmState) -> Carrier:
        """With a job: the present one, or the nearest that is not done; one that takes too long waits."""
        late = self.waited > _PATIENCE
        if self.job is not None and away[self.job] > ARRIVED and not late:
            return self
        if self.job is not None and state.held[0, self.job] and not late:
            return self
        undone = np.flatnonzero(away > ARRIVED)
        if len(undone) == 0:
            return replace(self, job=None, plan=None, waited=0)
        hand = self.dynamics.world.view.project(state.effector[0])
        gap = np.sqrt(((state.positions[0][undone] - hand) ** 2).sum(-1))
        if late and len(undone) > 1:
            gap[undone == self.job] = np.inf
        return replace(self, job=int(undone[gap.argmin()]), plan=None, waited=0)

    def _planned(
        self, carrying: bool, goal: np.ndarray, state: ArmState, context: Context, generator: torch.Generator
    ) -> Plan:
        """A plan to bring the object to its place, or the effector to the object."""
        world = self.dynamics.world
        place = torch.as_tensor(goal, dtype=torch.float32)
        cost = level(world, Bring(place, self.job if carrying else None, world))
        sampler = MPPI(deviation=0.5, temperature=0.1)
        mpc = MPC(self.dynamics, cost, sampler, horizon=8, knots=3, samples=32, shrink=shrinking(0.3, 0.1))
        return mpc.plan(state, context, generator, self.plan if carrying == self.carrying else None)

    def _still(self) -> np.ndarray:
        """Stand still, and let go."""
        action = np.zeros(self.dynamics.world.action_space.shape, dtype=np.float32)
        action[-1] = -1.0
        return action
