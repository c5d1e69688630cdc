"""The loss: where queries start, what they are asked for, and which gradients flow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from conceptgym.concepts.energy.batches import Curriculum, Problem
from conceptgym.concepts.energy.learner import (
    Networks,
    Objective,
    correlation,
    kernels,
    meta_loss,
    mixed_guess,
    scattered_guess,
)
from conceptgym.concepts.energy.network import NetworkConfig
from conceptgym.concepts.energy.pool import STATIC, Pool, PoolConfig, build_pools
from conceptgym.concepts.energy.training import TINY

POOL = PoolConfig(rows=32, pair_rows=0, drawn=0, width=6, concepts=("near", "red"))
SMALL = NetworkConfig(code=4, pair=8, message=4, node=8)


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Rows of two concepts."""
    return build_pools(POOL, progress=False)[STATIC]


def problem(pool: Pool, count: int = 32) -> Problem:
    """Problems of both modes."""
    return Curriculum(pool, TINY.batch).draw(np.random.default_rng(0), count)[0]


def draw() -> torch.Generator:
    """A generator in its first state."""
    return torch.Generator().manual_seed(0)


def test_correlation_is_zero_of_independent_and_one_of_equal_dimensions() -> None:
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    codes = signs * (3 / 4) ** 0.5
    torch.testing.assert_close(correlation(codes), torch.tensor(0.0))
    torch.testing.assert_close(correlation(codes[:, :1].repeat(1, 3)), torch.tensor(1.0))
    half = torch.stack([codes[:, 0], (codes[:, 0] + codes[:, 1]) / 2**0.5], dim=1)
    torch.testing.assert_close(correlation(half), torch.tensor(0.5))


def test_scattered_starts_lie_on_the_way_or_at_a_solution(pool: Pool) -> None:
    given = problem(pool)
    guess, target = scattered_guess(given, draw())
    solved = (target == given.query.positions).flatten(1).all(1)
    assert 0 < solved.sum() < len(solved)
    assert torch.equal(guess.positions[solved], given.query.positions[solved])
    assert torch.equal(target[~solved], given.nearest[~solved])
    free = given.query.scene.movable[:, None, :, None].bool()
    assert torch.equal(guess.positions[:, 0], given.start[:, 0]), "the first state is given"
    still = torch.where(free, torch.zeros(()), guess.positions - given.query.positions)
    assert still.abs().max() == 0, "only what may move is elsewhere"
    way, gone = (given.start - given.nearest)[~solved], (guess.positions - target)[~solved]
    share = (way * gone).sum((1, 2, 3)) / (way * way).sum((1, 2, 3)).clamp(min=1e-9)
    torch.testing.assert_close(gone, share[:, None, None, None] * way, atol=1e-6, rtol=0)
    assert 0 <= share.min() and share.max() <= 1


def test_a_share_of_the_queries_starts_elsewhere(pool: Pool) -> None:
    given = problem(pool, 128)
    guess, target, started = mixed_guess(given, 0.25, draw())
    moves = given.query.scene.movable.any(1)
    elsewhere = (guess.positions != given.start).flatten(1).any(1)[moves]
    assert 0.12 < elsewhere.float().mean() < 0.4
    assert torch.equal(target[moves][~elsewhere], given.nearest[moves][~elsewhere])
    for positions in (guess.positions, started.query.positions, started.short):
        rest = (positions[:, 0] == positions[:, 1]).flatten(1).all(1)[moves]
        assert rest[elsewhere].all(), "they are judged as if everybody had always been there"
    plain, wanted, same = mixed_guess(given, 0.0, draw())
    assert torch.equal(plain.positions, given.start) and torch.equal(wanted, given.nearest)
    assert same is given


def test_the_divergence_reaches_the_sampler_but_not_the_energy_it_is_measured_by(pool: Pool) -> None:
    """With steps of no length the samples do not depend on the energy, and nothing is left to learn."""
    objective = Objective(reconstruction=0, calibration=0, contrastive=0, kl=1, encoder=False, code_steps=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = Networks(SMALL, objective)

    def slope() -> float:
        networks.zero_grad()
        outcome = meta_loss(networks, kernels(networks, False), problem(pool), objective, draw())
        torch.autograd.backward(outcome.loss)
        parts = [p.grad.abs().sum() for p in networks.energy.parameters() if p.grad is not None]
        return float(torch.stack(parts).sum()) if parts else 0.0

    assert slope() > 1e-4
    with torch.no_grad():
        for sizes in networks.steps.parameters():
            sizes.fill_(-200.0)
    assert slope() == 0.0


@pytest.mark.parametrize(("encoder", "expected"), ((True, {0, 1, 2, 3}), (False, {1, 2, 3})))
def test_any_number_of_code_steps_is_trained(pool: Pool, encoder: bool, expected: set[int]) -> None:
    objective = Objective(code_steps=3, encoder=encoder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = Networks(SMALL, objective)
    run, given = kernels(networks, False), problem(pool, 4)
    taken = []
    for seed in range(24):
        count = 0

        def counted(*arguments: object) -> torch.Tensor:
            nonlocal count
            count += 1
            return run.code_step(*arguments)

        generator = torch.Generator().manual_seed(seed)
        meta_loss(networks, replace(run, code_step=counted), given, objective, generator)
        taken.append(count)
    assert set(taken) == expected
