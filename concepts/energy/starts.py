"""Where training queries start, the solutions nearest to that, and what falls short of them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from ..concept import Concept
from ..event import FRAME_SECONDS, Event
from ..streams import Streams
from ..task import Task

DRIFT = 0.5
"""Largest speed of a first guess, in units per second."""

ARRIVED = 2e-3
"""Error below which a descent has found a solution."""

_APPROACHES = 80
_LONGEST = 0.5


def nearest_solution(concept: Concept | Task, start: Event) -> Float[np.ndarray, "batch t1 n 2"]:
    """Descends from the start to the nearest event that satisfies the concept.

    Steps are Polyak's (Introduction to optimization, 1987, section 5.3): as the least error is known
    to be zero, the step along a gradient g of error e is e / |g|^2.

    Returns:
        Positions, (B, T+1, N, 2), float64; not all rows may have arrived.
    """
    event = start.map(torch.from_numpy)
    free = event.movable[:, None, :, None] & (torch.arange(start.positions.shape[1]) > 0)[:, None, None]
    positions = event.positions.clone()
    generator = torch.Generator().manual_seed(0)
    for _ in range(_APPROACHES):
        moving = positions.requires_grad_()
        error = concept.error(event.replace(positions=moving))
        (slope,) = torch.autograd.grad(error.sum(), moving)
        slope = torch.nan_to_num(slope) * free
        squared = (slope**2).sum((1, 2, 3))
        change = (error / squared.clamp(min=1e-6)).detach()[:, None, None, None] * slope
        change = change / (change.abs().amax((1, 2, 3), keepdim=True) / _LONGEST).clamp(min=1)
        # A place without a slope (a heap, a standstill) is left by a little noise.
        lost = ((squared < 1e-6) & (error > ARRIVED))[:, None, None, None]
        noise = 0.02 * torch.randn(positions.shape, generator=generator, dtype=positions.dtype) * free
        positions = (moving - torch.where(lost, noise, change)).detach()
    return positions.numpy()


def drifting(start: Event, streams: Streams) -> Float[np.ndarray, "batch t1 n 2"]:
    """A first guess of a trajectory: what moves drifts in a random direction, or goes on as it did.

    Nothing tells a standstill which way to go; a guess that moves has a nearest solution.
    """
    steps = start.positions.shape[1] - 1
    if steps < 2:
        return start.positions
    width = start.present.shape[1]
    speed = streams.uniform("speed", width, 1, high=DRIFT) * FRAME_SECONDS
    way = (speed * streams.direction("way", width))[:, None] * np.arange(steps + 1)[None, :, None, None]
    return start.positions + way * start.movable[:, None, :, None]


def short_of(
    task: Task, start: Event, nearest: np.ndarray, unsolved: np.ndarray, streams: Streams
) -> np.ndarray:
    """Trajectories on the way from the nearest solution back to the start that do not satisfy."""
    back = streams.uniform("back", 1, 1, 1, low=0.1, high=1.0)
    between = nearest + back * (start.positions - nearest)
    wrong = task.error(start.replace(positions=between)) > 1.5 * task.generation.tolerance
    return np.where(wrong[:, None, None, None], between, unsolved)
