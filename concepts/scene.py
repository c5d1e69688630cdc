"""Random scenes: how many entities, where, in which colours and sizes, before anybody has a role."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from .event import COLORS, Event
from .streams import Streams

EDGE = 0.9
"""Starts are placed within [-EDGE, EDGE] in both coordinates."""

GAP = 0.22
"""Distance of centres that the placement tries to keep: more than two of the largest radii."""

CLOSEST = 0.11
"""Distance of centres below which a scene is rejected, unless the concept itself asks for it."""

SMALL = (0.025, 0.05)
LARGE = (0.065, 0.1)
"""The two bands of radii; no entity lies between them, so "small" and "large" are never in doubt."""

_CANDIDATES = 12


def entity_counts(streams: Streams, n_entities: tuple[int, int]) -> Int[np.ndarray, " batch"]:
    """Number of entities by row, uniform over the range with both ends, (B,)."""
    return streams.integers("entities", *n_entities)


def place(streams: Streams, present: Bool[np.ndarray, "batch n"]) -> Float[np.ndarray, "batch n 2"]:
    """Scatters entities, each at the best of a dozen random places (Mitchell's best candidate).

    The first candidate that keeps ``GAP`` to all earlier entities wins, else the farthest from them.
    """
    batch, width = present.shape
    candidates = streams.uniform("places", width, _CANDIDATES, 2, low=-EDGE, high=EDGE)
    chosen = np.zeros((batch, width, 2))
    rows = np.arange(batch)
    for i in range(width):
        across, up = (candidates[:, i, :, None, d] - chosen[:, None, :i, d] for d in (0, 1))
        clearance = (across * across + up * up).min(-1, initial=GAP**2)
        chosen[:, i] = candidates[rows, i, np.argmax(clearance, axis=1)]
    return np.where(present[..., None], chosen, 0.0)


def random_sizes(streams: Streams, large: Bool[np.ndarray, "batch n"]) -> Float[np.ndarray, "batch n"]:
    """Radii in the large or the small band, (B, N)."""
    share = streams.uniform("sizes", large.shape[1])
    return np.where(large, LARGE[0] + share * (LARGE[1] - LARGE[0]), SMALL[0] + share * (SMALL[1] - SMALL[0]))


def one_hot_colors(indices: Int[np.ndarray, "batch n"]) -> Float[np.ndarray, "batch n 3"]:
    """Colour indices as one-hot vectors, (B, N, 3)."""
    return (indices[..., None] == np.arange(len(COLORS))).astype(np.float64)


def random_scene(streams: Streams, counts: Int[np.ndarray, " batch"], width: int, *, frames: int) -> Event:
    """Scenes in which nobody has a role yet, and everything stands still.

    Args:
        streams: Random numbers, by row.
        counts: Number of entities present, by row.
        width: Number of entity slots, N; those past the count are padding.
        frames: T; the event has T + 1 equal states.
    """
    present = np.arange(width) < counts[:, None]
    start = place(streams, present)
    nobody = np.zeros_like(present)
    colors = np.floor(streams.uniform("colors", width, high=len(COLORS))).astype(np.int64)
    sizes = random_sizes(streams, streams.uniform("band", width) < 0.5)
    return Event(
        positions=np.repeat(start[:, None], frames + 1, axis=1),
        colors=one_hot_colors(colors) * present[..., None],
        sizes=sizes * present,
        present=present,
        movable=nobody,
        marker=nobody,
        attention=nobody.astype(np.float64),
    )


def shuffled(streams: Streams, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Permutes the entities of each row, the same way in all events; padding stays at the end."""
    order = streams.shuffle("order", events[0].present)
    rows = np.arange(len(order))[:, None]

    def permute(event: Event) -> Event:
        moved = event.map(lambda array: array[rows, order] if array.shape[1] == order.shape[1] else array)
        times = np.arange(event.positions.shape[1])[None, :, None]
        return moved.replace(positions=event.positions[rows[..., None], times, order[:, None, :]])

    return tuple(permute(event) for event in events)


def inside_world(event: Event) -> Bool[np.ndarray, " batch"]:
    """Whether all discs lie within the walls at all times, (B,)."""
    reach = np.abs(event.positions).max(axis=(1, 3)) + event.sizes
    return np.asarray(np.where(event.present, reach <= 1.0, True).all(-1))


def nobody_overlaps(event: Event) -> Bool[np.ndarray, " batch"]:
    """Whether the entities keep ``CLOSEST`` to one another in the first state, (B,)."""
    x, y = event.initial[..., 0], event.initial[..., 1]
    across, up = x[:, None] - x[:, :, None], y[:, None] - y[:, :, None]
    pairs = event.present[:, None] & event.present[:, :, None] & ~np.eye(event.present.shape[1], dtype=bool)
    return np.where(pairs, across * across + up * up, np.inf).min(axis=(1, 2)) >= CLOSEST**2
