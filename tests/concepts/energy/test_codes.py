"""Formulas of codes: what and, or, not and weights do to energies, and files of codes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conceptgym.concepts.energy.codes import (
    MARGIN,
    ConceptCode,
    Contrary,
    Every,
    Some,
    Weighted,
    combined,
    leaves,
)
from conceptgym.concepts.energy.inference import THRESHOLD
from conceptgym.concepts.energy.storage import save_tensors


def code(value: float = 0.0) -> ConceptCode:
    """A code of three dimensions."""
    return ConceptCode(torch.full((3,), float(value)), torch.zeros(3), torch.zeros(2))


def value(formula: object, *energies: float) -> float:
    """The energy of a formula from those of its leaves."""
    parts = [torch.tensor([energy], dtype=torch.float64) for energy in energies]
    result = combined(formula, parts)  # type: ignore[arg-type]
    assert not parts, "every leaf is used once"
    return float(result)


A, B, C = code(1), code(2), code(3)


def test_and_adds_up() -> None:
    assert value(A & B & C, 0.1, 0.2, 0.4) == pytest.approx(0.7)
    assert isinstance(A & B & C, Every) and len((A & B & C).terms) == 3
    assert value(2 * A & 0.5 * B, 1.0, 1.0) == pytest.approx(2.5)


def test_or_is_satisfied_by_either_and_never_negative() -> None:
    assert value(A | B, 0.0, 0.0) == pytest.approx(0.0)
    assert value(A | B, 5.0, 5.0) == pytest.approx(5.0)
    assert value(A | B, 0.0, 9.0) == pytest.approx(THRESHOLD * 0.6931, abs=1e-4)
    assert value(A | B, 0.0, 9.0) < THRESHOLD, "one satisfied term satisfies"
    assert value(A | B | C, 3.0, 4.0, 5.0) > 2.9
    assert isinstance(A | B | C, Some) and len((A | B | C).terms) == 3


def test_not_asks_for_the_margin() -> None:
    assert value(~A, 0.0) == pytest.approx(MARGIN)
    assert value(~A, MARGIN) == 0.0 and value(~A, 10.0) == 0.0
    assert value(~~A, 0.0) == 0.0 and value(~~A, MARGIN) == pytest.approx(MARGIN)
    assert value(A & ~B, 0.0, 0.0) == pytest.approx(MARGIN)


def test_formulas_nest_in_the_order_of_their_codes() -> None:
    formula = (A | ~B) & 3 * C
    assert [leaf.w_x[0].item() for leaf in leaves(formula)] == [1, 2, 3]
    assert value(formula, 9.0, 9.0, 1.0) == pytest.approx(3 + THRESHOLD * 0.6931, abs=1e-4)
    assert isinstance(~A, Contrary) and isinstance(3 * C, Weighted)


def test_gradients_reach_every_term() -> None:
    parts = torch.tensor([0.2, 0.3, 0.1], dtype=torch.float64, requires_grad=True)
    torch.autograd.backward(combined((A | B) & ~C, list(parts)))
    assert parts.grad is not None
    assert (parts.grad[:2] > 0).all() and parts.grad[2] == -1


@pytest.mark.parametrize("weight", (0.0, -1.0, float("nan"), float("inf")))
def test_weights_are_positive(weight: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        weight * A


def test_only_codes_combine() -> None:
    with pytest.raises(TypeError, match="formula of codes, got int"):
        A & 3  # type: ignore[operator]


def test_codes_are_files(tmp_path: Path) -> None:
    path = tmp_path / "near.safetensors"
    given = ConceptCode(torch.randn(2, 4), torch.randn(2, 4), torch.rand(2, 2))
    given.save(path)
    again = ConceptCode.load(path)
    assert all(torch.equal(getattr(again, name), getattr(given, name)) for name in ("w_x", "w_a", "residual"))
    assert [p.name for p in tmp_path.iterdir()] == ["near.safetensors"], "nothing else is left"
    with pytest.raises(ValueError, match="without its target"):
        given.about([1.0, 0.0]).save(path)


def test_foreign_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "code.safetensors"
    save_tensors(path, {"w": torch.zeros(3)}, {})
    with pytest.raises(ValueError, match="no concept code"):
        ConceptCode.load(path)
    code().save(path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match="no intact safetensors"):
        ConceptCode.load(path)
    with pytest.raises(FileNotFoundError):
        ConceptCode.load(tmp_path / "nothing")
