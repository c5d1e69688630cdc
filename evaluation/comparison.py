"""Rows beside rows: on the tasks and replicates that both have, and what a reward has to be practised for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .rows import Row
from .statistics import paired_improvement

REFERENCE = "concept agent"
"""Whose success from five demonstrations learners of the reward are measured by."""

_SOURCE = "concept"
_FLAT, _NOTHING = 0.05, 0.02
_CLOSE = 0.05
"""How far below the reference's mean a learner is at its level."""

STATES = ("flat", "nothing", "moving", "short")
"""What the end of a curve can look like."""

_INDEPENDENT = 50
"""Episodes whose mean a point of a curve is: fewer than a fifth of a curve stands for."""

_DRAWS = 1000

_DRAWN = 41
"""Points of a curve that is drawn."""


def against(row: Row, rows: Sequence[Row], rng: np.random.Generator) -> list[dict[str, Any]]:
    """A row beside each other row of its suite, on what both have.

    Args:
        row: The row.
        rows: Others; of other suites they are left out, as is the row itself.
        rng: Source of the bootstrap's draws.

    Returns:
        For each: "agent", "tasks" and "replicates" in common, "mine" and "theirs", the means there, and
        "improvement" with its "interval", see ``statistics.paired_improvement``; None for one replicate.
    """
    told = []
    for other in rows:
        if other is row or other.suite.digest != row.suite.digest:
            continue
        ours, theirs = common(row, other)
        if not ours.size:
            continue
        ours, theirs = ours.mean(2), theirs.mean(2)
        share, interval = paired_improvement(ours, theirs, rng, count=_DRAWS)
        told.append(
            {
                "agent": str(other.agent["name"]), "replicates": len(ours), "tasks": ours.shape[1],
                "mine": float(ours.mean()), "theirs": float(theirs.mean()),
                "improvement": share, "interval": interval if len(ours) > 1 else None,
            }
        )  # fmt: skip
    return told


def common(row: Row, other: Row) -> tuple[np.ndarray, np.ndarray]:
    """Success of two rows, (R, M, S) each, in the R replicates and M tasks that both have.

    What else a row has or lacks does not matter: a replicate counts if both are whole at those tasks.
    """
    tasks = sorted(set(row.tasks()) & set(other.tasks()))
    seeds = sorted(set(row.whole(tasks)) & set(other.whole(tasks)))
    return row.outcomes(tasks, seeds), other.outcomes(tasks, seeds)


class Curve(NamedTuple):
    """How practice went: a point is in the middle of the episodes whose mean it is.

    Attributes:
        item: Number of the task.
        points: Steps and success, (points, 2).
        steps: Steps of all practice.
        replicate: Number of the replicate.
    """

    item: int
    points: np.ndarray
    steps: int
    replicate: int = 0


def curves(row: Row) -> list[Curve]:
    """The learning curves of a row, one a task and replicate."""
    found: dict[tuple[int, int], Curve] = {}
    for record in row.records:
        if record.curve:
            where = (row.number(record), record.replicate)
            steps = int(record.given["environment_steps"])
            # Whoever had learned already in another block does not count what that took beyond its budget.
            most = max(steps, found[where].steps) if where in found else steps
            found[where] = Curve(where[0], np.array(record.curve), most, where[1])
    return [curve for _, curve in sorted(found.items(), key=lambda one: one[0])]


def courses(row: Row, rows: Sequence[Row]) -> list[dict[str, Any] | None]:
    """The learning curves of a row as they are drawn: of tasks that all learners practised, then of each.

    Args:
        row: The row.
        rows: All rows, of which those of its suite are asked what they practised.

    Returns:
        For each: "tasks", their names; "steps", where every curve has a mean of its own; "mean", and "low"
        and "high", the least and the largest mean of a replicate; and "curves", how many there are. None
        where curves have no steps, or learners no tasks, in common; nothing where there are no curves.
    """
    found = curves(row)
    if not found:
        return []
    mine = {curve.item for curve in found}
    others = [{curve.item for curve in curves(one)} for one in rows if one.suite.digest == row.suite.digest]
    common = sorted(mine.intersection(*(other for other in others if other)))
    return [_drawn(row, found, items) for items in (common, *([item] for item in sorted(mine)))]


def _drawn(row: Row, found: Sequence[Curve], items: Sequence[int]) -> dict[str, Any] | None:
    members = [one for one in found if one.item in items]
    told = _course(members) if members else {}
    names = [row.suite.items[item].name for item in items]
    return {"tasks": names, "curves": len(members), **told} if told else None


