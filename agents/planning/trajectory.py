"""What planners hand to costs: where things stand, and what candidate actions would lead to.

Letters: K samples, H steps of the horizon, A action dimensions, N entities, T frames of an event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...concepts.event import FRAME_SECONDS, Event

ACTIONS = "actions"
"""What a cost names among its fields if it is about actions, which every trajectory has."""


@dataclass(frozen=True, eq=False)
class Context:
    """Where things stand when a plan is made.

    Attributes:
        event: What has happened so far, positions (T+1, N, 2), NumPy; the future as if all stopped now.
        seconds: Time since the episode began, which is when the event began.
        dt: Seconds of a step of the plan.
    """

    event: Event
    seconds: float
    dt: float

    @property
    def frames(self) -> int:
        """T, the number of steps of the event; 1 where only its last state counts."""
        return int(self.event.positions.shape[0]) - 1


@dataclass(frozen=True, eq=False)
class Trajectory:
    """K rollouts of H steps.

    Attributes:
        fields: Recorded quantities by name, (K, H+1, ...); index 0 is the present. "entities" are
            positions in the concept plane, (K, H+1, N, 2).
        actions: What was done, (K, H, A).
        valid: False where the simulation diverged, (K,).
    """

    fields: dict[str, Tensor]
    actions: Float[Tensor, "samples horizon action"]
    valid: Bool[Tensor, " samples"]

    def __getitem__(self, name: str) -> Tensor:
        """A recorded quantity, (K, H+1, ...).

        Raises:
            KeyError: It was not recorded; the message names what was.
        """
        if name not in self.fields:
            raise KeyError(f"{name!r} was not recorded, only {sorted(self.fields)}: name it in Cost.fields")
        return self.fields[name]

    def row(self, index: int) -> Trajectory:
        """One of the rollouts, (1, H+1, ...), without its history of gradients."""
        mine = slice(index, index + 1)
        fields = {name: part[mine].detach() for name, part in self.fields.items()}
        return Trajectory(fields, self.actions[mine].detach(), self.valid[mine])

    def charged(self, costs: Float[Tensor, "samples horizon"]) -> Float[Tensor, " samples"]:
        """Costs of the steps, (K, H), as costs of the rollouts, (K,): infinite where one diverged."""
        total = costs.detach().sum(1)
        return torch.where(self.valid, torch.nan_to_num(total, torch.inf, torch.inf, -torch.inf), torch.inf)


def finite_rows(values: Float[Tensor, "samples ..."]) -> Bool[Tensor, " samples"]:
    """Which rows hold nothing but finite numbers, (K,).

    Their sums are asked, which is much faster; a row whose sum overflows counts as not finite.
    """
    return torch.isfinite(values.flatten(1).sum(1))


def event_frames(context: Context, entities: Float[Tensor, "k h1 n 2"]) -> Float[Tensor, "k t1 n 2"]:
    """The event as it would be in the end: the past, then the plan, then as if all stopped.

    Args:
        context: Where things stand; its event has T > 1 steps.
        entities: Positions along the plans, (K, H+1, N, 2).

    Returns:
        Positions of all frames, (K, T+1, N, 2).
    """
    count, horizon = context.frames, entities.shape[1] - 1
    past = torch.as_tensor(np.asarray(context.event.positions), dtype=entities.dtype, device=entities.device)
    times = torch.arange(count + 1, dtype=entities.dtype, device=entities.device) * FRAME_SECONDS
    ahead = ((times - context.seconds) / context.dt).clamp(0, horizon)
    index = ahead.floor().long().clamp(max=max(horizon - 1, 0))
    share = (ahead - index)[None, :, None, None]
    later = entities[:, (index + 1).clamp(max=horizon)]
    planned = entities[:, index] * (1 - share) + later * share
    done = (times <= context.seconds + 1e-6)[None, :, None, None]
    return torch.where(done, past[None], planned)
