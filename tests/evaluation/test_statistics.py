from __future__ import annotations

import numpy as np
import pytest
from conceptgym.evaluation.statistics import wilson
from scipy.stats import binomtest


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (95, 100), (200, 200)])
def test_wilson_agrees_with_scipy(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert np.allclose(wilson(successes, trials), (expected.low, expected.high), atol=1e-6)


def test_wilson_rejects_nonsense() -> None:
    for successes, trials in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="expected 0 <= successes"):
            wilson(successes, trials)
