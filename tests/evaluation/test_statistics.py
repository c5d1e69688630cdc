from __future__ import annotations

import numpy as np
import pytest
from conceptgym.evaluation.statistics import (
    bootstrap_interval,
    crossed,
    design_effect,
    improvement,
    interquartile_mean,
    mean,
    noise_floor,
    paired_improvement,
    profile,
    resampled,
    wilson,
)
from scipy.stats import binomtest, mannwhitneyu, trim_mean


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (95, 100), (200, 200)])
def test_wilson_agrees_with_scipy(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert np.allclose(wilson(successes, trials), (expected.low, expected.high), atol=1e-6)


def test_wilson_rejects_nonsense() -> None:
    for successes, trials in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="expected 0 <= successes"):
            wilson(successes, trials)


def runs(rows: int, tasks: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(rows, tasks))


def test_the_interquartile_mean_is_scipys_trimmed_mean() -> None:
    for rows, tasks in ((5, 3), (10, 8), (1, 1), (4, 1)):
        scores = runs(rows, tasks)
        assert interquartile_mean(scores) == pytest.approx(trim_mean(scores, 0.25, axis=None))
    # By hand: of eight numbers the smallest two and the largest two are cut off.
    assert interquartile_mean(np.array([[0.0, 1, 2, 3], [4, 5, 6, 100]])) == pytest.approx(3.5)


def test_the_bootstrap_keeps_tasks_apart_and_its_interval_covers() -> None:
    scores = np.array([[0.0, 10.0], [1.0, 11.0]])
    drawn = resampled(scores, 50, np.random.default_rng(0))
    assert set(np.unique(drawn[..., 0])) == {0.0, 1.0} and set(np.unique(drawn[..., 1])) == {10.0, 11.0}
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        low, high = bootstrap_interval(rng.normal(3.0, 1.0, (10, 4)), mean, rng, count=400)
        covered += low <= 3.0 <= high
    assert 175 <= covered <= 199  # percentile intervals of ten runs are a little narrow
    constant = np.full((3, 2), 0.25)
    assert bootstrap_interval(constant, interquartile_mean, np.random.default_rng(0)) == (0.25, 0.25)


