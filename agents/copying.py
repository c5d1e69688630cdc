"""Demonstrated ways in another scene: relative to the attended, and matched with whoever is nearest."""

from __future__ import annotations

import numpy as np
from gymnasium.error import DependencyNotInstalled
from jaxtyping import Float, Int

from ..concepts.event import Event

_EDGE = 0.95
"""The largest coordinate of a place to go to."""


def anchors(event: Event) -> Float[np.ndarray, "... t1 2"]:
    """What ways are relative to at each time, (..., T+1, 2).

    The mean place of the attended scenery at that time; where only those are attended who move themselves,
    their mean place at last; and where nobody is, that of everybody at first.
    """
    attended = (event.attention > 0.5) & event.present
    scenery = attended & ~event.movable
    told = [
        (scenery, event.positions),
        (attended, event.positions[..., -1:, :, :]),
        (event.present, event.positions[..., :1, :, :]),
    ]
    found = np.full((*event.positions.shape[:-2], 2), np.nan)
    for whom, places in told:
        mean = (places * whom[..., None, :, None]).sum(-2)
        mean = mean / np.maximum(whom.sum(-1), 1)[..., None, None]
        found = np.where(np.isnan(found) & whom.any(-1)[..., None, None], mean, found)
    return found


def matched(places: Float[np.ndarray, "m 2"], others: Float[np.ndarray, "k 2"]) -> Int[np.ndarray, " m"]:
    """Which of the others belongs to each place, (M,), so that the squared distances sum to the least.

    Where there are fewer others, some belong to several.

    Raises:
        DependencyNotInstalled: SciPy is not there.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise DependencyNotInstalled('matching needs SciPy: pip install "conceptgym[torch]"') from error
    pool = np.arange(max(len(places), len(others))) % len(others)
    gap = ((places[:, None] - others[pool][None]) ** 2).sum(-1)
    return np.asarray(pool[linear_sum_assignment(gap)[1]])


def ways(one: Event) -> Float[np.ndarray, "t m 2"]:
    """Ways of the M who move in a single demonstration, relative to its anchors, (T, M, 2)."""
    found: np.ndarray = (one.positions[:, one.movable] - anchors(one)[:, None])[1:]
    return found


def along(event: Event, ways: Float[np.ndarray, "s m 2"]) -> Float[np.ndarray, "t n 2"]:
    """Where everybody is to be at the T times of an event after the first, (T, N, 2).

    Whoever moves goes the way that ends nearest, all in all; a way that ends before goes no further, and
    of a longer one the first part counts.

    Args:
        event: The scene, positions (T+1, N, 2): as it runs if nobody does anything.
        ways: Ways relative to the anchors, (S, M, 2).
    """
    slots, origins = np.flatnonzero(event.movable), anchors(event)[1:]
    times = np.minimum(np.arange(len(origins)), len(ways) - 1)
    order = matched(event.positions[-1, slots] - origins[-1], ways[times[-1]])
    aims = event.positions[1:].astype(np.float64)
    aims[:, slots] = np.clip(origins[:, None] + ways[times][:, order], -_EDGE, _EDGE)
    return aims


def copies(event: Event, shown: Event) -> Float[np.ndarray, "k t1 n 2"]:
    """The event as if those who move did what they do in each of k demonstrations, (k, T+1, N, 2)."""
    made = [along(event, ways(shown[index])) for index in range(len(shown.positions))]
    first = np.broadcast_to(event.positions[:1], (len(made), 1, *event.positions.shape[1:]))
    return np.concatenate([first, np.stack(made)], axis=1).astype(event.positions.dtype)
