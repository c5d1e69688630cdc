"""Demonstrated ways in another scene: relative to the attended, and matched with whoever is nearest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import RBFInterpolator
from scipy.optimize import linear_sum_assignment

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
    """
    return _paired(places, others)


def _paired(places: Float[np.ndarray, "m d"], others: Float[np.ndarray, "k d"]) -> Int[np.ndarray, " m"]:
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


def scenery(event: Event) -> Int[np.ndarray, " s"]:
    """Who is attended and stays where it is, or moves by itself, (S,)."""
    return np.flatnonzero((event.attention > 0.5) & event.present & ~event.movable)


def warped(event: Event, one: Event) -> Float[np.ndarray, "t n 2"] | None:
    """A demonstration's ways as if its scene were bent into this one, (T, N, 2); None where it cannot be.

    Where a course of time is about several, each of them and of those who move comes to lie on its
    counterpart as it is at first, and all else in between. The attended are told apart by their colours,
    those who move by where they begin. Radial basis functions interpolate how far: Schulman et al.,
    "Learning from demonstrations through the use of non-rigid registration" (ISRR 2013), with thin
    plates there.
    """
    mine, theirs = scenery(event), scenery(one)
    if len(event.positions) == 2 or len(mine) < 2 or len(mine) != len(theirs):
        return None
    theirs = theirs[_paired(event.colors[mine], one.colors[theirs])]
    slots, others = np.flatnonzero(event.movable), np.flatnonzero(one.movable)
    begin = event.initial[slots] - event.initial[mine].mean(0)
    others = others[matched(begin, one.initial[others] - one.initial[theirs].mean(0))]
    given, wanted = np.concatenate([theirs, others]), np.concatenate([mine, slots])
    _, kept = np.unique(given, return_index=True)
    bent = RBFInterpolator(one.initial[given[kept]], event.initial[wanted[kept]], kernel="linear", degree=0)
    times = np.minimum(np.arange(1, len(event.positions)), len(one.positions) - 1)
    path = one.positions[times][:, others]
    aims = event.positions[1:].astype(np.float64)
    aims[:, slots] = np.clip(bent(path.reshape(-1, 2)).reshape(path.shape), -_EDGE, _EDGE)
    return aims


def copies(event: Event, shown: Event) -> Float[np.ndarray, "k t1 n 2"]:
    """The event as if those who move did what they do in demonstrations, (K, T+1, N, 2).

    Of each demonstration the ways relative to the anchors; and then those of scenes that were bent into this
    one, where they can be.
    """
    every = [shown[index] for index in range(len(shown.positions))]
    bent = [warped(event, one) for one in every]
    made = np.stack([*(along(event, ways(one)) for one in every), *(one for one in bent if one is not None)])
    first = np.broadcast_to(event.positions[:1], (len(made), 1, *event.positions.shape[1:]))
    return np.concatenate([first, made], axis=1).astype(event.positions.dtype)
