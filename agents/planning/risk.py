"""What to make of several models' costs: reduces (M, K) to (K,), after the costs are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

Risk: TypeAlias = Callable[[Tensor], Tensor]
"""Maps costs of K plans under M models, (M, K), to (K,)."""


def mean_risk(costs: Float[Tensor, "models samples"]) -> Float[Tensor, " samples"]:
    """The mean over the models: neutral."""
    return costs.mean(0)


def worst_risk(costs: Float[Tensor, "models samples"]) -> Float[Tensor, " samples"]:
    """The worst model's costs: robust."""
    return costs.amax(0)


def conditional_risk(share: float) -> Risk:
    """The mean of the worst ``share`` of the models (conditional value at risk).

    Rockafellar and Uryasev, "Optimization of conditional value-at-risk" (2000), for M equally likely models.

    Raises:
        ValueError: The share is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, expected a number in (0, 1]")

    def risk(costs: Tensor) -> Tensor:
        count = max(1, round(share * len(costs)))
        return torch.topk(costs, count, dim=0).values.mean(0)

    return risk
