"""Proximity: the closest and the furthest, to be pointed out or to be gone to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..concept import Concept, as_found, membership, relation
from ..event import COLORS, Array, Event
from ..geometry import as_weights, length, mean, minimum_over, namespace, pairwise, slots, total
from ..scene import one_hot_colors
from ..streams import Streams
from .extremes import NOT_ELIGIBLE, behind_best

_MARGIN = 0.08
_NOWHERE = 10.0


def _to_marker(event: Event) -> Array:
    marker = mean(event.final, as_weights(event.marker, event.sizes))
    return length(event.final - marker[..., None, :])


def _closest_of_all(name: str, sign: int) -> Concept:
    part = membership(
        behind_best(lambda event: sign * _to_marker(event)),
        as_found,
        tolerance=_MARGIN / 10,
        margin=_MARGIN,
        marker=True,
    )
    return Concept(
        name,
        "proximity",
        f"the one {name} to me" if sign < 0 else f"the one {name} from me",
        identification=part,
        invariances=frozenset({"translation", "rotation"}),
    )


def closest_to_colour(colour: str = "red") -> Concept:
    """The concept "of all others, the one closest to anything of this colour".

    Args:
        colour: One of ``COLORS``.

    Raises:
        ValueError: There is no such colour.
    """
    if colour not in COLORS:
        raise ValueError(f"colour is {colour!r}, expected one of {COLORS}")
    channel = COLORS.index(colour)

    def scores(event: Event) -> Array:
        coloured = (event.colors[..., channel] > 0.5) & event.present
        distance = length(pairwise(event.final))
        nearest = minimum_over(distance, coloured[..., None, :], empty=_NOWHERE)
        xp = namespace(nearest)
        without = coloured | (nearest >= _NOWHERE)
        return xp.where(without, xp.full_like(nearest, NOT_ELIGIBLE), -nearest)

    def plant(streams: Streams, event: Event, chosen: np.ndarray) -> Event:
        others = streams.uniform("other", chosen.shape[1], low=0, high=len(COLORS) - 1)
        indices = (channel + 1 + np.floor(others).astype(np.int64)) % len(COLORS)
        anchor = np.argmax(chosen, axis=1)[:, None] + 1
        indices = np.where(np.arange(chosen.shape[1]) == anchor, channel, indices)
        return event.replace(colors=one_hot_colors(indices) * event.present[..., None])

    def draw(rng: np.random.Generator) -> Mapping[str, object]:
        return {"colour": COLORS[int(rng.integers(len(COLORS)))]}

    return Concept(
        "closest_to_colour",
        "proximity",
        f"of all others, the one closest to anything {colour}",
        identification=membership(
            behind_best(scores), plant, tolerance=_MARGIN / 10, margin=_MARGIN, entities=(3, 16)
        ),
        invariances=frozenset({"translation", "rotation"}),
        parameters={"colour": colour},
        factory=closest_to_colour,
        draw=draw,
    )


def _move_to(name: str, sign: int, *, held_out: bool = False) -> Concept:
    """Moves to the attended entity that was closest (or furthest) at the start."""

    def chosen(event: Event, references: Array) -> Array:
        xp = namespace(event.initial)
        distance = sign * length(pairwise(event.initial))
        attended = references[..., None, :] > 0.5
        return xp.argmin(xp.where(attended, distance, xp.full_like(distance, 100.0)), axis=-1)

    def target(event: Event, references: Array) -> Array:
        xp = namespace(event.initial)
        hit = chosen(event, references)[..., None] == slots(event.initial, event.initial.shape[-2])
        points = xp.broadcast_to(event.final[..., None, :, :], (*hit.shape, 2))
        return total(xp.where(hit[..., None], points, xp.zeros_like(points)), axis=-2)

    def deviation(event: Event, references: Array) -> Array:
        return length(event.final - target(event, references))

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        distance = np.where(references[:, None, :] > 0.5, sign * length(pairwise(event.initial)), 100.0)
        ordered = np.sort(distance, axis=-1)
        doubt = ordered[..., 1] - ordered[..., 0] < _MARGIN
        return np.where(doubt[..., None], 9.0, target(event, references))

    return Concept(
        name,
        "proximity",
        f"go to the one of them that was {'closest' if sign > 0 else 'furthest'} at the start",
        relation(deviation, propose, references=(2, 6), history=True, accepts_argument=False),
        split="held_out" if held_out else "train",
        invariances=frozenset({"translation", "rotation", "scale"}),
    )


CONCEPTS: tuple[Concept, ...] = (
    _closest_of_all("closest", -1),
    _closest_of_all("furthest", 1),
    closest_to_colour(),
    _move_to("move_to_closest", 1),
    _move_to("move_to_furthest", -1, held_out=True),
)
"""The rows of the family."""
