"""Any cost of this package in somebody else's planner.

::

    cost = energy_cost(model, code)
    mppi = pytorch_mppi.MPPI(
        dynamics, running_cost(cost, context, entities), nx=4, noise_sigma=sigma
    )
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from .cost import Cost
from .trajectory import ACTIONS, Context, Trajectory, finite_rows

Entities: TypeAlias = Callable[[Tensor], Tensor]
"""Maps states, (K, X), to concept coordinates of all entities, (K, N, 2)."""


def _path(places: Float[Tensor, "k h n 2"], actions: Tensor, first: Tensor) -> Trajectory:
    """A trajectory through places, after the first."""
    entities = torch.cat([first, places], dim=1)
    return Trajectory({"entities": entities}, actions, finite_rows(entities))


def _now(context: Context, like: Tensor) -> Tensor:
    now = torch.as_tensor(context.event.positions[-1], dtype=like.dtype, device=like.device)
    return now.expand(len(like), 1, -1, -1)


def running_cost(
    cost: Cost, context: Context, entities: Entities
) -> Callable[[Tensor, Tensor], Float[Tensor, " k"]]:
    """The cost of one step, (K,), of states, (K, X), and actions, (K, A): pytorch_mppi's ``running_cost``.

    Args:
        cost: A cost of "entities", and perhaps of "actions", whose event has no course of time.
        context: Where things stand.
        entities: Maps states to concept coordinates.

    Raises:
        ValueError: The cost needs other quantities, or is about a trajectory.
    """
    _check(cost, context, ("entities", ACTIONS))
    bound = cost.prepare(context)

    def each(state: Tensor, action: Tensor) -> Tensor:
        places = entities(state)[:, None]
        return bound.evaluate(_path(places, action[:, None], _now(context, places)))[:, 0]

    return each


def terminal_state_cost(
    cost: Cost, context: Context, entities: Entities
) -> Callable[[Tensor, Tensor], Float[Tensor, "*m k"]]:
    """The cost of the last state, from (..., K, H, X) and (..., K, H, A) to (..., K).

    It is pytorch_mppi's ``terminal_state_cost``. See ``running_cost`` for the arguments.
    """
    each = running_cost(cost, context, entities)

    def last(states: Tensor, actions: Tensor) -> Tensor:
        flat = each(states[..., -1, :].flatten(0, -2), actions[..., -1, :].flatten(0, -2))
        return flat.reshape(states.shape[:-2])

    return last


def trajectory_cost(
    cost: Cost, context: Context
) -> Callable[[Float[Tensor, "k h n 2"]], Float[Tensor, " k"]]:
    """A plain function from places of all entities at the next H steps, (K, H, N, 2), to costs, (K,).

    Args:
        cost: A cost of "entities" alone; its event may have a course of time.
        context: Where things stand.

    Raises:
        ValueError: The cost needs other quantities; actions, too, are not known from places.
    """
    _check(cost, None, ("entities",))
    bound = cost.prepare(context)

    def total(places: Tensor) -> Tensor:
        actions = places.new_zeros(*places.shape[:2], 1)
        return bound.evaluate(_path(places, actions, _now(context, places))).sum(1)

    return total


def _check(cost: Cost, context: Context | None, known: tuple[str, ...]) -> None:
    if set(cost.fields) - set(known):
        raise ValueError(f"the cost needs {cost.fields}, but only {known} are known here")
    if context is not None and context.frames > 1:
        raise ValueError("the cost is about a trajectory and has no cost of one step: use trajectory_cost")