def test_the_same_generator_gives_the_same_interval() -> None:
    one, other, third = (
        bootstrap_interval(runs(5, 4), mean, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one == other != third


def test_starts_that_all_runs_share_are_drawn_again_too() -> None:
    """Runs that are copies of each other have no scatter, but ten starts are no more than ten."""
    rng = np.random.default_rng(0)
    copies = np.repeat(rng.uniform(size=(1, 4, 10)) < 0.6, 5, axis=0).astype(float)
    assert bootstrap_interval(copies.mean(2), mean, rng) == pytest.approx((copies.mean(),) * 2)
    low, high = bootstrap_interval(copies, mean, rng, count=4000)
    by_start = copies[0].mean(0)  # tasks share the starts, too
    assert high - low == pytest.approx(2 * 1.96 * by_start.std() / np.sqrt(10), rel=0.1)
    # Runs that succeed or fail as a whole have no scatter between starts, and all of it between runs.
    whole = np.repeat((rng.uniform(size=(5, 4, 1)) < 0.6).astype(float), 10, axis=2)
    low, high = bootstrap_interval(whole, mean, np.random.default_rng(0), count=4000)
    by_run = whole.mean((1, 2))
    assert high - low == pytest.approx(2 * 1.96 * by_run.std() / np.sqrt(5), rel=0.25)
    one = crossed(np.arange(12.0).reshape(2, 2, 3), 500, rng)
    assert one.shape == (500, 2, 2) and 0 <= one[..., 0].min() and one[..., 0].max() <= 8
    assert one[..., 1].min() >= 3 and one.mean((0, 1)) == pytest.approx([4.0, 7.0], abs=0.2)
    assert np.allclose(one[..., 1] - one[..., 0], 3), "all tasks of a draw have the same runs and starts"


def test_a_seed_that_spoils_all_tasks_makes_the_interval_wide() -> None:
    """One run of ten fails everywhere: as if there were one task, and not forty."""
    outcomes = np.ones((10, 40, 10))
    outcomes[3] = 0.0
    low, high = bootstrap_interval(outcomes, mean, np.random.default_rng(0), count=4000)
    assert (low, high) == pytest.approx((0.7, 1.0))
    apart = bootstrap_interval(outcomes.mean(2), mean, np.random.default_rng(0), count=4000)
    assert apart[1] - apart[0] < 0.1, "drawn apart, tasks hide it"
    ours, theirs = outcomes.mean(2), np.full((10, 40), 0.5)
    share, interval = paired_improvement(ours, theirs, np.random.default_rng(0), count=4000)
    assert share == pytest.approx(0.9) and interval == pytest.approx((0.7, 1.0))


def test_the_design_effect_is_one_for_independent_episodes_and_the_runs_for_copies() -> None:
    rng = np.random.default_rng(1)
    independent = (rng.uniform(size=(5, 200, 10)) < 0.7).astype(float)
    assert design_effect(independent) == pytest.approx(1.0, abs=0.15)
    copies = np.repeat(independent[:1], 5, axis=0)
    assert design_effect(copies) == pytest.approx(5.0, abs=0.2)
    # Runs that succeed or fail as a whole: as many independent episodes as runs.
    whole = np.repeat((rng.uniform(size=(5, 200, 1)) < 0.7).astype(float), 10, axis=2)
    assert design_effect(whole) == pytest.approx(10.0, abs=0.4)
    # By hand: shares 1/2 of two runs and two starts; starts differ, runs do not, and nothing is left over.
    assert design_effect(np.array([[[1.0, 0.0]], [[1.0, 0.0]]])) == pytest.approx(2.0)
    assert design_effect(np.ones((5, 3, 10))) == 5.0 and design_effect(np.ones((5, 3, 1))) == 5.0
    assert design_effect(np.ones((1, 3, 10))) == 1.0


def test_improvement_is_mann_and_whitneys() -> None:
    ours, theirs = runs(6, 1), runs(9, 1, seed=1)
    u = mannwhitneyu(ours[:, 0], theirs[:, 0]).statistic
    assert improvement(ours, theirs) == pytest.approx(u / 54)
    assert improvement(ours, theirs) + improvement(theirs, ours) == pytest.approx(1)
    assert improvement(ours, ours) == 0.5 and improvement(ours + 2, theirs) == 1.0
    # Two tasks: always better in one, always worse in the other.
    assert improvement(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) == 0.5


def test_paired_improvement_looks_at_pairs_only() -> None:
    ours = np.array([[0.2], [0.9], [0.5]])
    theirs = np.array([[0.1], [0.8], [0.5]])
    share, (low, high) = paired_improvement(ours, theirs, np.random.default_rng(0))
    assert share == pytest.approx(5 / 6) and 0.5 <= low <= share <= high <= 1.0
    assert improvement(ours, theirs) < share  # the scatter between seeds hides it


def test_profiles_fall_from_one_to_nothing() -> None:
    scores = np.array([[0.0, 0.5], [1.0, 0.5]])
    assert profile(scores, np.array([-0.1, 0.0, 0.5, 1.0])) == pytest.approx([1.0, 0.75, 0.25, 0.0])


def test_the_noise_floor_is_what_equal_agents_rarely_exceed() -> None:
    rng = np.random.default_rng(0)
    rows, others = rng.normal(0.0, 0.3, (2, 5, 20_000))
    floor = noise_floor(rows)
    assert np.sqrt((floor**2).mean()) == pytest.approx(2.776 * 0.3 * np.sqrt(2 / 5), rel=0.03)
    assert (np.abs(rows.mean(0) - others.mean(0)) > floor).mean() == pytest.approx(0.05, abs=0.03)
    assert noise_floor(np.array([[0.5], [0.5]])) == 0.0


def test_scores_that_are_none_are_refused() -> None:
    for scores in (np.zeros(3), np.zeros((0, 2)), np.zeros((2, 2, 2, 2))):
        with pytest.raises(ValueError, match="expected scores of shape"):
            profile(scores, np.zeros(1))
    with pytest.raises(ValueError, match="missing"):
        noise_floor(np.array([[np.nan], [0.0]]))
    with pytest.raises(ValueError, match="two at least"):
        noise_floor(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="same ones"):
        improvement(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="no pairs"):
        paired_improvement(np.zeros((2, 2)), np.zeros((3, 2)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="between 0 and 1"):
        bootstrap_interval(np.zeros((2, 2)), mean, np.random.default_rng(0), confidence=95)
