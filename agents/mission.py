"""One episode of an agent that plans: what it wants, and how it gets there step by step.

Sampled actions find the way to a solution, and tremble where they are there: their noise shrinks with
the cost, and the least of a learned cost is not zero. So a solution is looked for in the concept plane
first, where the cost is smooth in what it is a function of: a place, or a path where the concept has a course
of time. A path is followed; a place is, too, unless actions that were sampled promise more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..concepts.event import Event
from ..envs.particle.world import ParticleWorld
from ..envs.single import ConceptEnv
from .carrying import Carrier
from .planning import MPC, ConceptCost, Context, Plan, Planner, shrinking
from .planning.dynamics import ParticleDynamics
from .planning.lift import level
from .planning.path import PathPlanner, Track, caught_up, expected
from .planning.points import PointTracker
from .planning.trajectory import Trajectory

DRAFTS = 2
"""Counts up with what is drafted and what becomes of it, and is part of what results depend on: theirs, who
draw a path or a place to begin with."""

_EVERY = 5
"""Steps after which a place is compared with sampled actions, and a path is mended."""

_MARGIN = 0.02
"""By how much sampled actions have to promise less than a place."""

_ELSEWHERE = 8
"""How often a place that walls keep from being reached is looked for from somewhere else."""

_CLOSELY = shrinking(0.2, 0.05)
"""Noise about what is followed, by the distance from it."""

_AHEAD, _KNOTS = 5, 2
"""Steps and knots of a plan that follows: what is to be done is clear, and short plans tremble less."""


class _Effort(NamedTuple):
    """How hard a path is looked for; see ``PathPlanner``."""

    samples: int
    iterations: int
    noise: float


_FROM_NOTHING, _AGAIN = _Effort(16, 45, 0.15), _Effort(4, 10, 0.15)
_FROM_A_DRAFT, _MENDING = _Effort(8, 20, 0.05), _Effort(1, 5, 0.0)
"""Searches for a path, the first and the later ones, without a draft and with one. A learned energy is right
about the paths that its sampler makes, and less so the farther one descends from there."""


class Draft(NamedTuple):
    """A path to begin with.

    Attributes:
        path: Places of everybody at the event's frames, (T+1, N, 2).
        trust: What straying from it costs; see ``PathPlanner``.
    """

    path: Float[np.ndarray, "t1 n 2"]
    trust: float = 0.0


@dataclass(frozen=True)
class Intention:
    """What an agent wants in an episode.

    Attributes:
        cost: What planning minimises.
        attention: Whom it is about, (N,); None leaves it as the scene says.
        targets: Finds places for the movable entities, from the present event to (N, 2).
        draft: Draws a path, from an event in which nobody acts; None if nobody can.
        info: What the agent has to say.
    """

    cost: ConceptCost
    attention: Float[np.ndarray, " n"] | None
    targets: Callable[[Event], Float[np.ndarray, "n 2"]]
    draft: Callable[[Event], Draft] | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


Intend = Callable[[ConceptEnv, Event | None, int], Intention]
"""Maps an environment, demonstrations and a seed to an intention."""


@dataclass(frozen=True, eq=False)
class Found:
    """A solution in the concept plane.

    Attributes:
        path: Places of everybody at the event's frames, (T+1, N, 2).
        value: Its cost.
        trust: What straying from it costs, when it is mended.
    """

    path: Float[Tensor, "t1 n 2"]
    value: float
    trust: float = 0.0


def _brought_along(path: Float[Tensor, "t1 n 2"], ahead: Event) -> Float[Tensor, "t1 n 2"]:
    """The path, moved by as much as those whom it is about are elsewhere than they were expected to be."""
    whom = torch.as_tensor((ahead.attention > 0.5) & ahead.present & ~ahead.movable)
    if not bool(whom.any()):
        return path
    gone = torch.as_tensor(ahead.positions, dtype=torch.float32) - path
    movable = torch.as_tensor(ahead.movable)[:, None]
    return path + gone[:, whom].mean(1, keepdim=True) * movable


@dataclass
class Mission:
    """One episode of a planning agent.

    Attributes:
        env: The environment.
        intention: What is wanted.
        mpc: The planner, whose cost is the intention's, and that of leaving the plane, which is nothing
            where a solution is.
        generator: Source of all randomness.
        carrier: Who carries, where objects are to be arranged.
        leads: Whether a solution is looked for in the plane, where the planner samples.
        steps: Steps taken.
        model_steps: Steps of the model that were taken.
        plan: The last plan.
        found: The last solution that was found in the plane.
        follows: Whether a place is followed; paths always are.
    """

    env: ConceptEnv
    intention: Intention
    mpc: Planner
    generator: torch.Generator
    carrier: Carrier | None = None
    leads: bool = True
    steps: int = 0
    model_steps: int = 0
    plan: Plan | None = None
    found: Found | None = None
    follows: bool = False
    _direct: Plan | None = None
    _led: Plan | None = None

    def act(self) -> Float[np.ndarray, " action"]:
        """The next action, in [-1, 1]."""
        context = self._context()
        self.steps += 1
        if self.carrier is not None:
            action, self.carrier, taken = self.carrier.act(self.env.state, context, self.generator)
            self.model_steps += taken
            return action
        if self.leads and isinstance(self.mpc, MPC):
            self.plan = self._guided(self.mpc, context)
        else:
            self.plan = self._planned(self.mpc, context)
        return self.plan.actions[0].numpy().astype(np.float32)

    def _context(self) -> Context:
        event, dt = self.env.event, self.env.world.dt
        if self.intention.attention is not None:
            event = event.replace(attention=self.intention.attention)
        return Context(event, self.steps * dt, dt)

    def _planned(self, mpc: Planner, context: Context) -> Plan:
        self._direct = self._counted(mpc, context, self._direct)
        return self._direct

    def _counted(self, mpc: Planner, context: Context, last: Plan | None) -> Plan:
        plan = mpc.plan(self.env.state, context, self.generator, last)
        self.model_steps += plan.model_steps
        return plan

    def _guided(self, mpc: MPC, context: Context) -> Plan:
        """A plan that follows what was found in the plane, or one of sampled actions."""
        found, due = self.found, (self.steps - 1) % _EVERY == 0
        if found is None or due:
            found = self.found = self._searched(context)
        if self._still and (due or not self.follows):
            direct = self._planned(self._sampling(mpc, found), context)
            if due:
                self.follows = found.value < direct.cost + _MARGIN
            if not self.follows:
                return direct
        return self._following(mpc, context, found)

    @property
    def _still(self) -> bool:
        """Whether only a state counts."""
        return bool(self.env.world.frames == 1)

    def _sampling(self, mpc: MPC, found: Found) -> MPC:
        """The planner, whose noise shrinks with what a plan costs more than the place."""
        shrink = mpc.shrink
        if shrink is None:
            return mpc
        return replace(mpc, shrink=lambda cost: shrink(max(0.0, cost - found.value)))

    def _following(self, mpc: MPC, context: Context, found: Found) -> Plan:
        track, model = Track(found.path), mpc.models[0]
        follower: Planner
        if isinstance(model, ParticleDynamics):
            follower = PointTracker(model, track)
        else:
            cost = level(self.env.world, track)
            follower = replace(mpc, cost=cost, shrink=_CLOSELY, horizon=_AHEAD, knots=_KNOTS)
        self._led = self._counted(follower, context, self._led)
        return self._led

    def _searched(self, context: Context) -> Found:
        """A solution from here: a place, which is found once, or a path, which is mended as time goes on."""
        if self._still:
            return self.found or self._place(context)
        velocities = self.env.state.velocities[0, : self.env.world.width]
        search, last, trust = self._guess(context, expected(context, velocities))
        finder = PathPlanner(self.intention.cost.value, **search._asdict(), trust=trust)
        path, value = finder.plan(context, velocities, self.generator, last)
        return Found(path, value, trust)

    def _guess(self, context: Context, ahead: Event) -> tuple[_Effort, Tensor | None, float]:
        """How hard a path is looked for, where that begins, and what straying from there costs."""
        draft, found = self.intention.draft, self.found
        if draft is None:
            return (_FROM_NOTHING, None, 0.0) if found is None else (_AGAIN, found.path, 0.0)
        if found is None:
            drawn = draft(ahead)
            path = torch.as_tensor(drawn.path, dtype=torch.float32)
            return _FROM_A_DRAFT, caught_up(context, path), drawn.trust
        return _MENDING, caught_up(context, _brought_along(found.path, ahead)), found.trust

    def _place(self, context: Context) -> Found:
        """Where everybody is to be, and what that would cost: within the walls, where there are walls."""
        found, fits = self._tried(context, context.event)
        for _ in range(_ELSEWHERE):
            if fits:
                break
            other, fits = self._tried(context, self._elsewhere(context.event))
            found = min(found, other, key=lambda one: one.value)
        return found

    def _tried(self, context: Context, start: Event) -> tuple[Found, bool]:
        """A place that is found from a start, and whether walls let it be as good as it was meant to be."""
        goal = torch.as_tensor(np.asarray(self.intention.targets(start)), dtype=torch.float32)
        meant, wall = self._valued(context, goal), self._walls()
        if wall is None or not bool((goal.abs() > wall).any()):
            return meant, True
        found = self._valued(context, goal.clamp(-wall, wall))
        return found, found.value < meant.value + _MARGIN

    def _walls(self) -> Float[Tensor, "n 1"] | None:
        """The largest coordinate of each entity's centre; None where nothing holds anybody back."""
        if not isinstance(self.env.world, ParticleWorld):
            return None
        wall = self.env.state.episode.bodies.wall[0, : self.env.world.width]
        return torch.as_tensor(wall, dtype=torch.float32)

    def _elsewhere(self, event: Event) -> Event:
        """The event with what moves somewhere at random, so that the same solution is not found again."""
        drawn = 2 * torch.rand(event.positions.shape[-2:], generator=self.generator) - 1
        there = np.where(event.movable[:, None], drawn.numpy(), event.positions)
        return event.replace(positions=there.astype(event.positions.dtype))

    def _valued(self, context: Context, goal: Float[Tensor, "n 2"]) -> Found:
        """A place, with what it would cost to be there."""
        now = torch.as_tensor(context.event.final, dtype=torch.float32)
        there = Trajectory(
            {"entities": torch.stack([now, goal])[None]}, torch.zeros(1, 1, 1), torch.ones(1) > 0
        )
        value = self.intention.cost.prepare(context).evaluate(there)[0, 0]
        return Found(torch.stack([goal, goal]), float(value))
