"""Costs of plans: what any planner minimises, and sums of named terms.

A cost says which quantities of a rollout it needs (``fields``), is bound to the present once a plan
(``prepare``), and gives the cost of every step (``evaluate``), never a sum: what becomes of the steps
is the planner's business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from .trajectory import ACTIONS, Context, Trajectory


@runtime_checkable
class Cost(Protocol):
    """What a planner minimises."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the quantities that have to be recorded of a rollout, see ``Dynamics``."""
        ...

    def prepare(self, context: Context) -> Cost:
        """The cost, bound to where things stand; called once a plan."""
        ...

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each of the H steps of each of the K samples, (K, H)."""
        ...


@dataclass(frozen=True)
class Sum:
    """A weighted sum of named costs, which is a cost again.

    Attributes:
        terms: Costs by name.
        weights: Weights by name; 1 where none is given.
    """

    terms: Mapping[str, Cost]
    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        """Checks the names and weights.

        Raises:
            ValueError: No terms, a weight of no term, or one that is not finite.
        """
        if not self.terms:
            raise ValueError("a sum of costs needs one term at least")
        strangers = sorted(set(self.weights) - set(self.terms))
        if strangers:
            raise ValueError(f"there are weights of {strangers}, but the terms are {sorted(self.terms)}")
        for name, weight in self.weights.items():
            if not math.isfinite(weight):
                raise ValueError(f"the weight of {name!r} is {weight}, expected a finite number")

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of all terms."""
        return tuple(dict.fromkeys(name for term in self.terms.values() for name in term.fields))

    def prepare(self, context: Context) -> Sum:
        """Binds every term."""
        return replace(self, terms={name: term.prepare(context) for name, term in self.terms.items()})

    def each(self, trajectory: Trajectory) -> dict[str, Float[Tensor, "samples horizon"]]:
        """The weighted terms by name, (K, H) each."""
        return {n: self.weights.get(n, 1.0) * t.evaluate(trajectory) for n, t in self.terms.items()}

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """The sum, (K, H)."""
        return torch.stack(list(self.each(trajectory).values())).sum(0)


def weighted(terms: Mapping[str, Cost], **weights: float) -> Sum:
    """A weighted sum of named costs: ``weighted({"goal": a, "effort": b}, effort=0.01)``.

    Raises:
        ValueError: No terms, a weight of no term, or one that is not finite.
    """
    return Sum(dict(terms), weights)


@dataclass(frozen=True)
class Effort:
    """Sum of the squared actions of a step."""

    fields: tuple[str, ...] = (ACTIONS,)

    def prepare(self, context: Context) -> Effort:
        """Needs nothing."""
        return self

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        return (trajectory.actions**2).sum(-1)


@dataclass(frozen=True)
class Speed:
    """Sum of the squared velocities in a field.

    Attributes:
        field: Name of a field of velocities, (K, H+1, ...): "velocities" or "qvel".
    """

    field: str = "velocities"

    @property
    def fields(self) -> tuple[str, ...]:
        """The velocities."""
        return (self.field,)

    def prepare(self, context: Context) -> Speed:
        """Needs nothing."""
        return self

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        return (trajectory[self.field][:, 1:] ** 2).flatten(2).sum(-1)


@dataclass(frozen=True)
class Limits:
    """Squared excess of a field's coordinates over a range that is narrower than the hard one.

    Attributes:
        low: Smallest values, by coordinate.
        high: Largest values, by coordinate.
        field: Name of a field, (K, H+1, len(low)): "qpos".
        margin: How far inside of the limits the cost begins.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    field: str = "qpos"
    margin: float = 0.1

    def __post_init__(self) -> None:
        """Checks the limits.

        Raises:
            ValueError: They do not go together.
        """
        if len(self.low) != len(self.high) or any(a >= b for a, b in zip(self.low, self.high, strict=True)):
            raise ValueError(f"low is {self.low}, high is {self.high}: expected low < high, one each")

    @property
    def fields(self) -> tuple[str, ...]:
        """The coordinates."""
        return (self.field,)

    def prepare(self, context: Context) -> Limits:
        """Needs nothing."""
        return self

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        values = trajectory[self.field][:, 1:, : len(self.low)]
        low, high = values.new_tensor(self.low) + self.margin, values.new_tensor(self.high) - self.margin
        return ((low - values).clamp(min=0) ** 2 + (values - high).clamp(min=0) ** 2).sum(-1)


@dataclass(frozen=True)
class Obstacles:
    """Squared depth of the movable entities in discs that nobody may enter.

    Attributes:
        centres: Centres in the concept plane, one (x, y) each.
        radii: Radii, one each; the moving entity's own radius is added.
        who: Which entities have to keep clear, (N,) bool; bound by ``prepare``.
    """

    centres: tuple[tuple[float, float], ...]
    radii: tuple[float, ...]
    who: Tensor | None = None
    own: Tensor | None = None
    fields: tuple[str, ...] = ("entities",)

    def prepare(self, context: Context) -> Obstacles:
        """Looks up who may move, and how large they are."""
        who = torch.as_tensor(context.event.movable & context.event.present)
        own = torch.as_tensor(context.event.sizes, dtype=torch.float32)
        return replace(self, who=who, own=own)

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        assert self.who is not None and self.own is not None, "prepare comes first"
        places = trajectory["entities"][:, 1:, self.who]
        away = places[:, :, :, None] - places.new_tensor(self.centres)
        reach = places.new_tensor(self.radii) + self.own[self.who].to(places)[:, None]
        depth = (reach - torch.linalg.vector_norm(away, dim=-1)).clamp(min=0)
        return (depth**2).flatten(2).sum(-1)


@dataclass(frozen=True)
class Collisions:
    """Squared overlap of the movable entities with all others.

    Attributes:
        margin: How far from touching the cost begins.
    """

    margin: float = 0.02
    context: Context | None = None
    fields: tuple[str, ...] = ("entities",)

    def prepare(self, context: Context) -> Collisions:
        """Looks up who is there."""
        return replace(self, context=context)

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        assert self.context is not None, "prepare comes first"
        event, places = self.context.event, trajectory["entities"][:, 1:]
        present, movable = torch.as_tensor(event.present), torch.as_tensor(event.movable)
        sizes = torch.as_tensor(event.sizes, dtype=places.dtype)
        pairs = (movable[:, None] & present[:, None] & present) & ~torch.eye(len(sizes), dtype=torch.bool)
        gap = torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist")
        depth = (sizes[:, None] + sizes + self.margin - gap).clamp(min=0)
        return (depth**2 * pairs).flatten(2).sum(-1)
