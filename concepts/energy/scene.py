"""Events as the tensors that an energy reads, and the two views of an event: enacted, recognised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..event import FRAME_SECONDS, Array, Event

FEATURES = 6
"""Columns of ``Scene.nodes``: three colours, the size, marker, movable."""

MARKER, MOVABLE = 4, 5
_MEAN_RADIUS, _SIZE_SCALE = 0.0575, 20.0


class Scene(NamedTuple):
    """All of a batch of events but the two things that are optimised.

    Attributes:
        nodes: What each entity is, (B, N, 6), see ``FEATURES``; zero on padding.
        present: 1 on entities, 0 on padding, (B, N).
        seconds: How long the event takes, (B,); 0 where only its last state counts.
    """

    nodes: Float[Tensor, "batch n 6"]
    present: Float[Tensor, "batch n"]
    seconds: Float[Tensor, " batch"]

    @property
    def marker(self) -> Float[Tensor, "batch n"]:
        """1 on the marked entity, (B, N)."""
        return self.nodes[..., MARKER]

    @property
    def movable(self) -> Float[Tensor, "batch n"]:
        """1 on the entities that generation may move, (B, N)."""
        return self.nodes[..., MOVABLE]

    @property
    def candidates(self) -> Float[Tensor, "batch n"]:
        """1 on the entities that a mask may select, (B, N)."""
        return self.present * (1 - self.marker)


class Example(NamedTuple):
    """A batch of events as tensors.

    Attributes:
        scene: Who is there.
        positions: Trajectories, (B, T+1, N, 2).
        attention: The mask, (B, N).
    """

    scene: Scene
    positions: Float[Tensor, "batch frames n 2"]
    attention: Float[Tensor, "batch n"]

    def recognised(self) -> Example:
        """The view for identification: nobody may be moved."""
        nodes = torch.cat([self.scene.nodes[..., :MOVABLE], torch.zeros_like(self.scene.nodes[..., :1])], -1)
        return self._replace(scene=self.scene._replace(nodes=nodes))


def scaled(sizes: Array) -> Array:
    """Radii as the network reads them: about -0.5 to 0.5, so that small and large are alike in weight."""
    return _SIZE_SCALE * (sizes - _MEAN_RADIUS)


def tensors(event: Event, device: torch.device | str = "cpu") -> Example:
    """Turns a batch of events, NumPy or torch, into float32 tensors.

    Args:
        event: Events with one batch dimension, positions (B, T+1, N, 2).
        device: Where the tensors go.
    """

    def cast(array: object) -> Tensor:
        if not isinstance(array, Tensor):
            array = torch.from_numpy(np.ascontiguousarray(array))
        return array.to(device=device, dtype=torch.float32)

    present = cast(event.present)
    columns = [cast(event.colors), scaled(cast(event.sizes))[..., None]]
    columns += [cast(event.marker)[..., None], cast(event.movable)[..., None]]
    nodes = torch.cat(columns, dim=-1) * present[..., None]
    positions = cast(event.positions)
    steps = positions.shape[1] - 1
    seconds = torch.full_like(present[:, 0], steps * FRAME_SECONDS if steps > 1 else 0.0)
    return Example(Scene(nodes, present, seconds), positions, cast(event.attention))
