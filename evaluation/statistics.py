"""Small statistics, as pure functions."""

from __future__ import annotations


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a binomial proportion.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    JASA 22 (1927).

    Args:
        successes: Number of successes.
        trials: Number of trials.
        z: Quantile of the normal distribution; 1.96 for 95%.

    Raises:
        ValueError: There are no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials: expected 0 <= successes <= trials >= 1")
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * ((share * (1 - share) + z * z / (4 * trials)) / trials) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)