def _course(members: Sequence[Curve]) -> dict[str, list[float]]:
    """Mean of curves at the steps that all of them cover, and the range of the means of replicates."""
    first, last = max(one.points[0, 0] for one in members), min(one.points[-1, 0] for one in members)
    if first > last:
        return {}
    steps = np.linspace(first, last, _DRAWN)
    every = np.array([np.interp(steps, *one.points.T) for one in members])
    replicates = np.array([one.replicate for one in members])
    # Tasks weigh the same in every replicate's mean, as in that of all where no replicate lacks one.
    means = np.array([every[replicates == replicate].mean(0) for replicate in np.unique(replicates)])
    told = {"mean": every.mean(0), "low": means.min(0), "high": means.max(0)}
    return {"steps": steps.round().tolist(), **{name: one.round(3).tolist() for name, one in told.items()}}


def state_of(curve: Curve) -> str:
    """What the end of a curve looks like: "flat", "nothing", "moving" or "short".

    It is flat where its last fifth differs from a fifth before that shares no episode with it by no more than
    five points or two standard errors, whichever is more; "nothing" where it is flat below 2%; and "short"
    where there are no such fifths: then nobody can tell.
    """
    steps, success = curve.points.T
    window, span = _window(curve), (steps[-1] - steps[0]) / 5
    first = steps[-1] - span
    late, early = steps >= first, (steps <= first - window) & (steps >= first - window - span)
    if not early.any() or span <= 0:
        return "short"
    last, before = success[late].mean(), success[early].mean()
    middle = np.clip((last + before) / 2, 0, 1)  # means of ones may exceed it, and of zeros
    episodes = _INDEPENDENT * (1 + span / window)
    noise = 2 * (2 * middle * (1 - middle) / episodes) ** 0.5
    if abs(last - before) > max(_FLAT, noise):
        return "moving"
    return "nothing" if middle < _NOTHING else "flat"


def _window(curve: Curve) -> float:
    """Steps of the episodes whose mean a point is: half of them come after the last point."""
    return float(2 * (curve.steps - curve.points[-1, 0]))


def steps_until(curve: Curve, level: float) -> float:
    """Steps until a curve comes to a level, and its mean from there on is at it, too.

    From there on there have to be as many episodes again as a point is a mean of, as a last point may be
    luck. Infinite if it never does.
    """
    steps, success = curve.points.T
    window = _window(curve)
    later = np.cumsum(success[::-1])[::-1] / np.arange(len(success), 0, -1)
    there = np.flatnonzero((success >= level) & (later >= level) & (steps[-1] - steps >= window))
    return float(steps[there[0]]) if len(there) else np.inf


def learning(row: Row, rows: Sequence[Row], rng: np.random.Generator) -> dict[str, Any]:
    """What the curves of a row say; nothing where there are none.

    Args:
        row: The row.
        rows: All rows, the reference's among them or not.
        rng: Source of the bootstrap's draws.

    Returns:
        "curves": how many; "flat", "nothing", "moving", "short": how many of them are, see ``state_of``.
        Where the reference is there: "judged": how many are of tasks at which it succeeds half of the time;
        "reached": how many of those come to its success there, to within five points, and stay; "until": the
        median of the steps that takes, None if half of them never do; and "until_interval", 95%, by the
        stratified bootstrap, which draws the curves of each task again.
    """
    found = curves(row)
    if not found:
        return {}
    states = [state_of(curve) for curve in found]
    told: dict[str, Any] = {"curves": len(found)}
    told |= {name: states.count(name) for name in STATES}
    known = [one for one in rows if one.suite.digest == row.suite.digest and is_reference(one)]
    if not known:
        return told
    levels = _levels(known[0], {curve.item for curve in found})
    tasks: dict[int, list[float]] = {}
    for curve in found:
        level = levels[curve.item]
        if level is not None:
            tasks.setdefault(curve.item, []).append(steps_until(curve, level))
    if not tasks:
        return told
    steps = np.concatenate(list(tasks.values()))
    # The tasks are given, and curves of each are drawn: else the interval would be of other tasks, too.
    drawn = np.concatenate(
        [rng.choice(np.array(own), size=(_DRAWS, len(own))) for own in tasks.values()], axis=1
    )
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975], method="nearest")
    return told | {
        "judged": len(steps),
        "reached": int(np.isfinite(steps).sum()),
        "until": _finite(np.median(steps)),
        "until_interval": (_finite(low), _finite(high)),
    }


def is_reference(row: Row) -> bool:
    """Whether a row is the concept agent's, and not of somebody who says so."""
    return bool(row.agent["name"] == REFERENCE and row.agent["source"] == _SOURCE)


def _levels(reference: Row, items: Iterable[int]) -> dict[int, float | None]:
    """The reference's success at tasks, less five points: practice is a mean of fifty episodes, too."""
    told: dict[int, float | None] = {}
    for item in items:
        outcomes = [one for seed in reference.whole([item]) for one in reference.cell(item, seed)]
        share = float(np.mean([one.success for one in outcomes])) if outcomes else 0.0
        # Who fails at a task is reached by doing nothing: that says nothing.
        told[item] = share - _CLOSE if share >= 0.5 else None
    return told


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
