"""Visual: entities told by their colour or their size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..concept import Concept, Deviation, membership
from ..event import COLORS, Array, Event
from ..geometry import at_least, hinge, namespace, total
from ..scene import LARGE, SMALL, one_hot_colors, random_sizes
from ..streams import Streams

_LIMIT = (SMALL[1] + LARGE[0]) / 2
_STILL_LIMIT = (LARGE[0] - SMALL[1]) / 20

Recolour = Callable[[Streams, Event, np.ndarray], np.ndarray]


def of_colour(channel: int) -> Deviation:
    """Deviation from one colour: 0 for that colour, 1 for the others, (..., N)."""

    def deviation(event: Event, references: Array) -> Array:
        return 1 - event.colors[..., channel]

    return deviation


def same_colour(event: Event, references: Array) -> Array:
    """Deviation from the marker's colour: 0 or 1, (..., N)."""
    colour = total(event.colors * references[..., None], axis=-2)
    return 1 - total(event.colors * colour[..., None, :], axis=-1)


def odd_colour(event: Event, references: Array) -> Array:
    """How many others share one's colour, (..., N); 1 at least unless all but one share one colour."""
    xp = namespace(event.colors)
    candidates = xp.where(event.candidates, xp.ones_like(event.sizes), xp.zeros_like(event.sizes))
    totals = total(event.colors * candidates[..., None], axis=-2)
    alike = total(event.colors * totals[..., None, :], axis=-1) - candidates
    several = total(xp.astype(totals > 1.5, totals.dtype), axis=-1)
    single = total(xp.astype((totals > 0.5) & (totals < 1.5), totals.dtype), axis=-1)
    clear = (several > 0.5) & (several < 1.5) & (single > 0.5) & (single < 1.5)
    return xp.where(clear[..., None], alike, at_least(alike, 1.0))


def _others(streams: Streams, shape: tuple[int, int], avoid: np.ndarray | int) -> np.ndarray:
    """Random colour indices that differ from ``avoid``, which broadcasts to (B, N)."""
    step = 1 + np.floor(streams.uniform("other", shape[1], high=len(COLORS) - 1)).astype(np.int64)
    return (avoid + step) % len(COLORS)


def _in_colour(channel: int) -> Recolour:
    def recolour(streams: Streams, event: Event, chosen: np.ndarray) -> np.ndarray:
        return np.where(chosen, channel, _others(streams, chosen.shape, channel))

    return recolour


def _like_marker(streams: Streams, event: Event, chosen: np.ndarray) -> np.ndarray:
    colour = np.floor(streams.uniform("marker", 1, high=len(COLORS))).astype(np.int64)
    return np.where(chosen | event.marker, colour, _others(streams, chosen.shape, colour))


def _odd_one(streams: Streams, event: Event, chosen: np.ndarray) -> np.ndarray:
    common = np.floor(streams.uniform("common", 1, high=len(COLORS))).astype(np.int64)
    odd = _others(streams, (len(chosen), 1), common)
    return np.where(chosen, odd, common)


def _coloured(
    name: str,
    description: str,
    deviation: Deviation,
    recolour: Recolour,
    *,
    counts: tuple[int, int] = (1, 8),
    marker: bool = False,
) -> Concept:
    def plant(streams: Streams, event: Event, chosen: np.ndarray) -> Event:
        colors = one_hot_colors(recolour(streams, event, chosen))
        return event.replace(colors=colors * event.present[..., None])

    part = membership(deviation, plant, counts=counts, marker=marker)
    return Concept(
        name,
        "visual",
        description,
        identification=part,
        invariances=frozenset({"translation", "rotation", "scale"}),
    )


def _sized(name: str, sign: int, *, held_out: bool = False) -> Concept:
    def deviation(event: Event, references: Array) -> Array:
        return hinge(sign * (_LIMIT - event.sizes))

    def plant(streams: Streams, event: Event, chosen: np.ndarray) -> Event:
        sizes = random_sizes(streams.fork("planted"), chosen if sign > 0 else ~chosen)
        return event.replace(sizes=sizes * event.present)

    part = membership(deviation, plant, counts=(1, 8), tolerance=_STILL_LIMIT, margin=_STILL_LIMIT)
    return Concept(
        name,
        "visual",
        f"all the {name} ones",
        identification=part,
        split="held_out" if held_out else "train",
        invariances=frozenset({"translation", "rotation"}),
    )


CONCEPTS: tuple[Concept, ...] = (
    *(
        _coloured(colour, f"all the {colour} ones", of_colour(i), _in_colour(i))
        for i, colour in enumerate(COLORS)
    ),
    _coloured("same_colour_as_marker", "all of my colour", same_colour, _like_marker, marker=True),
    _coloured(
        "odd_one_out",
        "the only one of its colour, all others sharing one",
        odd_colour,
        _odd_one,
        counts=(1, 1),
    ),
    _sized("large", 1),
    _sized("small", -1, held_out=True),
)
"""The rows of the family."""
