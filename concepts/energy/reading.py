"""Between events and what an energy reads: checks, courses of time, and the way back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..event import Event, check_event
from .scene import MARKER, Example, Scene, tensors

STEPS = 8
"""States of a course of time that an energy reads, the first not counted."""


def marked(nodes: Tensor, mask: Tensor) -> Tensor:
    """Entities, (B, N, 6), with the mask as their marker."""
    return torch.cat([nodes[..., :MARKER], mask[..., None], nodes[..., MARKER + 1 :]], dim=-1)


def joined(first: Example, second: Example) -> Example:
    """Two batches of events of the same duration and width as one."""
    scene = Scene(*(torch.cat(parts) for parts in zip(first.scene, second.scene, strict=True)))
    positions, attention = (
        torch.cat(parts)
        for parts in ((first.positions, second.positions), (first.attention, second.attention))
    )
    return Example(scene, positions, attention)


def first_state(example: Example) -> Example:
    """The first state of events, as a scene in which to recognise somebody."""
    view = example.recognised()
    scene = view.scene._replace(seconds=torch.zeros_like(view.scene.seconds))
    return Example(scene, example.positions[:, :1].repeat(1, 2, 1, 1), example.attention)


def resampled(positions: Tensor, steps: int) -> Tensor:
    """Trajectories, (B, T+1, N, 2), at ``steps`` + 1 equidistant times, linearly in between."""
    last = positions.shape[1] - 1
    times = torch.linspace(0, last, steps + 1, device=positions.device, dtype=positions.dtype)
    before = times.floor().clamp(max=max(last - 1, 0)).long()
    share = (times - before)[None, :, None, None]
    after = (before + 1).clamp(max=last)
    return (1 - share) * positions[:, before] + share * positions[:, after]


def read(event: Event, device: torch.device) -> Example:
    """Events as an energy reads them: single states twice, a course of time at eight later states."""
    example = tensors(event, device)
    steps = example.positions.shape[1] - 1
    if steps == 0:
        return example._replace(positions=example.positions.repeat(1, 2, 1, 1))
    return example if steps in (1, STEPS) else example._replace(positions=resampled(example.positions, STEPS))


def written(event: Event, positions: Tensor) -> Event:
    """The event with found positions, (B, T+1, N, 2), of what may move; of the event's kind and duration."""
    steps = event.positions.shape[-3] - 1
    if positions.shape[1] - 1 != steps:
        positions = resampled(positions, steps)
    found = positions.reshape(tuple(event.positions.shape))
    if isinstance(event.positions, Tensor):
        free = event.movable[..., None, :, None].expand_as(found).clone()
        free[..., 0, :, :] = False
        return event.replace(positions=torch.where(free, found.to(event.positions), event.positions))
    free = np.broadcast_to(event.movable[..., None, :, None], found.shape).copy()
    free[..., 0, :, :] = False
    return event.replace(positions=np.where(free, found.cpu().numpy(), event.positions))


def flat(event: Event) -> Event:
    """The event with exactly one batch dimension."""
    batch = event.attention.ndim - 1
    return event.map(lambda array: array.reshape(-1, *array.shape[batch:]))


def checked(event: object) -> Event:
    """Checks an event that came from outside; torch events are checked as NumPy, and left as they are."""
    if isinstance(event, Event) and isinstance(event.positions, Tensor):
        check_event(event.map(lambda array: array.detach().cpu().numpy()))
        return event
    return check_event(event)
