"""Plans as splines: few knots, many steps, and a warm start that keeps to the clock."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

Interpolation: TypeAlias = Literal["zero", "linear", "cubic"]


def check_interpolation(kind: str) -> None:
    """Checks a name.

    Raises:
        ValueError: There is no such interpolation.
    """
    if kind not in get_args(Interpolation):
        raise ValueError(f"interpolation is {kind!r}, expected one of {get_args(Interpolation)}")


def basis(kind: Interpolation, knots: int, points: Float[Tensor, " m"]) -> Float[Tensor, "m knots"]:
    """Weights of the knots at points between 0 (the first knot) and 1 (the last); clamped outside.

    "zero" holds each of the knots for an equal share of the time; "cubic" is Catmull-Rom's spline
    with its ends repeated (Catmull and Rom, "A class of local interpolating splines", 1974), which
    passes through the knots.

    Args:
        kind: "zero", "linear" or "cubic".
        knots: Number of knots, 1 at least.
        points: Where, (M,).

    Raises:
        ValueError: An unknown kind, or no knots.
    """
    check_interpolation(kind)
    if knots < 1:
        raise ValueError(f"there are {knots} knots, expected one at least")
    points = points.clamp(0, 1)
    if knots == 1:
        return torch.ones(len(points), 1, dtype=points.dtype, device=points.device)
    identity = torch.eye(knots, dtype=points.dtype, device=points.device)
    if kind == "zero":
        return identity[(points * knots).long().clamp(max=knots - 1)]
    place = points * (knots - 1)
    left = place.floor().long().clamp(max=knots - 2)
    t = (place - left)[:, None]
    if kind == "linear":
        return (1 - t) * identity[left] + t * identity[left + 1]
    weights = (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (-(t**2) + t**3) / 2,
    )
    parts = [w * identity[(left + i - 1).clamp(0, knots - 1)] for i, w in enumerate(weights)]
    return torch.stack(parts).sum(0)


def expand(
    values: Float[Tensor, "*k knots a"], horizon: int, kind: Interpolation
) -> Float[Tensor, "*k horizon a"]:
    """Actions of all steps, (..., H, A), from knots, (..., P, A)."""
    count = max(horizon - 1, 1) if kind != "zero" else horizon
    points = torch.arange(horizon, dtype=values.dtype, device=values.device) / count
    return basis(kind, values.shape[-2], points) @ values


def advance(
    values: Float[Tensor, "knots a"], horizon: int, steps: float, kind: Interpolation
) -> Float[Tensor, "knots a"]:
    """Knots of the same plan seen ``steps`` later; its end is held."""
    count = values.shape[0]
    if count == 1:
        return values
    if kind == "zero":
        points = (torch.arange(count, dtype=values.dtype, device=values.device) + 0.5) / count
        return basis(kind, count, points + steps / horizon) @ values
    points = torch.arange(count, dtype=values.dtype, device=values.device) / (count - 1)
    return basis(kind, count, points + steps / max(horizon - 1, 1)) @ values
