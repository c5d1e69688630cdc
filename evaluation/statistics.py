"""Small statistics, as pure functions of arrays; all randomness comes from the generator that is given.

Scores of R runs (replicates, seeds) on M tasks are arrays (R, M), or (R, M, S) with each of the S starts of a
task, which are the same in all runs. Intervals, means and profiles are those
that Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice" (2021)
recommend, called [A] below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

Statistic: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""Maps scores, (..., R, M), to numbers, (...)."""


def wilson(successes: float, trials: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a binomial proportion.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    JASA 22 (1927).

    Args:
        successes: Number of successes.
        trials: Number of trials; both are divided by the design effect where trials are not independent.
        z: Quantile of the normal distribution; 1.96 for 95%.

    Raises:
        ValueError: There are no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials <= 0:
        raise ValueError(f"{successes} successes in {trials} trials: expected 0 <= successes <= trials > 0")
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * ((share * (1 - share) + z * z / (4 * trials)) / trials) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def design_effect(outcomes: Float[np.ndarray, "runs tasks starts"]) -> float:
    """How many times larger the variance of a task's share is than if all R S episodes were independent.

    Runs share their starts, and episodes of a run what it has learned: the variance of a mean of crossed
    random effects, by its analysis of variance (Searle, Casella and McCulloch, Variance components, 1992,
    chapter 4), over that of independent episodes (Kish, Survey sampling, 1965, section 5.4), pooled over
    tasks.

    Args:
        outcomes: 0 or 1, (R, M, S).

    Returns:
        From 1 to R S; R, that of copied runs, where nothing varies and nothing is known. Of one run the
        episodes count as independent: it says nothing of others.
    """
    runs, _, starts = outcomes.shape
    if runs == 1:
        return 1.0
    share = outcomes.mean((0, 2))
    spread = (share * (1 - share)).sum()
    if starts == 1 or spread <= 0:
        return float(runs)
    by_start, by_run = outcomes.mean(0), outcomes.mean(2)
    rest = outcomes - by_start[None] - by_run[..., None] + share[None, :, None]
    residual = (rest**2).sum() / ((runs - 1) * (starts - 1))
    variance = by_start.var(1, ddof=1).sum() / starts + by_run.var(0, ddof=1).sum() / runs
    variance = max(0.0, variance - residual / (runs * starts))
    # Of an episode, p (1 - p): that of the estimated share is smaller by the share's own variance.
    alone = (spread + variance) / (runs * starts)
    return float(np.clip(variance / alone, 1.0, runs * starts))


def checked(scores: np.ndarray) -> Float[np.ndarray, "runs tasks *starts"]:
    """Scores as float64, (R, M) or (R, M, S).

    Raises:
        ValueError: Another shape, nothing in it, or numbers that are not finite.
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim not in (2, 3) or not array.size:
        raise ValueError(
            f"expected scores of shape (runs, tasks) or (runs, tasks, starts), got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError("scores hold numbers that are not finite: leave failed runs out, they are missing")
    return array


def mean(scores: Float[np.ndarray, "... runs tasks"]) -> Float[np.ndarray, ...]:
    """Mean over all runs and tasks."""
    return scores.mean((-2, -1))


def interquartile_mean(scores: Float[np.ndarray, "... runs tasks"]) -> Float[np.ndarray, ...]:
    """Mean of the middle half of all runs and tasks, [A] section 4.3; a quarter, rounded down, is cut off."""
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = flat.shape[-1] // 4
    return flat[..., cut : flat.shape[-1] - cut].mean(-1)


def resampled(
    scores: Float[np.ndarray, "runs tasks"], count: int, rng: np.random.Generator
) -> Float[np.ndarray, "count runs tasks"]:
    """Runs drawn with replacement, for each task on its own: the stratified bootstrap, [A] section 4.1."""
    runs, tasks = scores.shape
    rows = rng.integers(runs, size=(count, runs, tasks))
    return scores[rows, np.arange(tasks)]


def crossed(
    outcomes: Float[np.ndarray, "runs tasks starts"], count: int, rng: np.random.Generator
) -> Float[np.ndarray, "count runs tasks"]:
    """Means of runs and of starts that are both drawn with replacement, the same ones for all tasks.

    Runs that share their starts are no independent samples of a task, nor are tasks that share the seeds of
    their runs and starts: A. B. Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1 (2007), which
    also says that it is conservative: what is noise of single episodes counts up to three times.
    """
    runs, _, starts = outcomes.shape
    weights = rng.multinomial(starts, np.full(starts, 1 / starts), size=count) / starts
    means = np.einsum("rms,cs->crm", outcomes, weights)
    rows = rng.integers(runs, size=(count, runs))
    return means[np.arange(count)[:, None], rows]


def bootstrap_interval(
    scores: np.ndarray,
    statistic: Statistic,
    rng: np.random.Generator,
    *,
    count: int = 2000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a statistic over a bootstrap.

    Args:
        scores: (R, M), for the stratified bootstrap over runs, see ``resampled``; or (R, M, S), for that over
            runs and starts, see ``crossed``.
        statistic: For instance ``interquartile_mean``.
        rng: Source of the draws.
        count: Number of draws.
        confidence: Coverage.

    Raises:
        ValueError: See ``checked``; or a coverage outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, expected a number between 0 and 1")
    told = checked(scores)
    values = statistic((crossed if told.ndim == 3 else resampled)(told, count, rng))
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def improvement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Probability that a run of ours beats one of theirs, averaged over tasks, [A] section 4.3.

    Ties count one half: this is Mann and Whitney's U, divided by the number of pairs.

    Args:
        ours: (R, M).
        theirs: (Q, M), of the same tasks.

    Raises:
        ValueError: Different tasks; or see ``checked``.
    """
    one, other = checked(ours), checked(theirs)
    if one.shape[1] != other.shape[1]:
        raise ValueError(f"{one.shape[1]} tasks against {other.shape[1]}: expected the same ones")
    gap = one[:, None] - other[None]
    return float(((gap > 0) + 0.5 * (gap == 0)).mean())


def paired_improvement(
    ours: np.ndarray, theirs: np.ndarray, rng: np.random.Generator, *, count: int = 2000
) -> tuple[float, tuple[float, float]]:
    """Share of runs in which ours beats theirs from the same seed, ties one half, and its 95% interval.

    Args:
        ours: (R, M).
        theirs: (R, M): row by row from the same seeds.
        rng: Source of the bootstrap's draws of runs, which keep pairs, and all tasks of a run, together.
        count: Number of draws.

    Raises:
        ValueError: Different shapes; or see ``checked``.
    """
    one, other = checked(ours), checked(theirs)
    if one.shape != other.shape:
        raise ValueError(f"scores of shapes {one.shape} and {other.shape} are no pairs")
    wins = (one > other) + 0.5 * (one == other)
    return float(wins.mean()), bootstrap_interval(wins.mean(1, keepdims=True), mean, rng, count=count)


def profile(scores: np.ndarray, thresholds: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """Share of runs and tasks with a score above each threshold: the performance profile, [A] section 4.2."""
    return (checked(scores)[None] > np.asarray(thresholds)[:, None, None]).mean((1, 2))


def noise_floor(scores: np.ndarray, confidence: float = 0.95) -> Float[np.ndarray, " tasks"]:
    """Smallest difference of two means of R runs each that is no noise, for each task.

    It is Student's t sqrt(2 / R) s, with the runs' own standard deviation s: what the difference of two equal
    agents' means exceeds as rarely as is said.

    Raises:
        ValueError: There are less than two runs; or see ``checked``.
    """
    array = checked(scores)
    runs = len(array)
    if runs < 2:
        raise ValueError("noise is the scatter between runs: expected two at least")
    # Of this agent's runs alone: the other's scatter is not known here.
    quantile = float(student.ppf(0.5 + confidence / 2, runs - 1))
    return quantile * array.std(0, ddof=1) * (2 / runs) ** 0.5
