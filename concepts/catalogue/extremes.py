"""Extremes: the one entity that is farthest out in some respect."""

from __future__ import annotations

from collections.abc import Callable

from ..concept import Concept, as_found, membership
from ..event import Array, Event
from ..geometry import namespace

NOT_ELIGIBLE = -100.0
"""The score of an entity that cannot be meant."""


def behind_best(scores: Callable[[Event], Array]) -> Callable[[Event, Array], Array]:
    """How much each entity's score lacks to the best among the candidates, (..., N)."""

    def deviation(event: Event, references: Array) -> Array:
        values = scores(event)
        xp = namespace(values)
        eligible = event.candidates & (values > NOT_ELIGIBLE / 2)
        best = xp.max(xp.where(eligible, values, xp.full_like(values, NOT_ELIGIBLE)), axis=-1)
        return xp.where(eligible, best[..., None] - values, xp.full_like(values, -NOT_ELIGIBLE))

    return deviation


def _extreme(
    name: str,
    scores: Callable[[Event], Array],
    *,
    margin: float,
    held_out: bool = False,
    invariances: tuple[str, ...] = ("translation",),
) -> Concept:
    part = membership(behind_best(scores), as_found, tolerance=margin / 10, margin=margin)
    return Concept(
        name,
        "extremes",
        f"the {name} of all",
        identification=part,
        split="held_out" if held_out else "train",
        invariances=frozenset(invariances),
    )


_ALL = ("translation", "rotation", "scale")

CONCEPTS: tuple[Concept, ...] = (
    _extreme("leftmost", lambda event: -event.final[..., 0], margin=0.08),
    _extreme("rightmost", lambda event: event.final[..., 0], margin=0.08),
    _extreme("topmost", lambda event: event.final[..., 1], margin=0.08),
    _extreme("bottommost", lambda event: -event.final[..., 1], margin=0.08, held_out=True),
    _extreme("largest", lambda event: event.sizes, margin=0.006, invariances=_ALL),
    _extreme("smallest", lambda event: -event.sizes, margin=0.006, invariances=_ALL),
)
"""The rows of the family."""
