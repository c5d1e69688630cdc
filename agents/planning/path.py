"""Concepts with a course of time: first a path in the concept plane, then a plan that follows it.

Sampling actions finds such paths only roughly, as all of a trajectory has to be right at once. The
path itself is smooth in its cost, and descends by gradients of its steps; the planner then has an easy job.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...concepts.event import FRAME_SECONDS, Event
from .adam import Adam
from .trajectory import Context, Trajectory

SPEED = 1.2
"""Largest speed of what may move, in units of the plane per second."""

_SMOOTH = 1e-3
_NOW = 1e-6


def _ahead(context: Context) -> Float[np.ndarray, " t1"]:
    """How far ahead each frame of an event is, in seconds; 0 for those that have been."""
    ahead = np.arange(context.frames + 1) * FRAME_SECONDS - context.seconds
    return np.where(ahead > _NOW, ahead, 0.0)


def _free(context: Context) -> Float[Tensor, "t1 n 1"]:
    """1 where a position may be chosen, (T+1, N, 1): of what moves, from now on."""
    movable = torch.as_tensor(context.event.movable & context.event.present)
    ahead = torch.as_tensor(_ahead(context), dtype=torch.float32)
    return ((ahead > 0)[:, None] & movable)[..., None].float()


def expected(context: Context, velocities: Float[np.ndarray, "n 2"]) -> Event:
    """The event so far, and then as if whoever is moved here stood still, and all others went on as now.

    Args:
        context: Where things stand.
        velocities: Of the entities now, units per second.
    """
    event, ahead = context.event, _ahead(context)
    drift = velocities * ~(event.movable & event.present)[:, None]
    guess = np.clip(event.positions[-1] + ahead[:, None, None] * drift, -1, 1)
    positions = np.where(ahead[:, None, None] > 0, guess, event.positions)
    return event.replace(positions=positions.astype(event.positions.dtype))


def caught_up(
    context: Context, paths: Float[Tensor, "*batch t1 n 2"], speed: float = SPEED
) -> Float[Tensor, "*batch t1 n 2"]:
    """The paths as fast as one can: who begins elsewhere, or is left behind, makes for where it would be.

    Args:
        context: Where things stand.
        paths: Paths of everybody at the event's frames, (..., T+1, N, 2).
        speed: Largest speed of what may move, in units of the plane per second.
    """
    ahead, free = torch.as_tensor(_ahead(context), dtype=torch.float32), _free(context) > 0
    now = torch.as_tensor(np.asarray(context.event.final), dtype=torch.float32)
    reach = speed * torch.diff(ahead, prepend=torch.zeros(1))
    place, made = now.expand(*paths.shape[:-3], -1, -1), []
    for time in range(paths.shape[-3]):
        step = paths[..., time, :, :] - place
        length = torch.linalg.vector_norm(step, dim=-1, keepdim=True)
        near = place + step * (reach[time] / length.clamp(min=1e-9)).clamp(max=1)
        place = torch.where(free[time], near, place)
        made.append(torch.where(free[time], near, paths[..., time, :, :]))
    return torch.stack(made, dim=-3)


@dataclass(frozen=True)
class PathPlanner:
    """Looks for the rest of an event's path, from the present on.

    Attributes:
        value: Maps events, (R, T+1, N, 2), to values, (R,): torch in, torch out.
        speed: Largest speed of what may move, in units of the plane per second.
        acceleration: Largest acceleration, in units of the plane per second squared; more of it costs.
        samples: K, paths that are followed at once.
        iterations: Steps downhill (Adam's, as in ``GradientPlanner``).
        rate: By how much a step changes at first, in units of the plane.
        noise: Deviation of the noise that tells the paths apart at first.
        trust: What a unit of distance from the guess costs, as the root of the mean square.
    """

    value: Callable[[Event], Tensor]
    speed: float = SPEED
    acceleration: float = 3.0
    samples: int = 8
    iterations: int = 30
    rate: float = 0.02
    noise: float = 0.15
    trust: float = 0.0

    def plan(
        self,
        context: Context,
        velocities: Float[np.ndarray, "n 2"],
        generator: torch.Generator,
        last: Float[Tensor, "t1 n 2"] | None = None,
    ) -> tuple[Float[Tensor, "t1 n 2"], float]:
        """The best path that was found, and its value.

        Args:
            context: Where things stand; its event has T > 1 steps.
            velocities: Of the entities now, units per second; what cannot be moved goes on like that.
            generator: Source of the randomness.
            last: The last path of this episode, for a warm start.
        """
        frame = self._frame(context, velocities, last)
        rows = self._explored(frame, generator)
        adam = Adam.at_rest(rows)
        best, least = rows[0], float("inf")
        for index in range(self.iterations + 1):
            values, slope = self._slope(frame, rows)
            row = int(values.argmin())
            if float(values[row]) < least:
                best, least = rows[row].clone(), float(values[row])
            # Whoever steps aside takes the rest of the way along; a place alone is held back by the speed.
            adam, way = adam.moved(torch.flip(torch.cumsum(torch.flip(slope, [1]), dim=1), [1]))
            rate = self.rate * (1 - index / (self.iterations + 1))
            rows = self._walked(frame, frame.steps(rows) - rate * way)
        return best, least

    def _frame(self, context: Context, velocities: np.ndarray, last: Tensor | None) -> _Frame:
        event = context.event
        path = torch.as_tensor(expected(context, velocities).positions, dtype=torch.float32)
        now = torch.as_tensor(np.asarray(event.positions[-1]), dtype=torch.float32)
        ahead = torch.as_tensor(_ahead(context), dtype=torch.float32)
        free = _free(context)
        if last is not None:
            path = torch.where(free > 0, last, path)
        return _Frame(context, path, now, free, ahead)

    def _explored(self, frame: _Frame, generator: torch.Generator) -> Float[Tensor, "k t1 n 2"]:
        """Paths about the guess: smooth random ways, none for the first."""
        shape = (self.samples, *frame.path.shape)
        steps = torch.randn(shape, generator=generator)
        ways = torch.cumsum(steps, dim=1) / shape[1] ** 0.5
        noise = self.noise * ways
        noise[0] = 0.0
        return self._walked(frame, frame.steps(frame.path + noise * frame.free))

    def _walked(self, frame: _Frame, steps: Tensor) -> Tensor:
        """The paths of steps, each as long as the speed allows, within the walls.

        Where a step is cut, all that follows comes along.
        """
        reach = self.speed * torch.diff(frame.ahead, prepend=torch.zeros(1))[:, None, None]
        length = torch.linalg.vector_norm(steps, dim=-1, keepdim=True)
        allowed = steps * (reach / length.clamp(min=1e-9)).clamp(max=1) * frame.free
        places = (frame.now + torch.cumsum(allowed, dim=1)).clamp(-1, 1)
        return torch.where(frame.free > 0, places, frame.path)

    def _slope(self, frame: _Frame, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Values of the paths, (K,), and their slopes; bends that are too sharp cost."""
        event, count = frame.context.event, len(rows)
        moving = rows.detach().requires_grad_()

        def repeated(array: np.ndarray) -> Tensor:
            tensor = torch.as_tensor(array)
            tensor = tensor.float() if tensor.is_floating_point() else tensor
            return tensor.expand(count, *tensor.shape)

        fixed = {n: repeated(np.asarray(a)) for n, a in vars(event).items() if n != "positions"}
        with torch.enable_grad():
            values = self.value(Event(positions=moving, **fixed))
            if self.trust:
                gap = (((moving - frame.path) * frame.free) ** 2).sum((1, 2, 3)) / frame.free.sum()
                values = values + self.trust * torch.sqrt(gap + 1e-12)
            bend = (moving[:, 2:] - 2 * moving[:, 1:-1] + moving[:, :-2]) * frame.free[2:]
            sharp = torch.sqrt((bend**2).sum(-1) + 1e-12) - self.acceleration * FRAME_SECONDS**2
            values = values + sharp.clamp(min=0).sum((1, 2)) + _SMOOTH * (bend**2).sum((1, 2, 3))
            (slope,) = torch.autograd.grad(values.sum(), moving)
        known = torch.nan_to_num(values.detach(), torch.inf, torch.inf, -torch.inf)
        return known, torch.nan_to_num(slope) * frame.free


@dataclass(frozen=True, eq=False)
class _Frame:
    """What stays the same while a path is looked for.

    Attributes:
        context: Where things stand.
        path: The past, and a guess of the future, (T+1, N, 2).
        now: Where everybody is, (N, 2).
        free: 1 where a position may be chosen, (T+1, N, 1).
        ahead: How far ahead each frame is, in seconds, (T+1,).
    """

    context: Context
    path: Tensor
    now: Tensor
    free: Tensor
    ahead: Tensor

    def steps(self, rows: Float[Tensor, "k t1 n 2"]) -> Float[Tensor, "k t1 n 2"]:
        """The steps of paths: to each free position from the one before it, or from now."""
        before = torch.cat([self.now.expand(len(rows), 1, -1, -1), rows[:, :-1]], dim=1)
        first = torch.cumsum(self.free, dim=0) <= 1
        return (rows - torch.where(first, self.now, before)) * self.free


@dataclass(frozen=True, eq=False)
class Track:
    """Cost of being away from a path: the mean distance of what may move from it, at every step.

    Attributes:
        path: Positions at the event's frames, (T+1, N, 2).
        context: Where things stand; bound by ``prepare``.
    """

    path: Float[Tensor, "t1 n 2"]
    context: Context | None = None
    fields: tuple[str, ...] = ("entities",)

    def prepare(self, context: Context) -> Track:
        """Binds the present time."""
        return replace(self, context=context)

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        if self.context is None:
            raise ValueError("call prepare(context) before evaluate: it says what time it is")
        wanted = self.places(self.context, trajectory.actions.shape[1])
        movable = torch.as_tensor(self.context.event.movable & self.context.event.present)
        away = torch.linalg.vector_norm(trajectory["entities"][:, 1:] - wanted, dim=-1)
        return away[..., movable].mean(-1)

    def places(self, context: Context, horizon: int) -> Float[Tensor, "horizon n 2"]:
        """Where everybody ought to be in the next steps, (H, N, 2)."""
        times = context.seconds + context.dt * torch.arange(1, horizon + 1)
        place = (times / FRAME_SECONDS).clamp(max=len(self.path) - 1)
        index = place.floor().long().clamp(max=len(self.path) - 2)
        share = (place - index)[:, None, None]
        return self.path[index] * (1 - share) + self.path[index + 1] * share
