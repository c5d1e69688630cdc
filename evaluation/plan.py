"""What the board consists of: who is run on what. Who learns each task for itself is run on a fixed part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .runner import Cell, cells_of
from .suites import load_suite, suite_names

CHEAP = ("random", "idle", "replay", "oracle", "concept", "nearest", "goal-average", "conditional")
"""Who is run on every task of every suite."""

TRAINED = (
    "cloning", "chunked-cloning", "implicit-cloning", "diffusion", "gail",
    "ppo", "sac", "td3", "tqc", "sac-her", "tqc-her", "sac-demonstrations",
)  # fmt: skip
"""Who learns each task for itself, and is run on ``SUBSET``."""

SUBSET: dict[str, tuple[str, ...]] = {
    "particle-5shot": (
        "particle near", "particle between", "particle ring", "particle square", "particle move_to_closest",
        "particle follow", "particle guard", "particle right_of(green)",
    ),
    "identify-5shot": ("identify near", "identify closest", "identify leftmost", "identify red"),
    "arm-reach": ("arm near", "arm between", "arm move_to_closest"),
    "arm-rearrange": ("arm square",),
    "arm-temporal": ("arm follow", "arm guard"),
}  # fmt: skip
"""Tasks of whoever learns each for itself, by suite: chosen before anybody was run, from every family."""

_HINDSIGHT = ("sac-her", "tqc-her")
_NO_GOAL = ("identify", "particle follow", "particle guard", "arm follow", "arm guard")
"""What has no goal, which is a last place: identification, and courses of time."""

REPLICATES = 5

HEADLINE = ("concept", "conditional")
"""Whom claims in a headline are about: the concept agent, and its fair rival."""

HEADLINE_SUITES = ("particle-5shot", "identify-5shot", "compose", "arm-reach")
"""The suites that those claims rest on."""

HEADLINE_REPLICATES = 10


def replicates(agent: str, suite: str) -> int:
    """How many replicates an agent has in a suite."""
    return HEADLINE_REPLICATES if agent in HEADLINE and suite in HEADLINE_SUITES else REPLICATES


def planned(agent: str, out: Path) -> Iterator[Cell]:
    """The cells of an agent on the board.

    Args:
        agent: A name; whoever is not in ``TRAINED`` is run on every task.
        out: Folder of the records.
    """
    if agent not in TRAINED:
        for suite in suite_names():
            yield from cells_of(load_suite(suite), agent, replicates(agent, suite), out)
        return
    for suite, items in SUBSET.items():
        fitting = [name for name in items if agent not in _HINDSIGHT or not name.startswith(_NO_GOAL)]
        if fitting:
            yield from cells_of(load_suite(suite), agent, REPLICATES, out, items=fitting)
