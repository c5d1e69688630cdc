"""SOAP: Adam, run in the eigenbasis of Shampoo's preconditioner.

Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam" (2024), algorithm 3. The networks are
small and their slopes are noisy: the basis costs next to nothing, and halves the updates needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_LARGEST = 256
"""Sides of matrices above this keep their own basis."""


class Soap(torch.optim.Optimizer):
    """The optimiser; everything that is not a matrix is updated as by Adam.

    Args:
        parameters: What is learned.
        lr: Learning rate.
        betas: Decay of the means of slopes, and of their squares and products.
        eps: Added to denominators.
        every: Steps between two updates of the bases.
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        every: int = 10,
    ) -> None:
        """See the class."""
        super().__init__(list(parameters), {"lr": lr, "betas": betas, "eps": eps, "every": every})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update.

        Raises:
            TypeError: There is a closure: slopes are worked out before.
        """
        if closure is not None:
            raise TypeError("Soap takes no closure: call backward() before step()")
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, slope: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        fresh, (first, second) = not state, group["betas"]
        if fresh:
            state |= _begun(parameter)
        state["step"] += 1
        _gather(state, slope, 1 - second)
        if fresh and slope.ndim == 2:
            # As in the paper, the first slopes only tell the basis.
            _begin_basis(state)
            return
        state["mean"].lerp_(slope, 1 - first)
        turned = _turned(state, slope)
        state["square"].mul_(second).addcmul_(turned, turned, value=1 - second)
        count = int(state["step"])
        scale = (1 - second**count) ** 0.5 / (1 - first**count)
        change = scale * _turned(state, state["mean"]) / (state["square"].sqrt() + group["eps"])
        parameter.add_(_turned(state, change, back=True), alpha=-group["lr"])
        if slope.ndim == 2 and count % group["every"] == 0:
            _refresh_basis(state)


def _begun(parameter: Tensor) -> dict[str, Tensor]:
    """The state before the first slope: means, and for the sides of a matrix products and a basis."""
    state = {
        "step": torch.zeros(()),
        "mean": torch.zeros_like(parameter),
        "square": torch.zeros_like(parameter),
    }
    if parameter.ndim == 2:
        for side, size in enumerate(parameter.shape):
            if size <= _LARGEST:
                state[f"products{side}"] = parameter.new_zeros(size, size)
                state[f"basis{side}"] = torch.eye(size, dtype=parameter.dtype, device=parameter.device)
    return state


def _gather(state: dict[str, Tensor], slope: Tensor, share: float) -> None:
    """Moves the running products of the slopes towards those of the latest."""
    if "products0" in state:
        state["products0"].lerp_(slope @ slope.T, share)
    if "products1" in state:
        state["products1"].lerp_(slope.T @ slope, share)


def _turned(state: dict[str, Tensor], values: Tensor, back: bool = False) -> Tensor:
    """Values in the eigenbasis, or back from it."""
    if "basis0" in state:
        values = (state["basis0"] if back else state["basis0"].T) @ values
    if "basis1" in state:
        values = values @ (state["basis1"].T if back else state["basis1"])
    return values


def _begin_basis(state: dict[str, Tensor]) -> None:
    """Eigenvectors of the products, the largest first."""
    for side in (0, 1):
        if f"products{side}" in state:
            state[f"basis{side}"] = torch.linalg.eigh(state[f"products{side}"])[1].flip(1).contiguous()


def _refresh_basis(state: dict[str, Tensor]) -> None:
    """One step of the power method, and the basis in order again."""
    for side in (0, 1):
        if f"products{side}" in state:
            products, basis = state[f"products{side}"], state[f"basis{side}"]
            order = torch.argsort((basis * (products @ basis)).sum(0), descending=True)
            state["square"] = state["square"].index_select(side, order)
            state[f"basis{side}"] = torch.linalg.qr(products @ basis[:, order])[0]
