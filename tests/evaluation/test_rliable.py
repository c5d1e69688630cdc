"""The statistics beside rliable's, which needs an older pandas and so has an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conceptgym.evaluation.statistics import (
    Statistic,
    bootstrap_interval,
    improvement,
    interquartile_mean,
    mean,
    profile,
)

PYTHON = Path(sys.prefix) / "rliable" / "bin" / "python"
PEER = """
import json, sys
import numpy as np
from rliable import library, metrics

ours, theirs, thresholds = (np.array(part) for part in json.load(sys.stdin))
np.random.seed(0)  # its bootstrap draws from the global generator, whatever state it is given
both = {"ours": ours}
told = {"improvement": metrics.probability_of_improvement(ours, theirs)}
for name, statistic in (("iqm", metrics.aggregate_iqm), ("mean", metrics.aggregate_mean)):
    one = lambda scores: np.array([statistic(scores)])
    point, interval = library.get_interval_estimates(both, one, reps=10_000)
    told[name] = [float(point["ours"][0]), *interval["ours"][:, 0].tolist()]
shares, _ = library.create_performance_profile(both, thresholds, reps=50)
told["profile"] = shares["ours"].tolist()
print(json.dumps(told))
"""


def scores() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of ten starts, with ties, of two agents in seven and five runs of nine tasks; and thresholds."""
    rng = np.random.default_rng(0)
    ours = rng.binomial(10, np.linspace(0.1, 0.95, 9), (7, 9)) / 10
    theirs = rng.binomial(10, np.linspace(0.3, 0.8, 9), (5, 9)) / 10
    return ours, theirs, np.linspace(0, 1, 11) - 0.05


@pytest.fixture(scope="module")
def peer() -> dict[str, Any]:
    """What rliable says of the scores."""
    if not PYTHON.is_file():
        pytest.skip("needs rliable in an environment of its own: `make rliable` makes it")
    told = json.dumps([part.tolist() for part in scores()])
    run = subprocess.run([PYTHON, "-c", PEER], input=told, capture_output=True, text=True, check=True)
    return dict(json.loads(run.stdout))


def test_points_are_those_of_rliable(peer: dict[str, Any]) -> None:
    ours, theirs, thresholds = scores()
    assert improvement(ours, theirs) == pytest.approx(peer["improvement"], abs=1e-12)
    assert float(interquartile_mean(ours)) == pytest.approx(peer["iqm"][0], abs=1e-12)
    assert float(mean(ours)) == pytest.approx(peer["mean"][0], abs=1e-12)
    assert profile(ours, thresholds).tolist() == pytest.approx(peer["profile"], abs=1e-12)


@pytest.mark.parametrize(("name", "statistic"), [("iqm", interquartile_mean), ("mean", mean)])
def test_intervals_are_those_of_rliable_up_to_the_draws(
    peer: dict[str, Any], name: str, statistic: Statistic
) -> None:
    ours, _, _ = scores()
    found = bootstrap_interval(ours, statistic, np.random.default_rng(0), count=10_000)
    width = peer[name][2] - peer[name][1]
    assert found == pytest.approx(peer[name][1:], abs=0.06 * width)
