"""Concepts as costs: the learned energy, and the ground truth that it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...concepts.concept import Concept
from ...concepts.energy.codes import Formula
from ...concepts.event import Event
from ...concepts.model import ConceptModel
from ...concepts.task import Task
from .trajectory import Context, Trajectory, event_frames


def judged_steps(horizon: int, points: int | None) -> list[int]:
    """Steps of the horizon, 1 to H, at which a costly cost is looked at: the last, and others before.

    Raises:
        ValueError: Less than one point.
    """
    if points is not None and points < 1:
        raise ValueError(f"points is {points}, expected one at least")
    count = min(points or horizon, horizon)
    return sorted({round(horizon * (i + 1) / count) for i in range(count)})


def events_of(context: Context, trajectory: Trajectory, steps: list[int], forget: bool = False) -> Event:
    """Rollouts as events in torch: one a judged step, or one each with its course of time.

    Args:
        context: Where things stand.
        trajectory: The rollouts.
        steps: The judged steps.
        forget: Whether a state is taken as if everybody had always been there; only the last state counts.

    Returns:
        Events of K * len(steps) rows (the steps of a sample are neighbours) if only the last state
        counts, else of K rows.
    """
    entities = trajectory["entities"]
    if context.frames > 1:
        positions = event_frames(context, entities)
    else:
        chosen = entities[:, steps].flatten(0, 1)
        first = torch.as_tensor(context.event.positions[0], dtype=chosen.dtype, device=chosen.device)
        positions = torch.stack([chosen if forget else first.expand_as(chosen), chosen], dim=1)

    def rows(array: np.ndarray) -> Tensor:
        tensor = torch.as_tensor(array, device=positions.device)
        tensor = tensor.to(positions.dtype) if tensor.is_floating_point() else tensor
        return tensor.expand(len(positions), *tensor.shape)

    fixed = {n: rows(np.asarray(a)) for n, a in vars(context.event).items() if n != "positions"}
    return Event(positions=positions, **fixed)


def spread(
    values: Float[Tensor, " rows"], samples: int, horizon: int, steps: list[int]
) -> Float[Tensor, "samples horizon"]:
    """Costs of judged steps, or of whole trajectories, as costs of all steps, (K, H).

    A judged step stands for those before it, too; a trajectory is charged to its last step, with the
    weight of all of them.
    """
    if len(values) == samples and len(steps) != 1:
        steps = [horizon]
    each = values.reshape(samples, len(steps))
    counts = torch.tensor([b - a for a, b in zip([0, *steps[:-1]], steps, strict=True)])
    if len(steps) == 1:
        return torch.cat([each.new_zeros(samples, horizon - 1), each * horizon], dim=1)
    return each.repeat_interleave(counts.to(each.device), dim=1)


@dataclass(frozen=True, eq=False)
class ConceptCost:
    """A function of events as a cost.

    Attributes:
        value: Maps events, (R, T+1, N, 2), to values, (R,): torch in, torch out.
        points: At how many steps of the horizon it is looked at; all if None.
        context: Where things stand; bound by ``prepare``.
        forget: Whether a state is taken as if everybody had always been there. A learned energy knows
            ways from a start to the nearest solution, and has never seen what lies beyond.
    """

    value: Callable[[Event], Tensor]
    points: int | None = None
    context: Context | None = None
    fields: tuple[str, ...] = ("entities",)
    forget: bool = False

    def prepare(self, context: Context) -> ConceptCost:
        """Binds the event so far."""
        return replace(self, context=context)

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        if self.context is None:
            raise ValueError("call prepare(context) before evaluate: it says who is there")
        samples, horizon = trajectory.actions.shape[:2]
        steps = judged_steps(horizon, self.points)
        values = self.value(events_of(self.context, trajectory, steps, self.forget))
        return spread(values, samples, horizon, steps)


def oracle_cost(concept: Concept | Task, points: int | None = None) -> ConceptCost:
    """The catalogue's true error as a cost: what a learned energy is compared with.

    Args:
        concept: A concept to generate, or a task; who is attended is as the scene says.
        points: At how many steps of the horizon it is looked at; all if None.
    """
    part = concept.generation
    if part is None:
        raise ValueError(f"{concept.name!r} cannot be brought about: it has no mode 'generate'")
    return ConceptCost(part.error, points)


def energy_cost(
    model: ConceptModel, code: Formula, points: int | None = 3, root: bool = True, forget: bool = True
) -> ConceptCost:
    """A learned energy as a cost.

    Args:
        model: The model.
        code: A code or a formula of codes.
        points: At how many steps of the horizon it is looked at; all if None.
        root: Whether the cost is the square root of the energy, which grows like a distance: near a
            solution the energy itself is flat, and noise in the plans would drown it.
        forget: See ``ConceptCost``; say False for concepts about where somebody came from.
    """

    def value(event: Event) -> Tensor:
        energies = model.slope(event, code)
        return torch.sqrt(energies + 1e-6) if root else energies

    return ConceptCost(value, points, forget=forget)
