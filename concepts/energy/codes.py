"""Concept codes, and what can be said with them: and, or, not, about.

``near & left`` adds energies, ``near | left`` takes their soft minimum, ``~near`` asks for an energy
above a margin, ``2 * near`` weighs, and ``near.about(mask)`` or ``near.about(red)`` says whom a
concept is about, by a mask or by another concept that picks them out of the scene.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, Union

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .inference import THRESHOLD
from .storage import load_tensors, save_tensors

MARGIN = 4 * THRESHOLD
"""Energy from which on a concept counts as not satisfied."""


class _Operators:
    """The operators that codes and their combinations share."""

    def __and__(self, other: Formula) -> Every:
        """Both: the energies add up."""
        return Every((*_parts(self, Every), *_parts(other, Every)))

    def __or__(self, other: Formula) -> Some:
        """One of the two at least: the soft minimum of the energies."""
        return Some((*_parts(self, Some), *_parts(other, Some)))

    def __invert__(self) -> Contrary:
        """Not: what the energy lacks to the margin."""
        return Contrary(_formula(self))

    def __rmul__(self, weight: float) -> Weighted:
        """The energy times a weight.

        Raises:
            ValueError: The weight is not a positive number.
        """
        if not (np.isfinite(weight) and weight > 0):
            raise ValueError(f"weight is {weight}, expected a positive number")
        return Weighted(_formula(self), float(weight))


@dataclass(frozen=True, eq=False)
class ConceptCode(_Operators):
    """What a few demonstrations say: what is done, and to whom.

    Attributes:
        w_x: Code of the action, for generation, (..., D).
        w_a: Code of the argument, for identification, (..., D).
        residual: Mean energy of the demonstrations under the two codes, (..., 2). Where it is well
            above the threshold (0.1), the demonstrations were not understood, or are of several concepts.
        target: Whom it is about: a mask (..., N), a formula that identifies them, or None for
            whomever the scene attends.
    """

    w_x: Float[Tensor, "*batch d"]
    w_a: Float[Tensor, "*batch d"]
    residual: Float[Tensor, "*batch 2"]
    target: Tensor | Formula | None = None

    def about(self, target: object) -> ConceptCode:
        """The same concept about somebody else.

        Args:
            target: A mask (N,) or (B, N) with values in [0, 1], or a code or formula that says who is
                meant: what ``identify`` finds with it is attended.

        Raises:
            ValueError: A mask of another shape, or with other values.
        """
        if isinstance(target, (ConceptCode, Every, Some, Contrary, Weighted)):
            return replace(self, target=target)
        given = target.detach() if isinstance(target, Tensor) else torch.as_tensor(np.array(target))
        mask = given.to(torch.float32)
        if mask.ndim not in (1, 2) or not bool(((mask >= 0) & (mask <= 1)).all()):
            raise ValueError(
                f"expected a mask, (N,) or (B, N) with values in [0, 1], got shape {tuple(mask.shape)}"
            )
        return replace(self, target=mask)

    def save(self, path: str | Path) -> None:
        """Writes the code to a safetensors file, atomically.

        Raises:
            ValueError: The code is about something else than what the scene attends.
        """
        if self.target is not None:
            raise ValueError("a code is saved without its target: save it before calling about()")
        save_tensors(
            Path(path), {"w_x": self.w_x, "w_a": self.w_a, "residual": self.residual}, {"kind": "code"}
        )

    @staticmethod
    def load(path: str | Path) -> ConceptCode:
        """Reads what ``save`` wrote.

        Raises:
            ValueError: The file holds something else, or is damaged.
        """
        tensors, meta = load_tensors(Path(path))
        if meta.get("kind") != "code" or set(tensors) != {"w_x", "w_a", "residual"}:
            raise ValueError(f"{path} holds no concept code")
        return ConceptCode(**tensors)


@dataclass(frozen=True, eq=False)
class Every(_Operators):
    """All of them: E = sum of E_i."""

    terms: tuple[Formula, ...]


@dataclass(frozen=True, eq=False)
class Some(_Operators):
    """One of them at least: E = -s log(mean of exp(-E_i / s)), with s the threshold; never negative."""

    terms: tuple[Formula, ...]


@dataclass(frozen=True, eq=False)
class Contrary(_Operators):
    """None of it: E = max(0, margin - E_1)."""

    term: Formula


@dataclass(frozen=True, eq=False)
class Weighted(_Operators):
    """E = weight * E_1."""

    term: Formula
    weight: float


Formula: TypeAlias = Union[ConceptCode, Every, Some, Contrary, Weighted]  # noqa: UP007  (forward references)


def _formula(value: object) -> Formula:
    if not isinstance(value, (ConceptCode, Every, Some, Contrary, Weighted)):
        raise TypeError(f"expected a concept code or a formula of codes, got {type(value).__name__}")
    return value


def _parts(value: object, kind: type) -> tuple[Formula, ...]:
    """The terms of a formula of the same kind, so that chains stay flat."""
    checked = _formula(value)
    return checked.terms if isinstance(checked, (Every, Some)) and type(checked) is kind else (checked,)


def leaves(formula: Formula) -> tuple[ConceptCode, ...]:
    """The codes of a formula, from left to right."""
    if isinstance(formula, ConceptCode):
        return (formula,)
    terms = formula.terms if isinstance(formula, (Every, Some)) else (formula.term,)
    return tuple(leaf for term in terms for leaf in leaves(term))


def combined(formula: Formula, energies: list[Tensor]) -> Tensor:
    """The energy of a formula from those of its leaves, which it takes from the front of the list."""
    if isinstance(formula, ConceptCode):
        return energies.pop(0)
    if isinstance(formula, Weighted):
        return formula.weight * combined(formula.term, energies)
    if isinstance(formula, Contrary):
        return torch.relu(MARGIN - combined(formula.term, energies))
    parts = torch.stack([combined(term, energies) for term in formula.terms])
    if isinstance(formula, Every):
        return parts.sum(0)
    return -THRESHOLD * (torch.logsumexp(-parts / THRESHOLD, dim=0) - float(np.log(len(parts))))
