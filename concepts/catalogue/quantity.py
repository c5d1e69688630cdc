"""Quantity: a mask over that many entities, whichever they are."""

from __future__ import annotations

import numpy as np

from ..concept import Concept, Identification, as_found
from ..event import Array, Event
from ..geometry import namespace
from ..shapes import ranks


def _ranked(event: Event) -> Array:
    """Rank of every entity by attention, those that are no candidates last, (..., N)."""
    xp = namespace(event.attention)
    value = xp.where(event.candidates, event.attention, xp.full_like(event.attention, -1.0))
    return ranks(-value, xp.ones_like(value))


def quantity(name: str, description: str, least: int, most: int, *, held_out: bool = False) -> Concept:
    """Between ``least`` and ``most`` entities: the nearest mask keeps those attended most."""

    def mask(event: Event) -> Array:
        rank = _ranked(event)
        return ((rank < least) | ((event.attention > 0.5) & (rank < most))) & event.candidates

    def clear(event: Event) -> Array:
        xp = namespace(event.attention)
        return xp.sum(xp.astype(event.candidates, event.attention.dtype), axis=-1) > least

    part = Identification(
        mask, clear, as_found, counts=(least, min(most, 6)), entities=(least + 1, 16), unique=False
    )
    return Concept(
        name,
        "quantity",
        description,
        identification=part,
        split="held_out" if held_out else "train",
        invariances=frozenset({"translation", "rotation", "scale"}),
    )


CONCEPTS: tuple[Concept, ...] = (
    quantity("one", "any one", 1, 1),
    quantity("two", "any two", 2, 2),
    quantity("three", "any three", 3, 3, held_out=True),
    quantity("more_than_three", "any four or more", 4, int(np.iinfo(np.int16).max)),
)
"""The rows of the family."""
