"""The board as Markdown: one table a suite, for documents and terminals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any

from .comparison import REFERENCE, STATES
from .markdown import markdown_table

_HEADS = (
    "agent", "track", "tasks", "replicates", "success, 95%", "IQM, 95%",
    "better than the concept agent in, 95%", "given", "ms", "seconds of learning a task", "failed cells",
)  # fmt: skip
_MARKUP = "\\|<>&[]`*_"
_TRACKS = ("reference", "few-shot", "reward")
_ABOUT = """Who was run on a part of the tasks stands below those who were run on all. A task counts where
every start of every replicate is there. Intervals are 95%: of success by drawing replicates and starts again
for all tasks at once, of interquartile means (IQM) by the stratified bootstrap over replicates; one replicate
has none. The comparison with the concept agent is on the tasks and
replicates that both have: the share of pairs from the same seeds in which an agent's success is higher, ties
one half, so that two who fail everywhere have 50%; its 95% interval; and both means there, the agent's first.
Learning curves are of practice, with whatever noise an agent practises with, means of fifty episodes.
Costs go from the suite in which they are least to that in which they are most; seconds of an episode are what
an agent thinks and what the environment takes; core-hours are those of every lesson and every episode."""
_SHORT = {
    "demonstrations": "demonstrations", "episodes": "expert's episodes", "environment_steps": "steps",
    "model_steps": "steps of the exact model an episode", "pretraining_steps": "updates before",
}  # fmt: skip
_TOLD = {"reward": "the reward", "goal": "a solution of each scene"}
_COSTS = (
    "agent", "track", *_SHORT.values(), "told", "seconds of learning a task", "ms of an action",
    "seconds of an episode", "core-hours in all",
)  # fmt: skip


def markdown(entries: Iterable[dict[str, Any]]) -> str:
    """Tables of all suites.

    Args:
        entries: What ``leaderboard.entry`` says of rows.
    """
    every = sorted(entries, key=lambda one: one["suite"])
    parts = [_ABOUT, f"## At a glance\n\n{_glance(every)}"]
    summed = {
        "At a glance, on the part of those who learn each task": _on_the_part(every),
        "Steps of practice until the concept agent's success": _until(every),
        "What each costs": _costs(every),
    }
    parts += [f"## {head}\n\n{lines}" for head, lines in summed.items() if lines]
    for suite, members in groupby(every, key=lambda one: one["suite"]):
        ordered = sorted(members, key=_rank)
        parts.append(f"## {suite}\n\n{_table(ordered)}")
        curves = [one for one in ordered if one["curves"]]
        if curves:
            parts.append(_curves(curves))
    return "\n\n".join(parts) + "\n"


def _glance(every: Sequence[dict[str, Any]]) -> str:
    """Success of every agent in every suite; of a part of the tasks with how many."""
    told = {(one["agent"], one["track"], one["suite"]): _short(one) for one in every}
    return _by_suite(every, {suite: suite for suite in sorted({one["suite"] for one in every})}, told)


def _on_the_part(every: Sequence[dict[str, Any]]) -> str:
    """Success of every agent on the tasks, and in the replicates, of those who were run on no others."""
    heads, told = {}, {}
    for suite in sorted({one["suite"] for one in every}):
        rows = [one for one in every if one["suite"] == suite]
        each = [task for one in rows if len(one["each"]) < one["of_tasks"] for task in one["each"]]
        tasks = {task["task"] for task in each}
        seeds = sorted({i for task in each for i, run in enumerate(task["runs"]) if run is not None})
        if tasks:
            heads[suite] = f"{suite} ({len(tasks)})"
        for one in rows if tasks else ():
            told[one["agent"], one["track"], suite] = _mean_of(one["each"], tasks, seeds)
    return _by_suite(every, heads, told) if heads else ""


def _mean_of(each: Sequence[dict[str, Any]], tasks: set[str], seeds: Sequence[int]) -> str:
    """Mean success at tasks in replicates; of a task that lacks one of them nothing counts."""
    runs = [[task["runs"][seed] for seed in seeds] for task in each if task["task"] in tasks]
    whole = [run for run in runs if None not in run]
    if not whole:
        return ""
    share = _percent(sum(map(sum, whole)) / sum(map(len, whole)))
    return share + (f" ({len(whole)} of {len(tasks)})" if len(whole) < len(tasks) else "")


def _until(every: Sequence[dict[str, Any]]) -> str:
    """How many curves come to the reference's success, and the median of the steps that takes."""
    known = [one for one in every if "judged" in one["curves"]]
    heads = {suite: suite for suite in sorted({one["suite"] for one in known})}
    told = {(one["agent"], one["track"], one["suite"]): _in_short(one["curves"]) for one in known}
    return _by_suite(every, heads, told) if heads else ""


def _in_short(told: dict[str, Any]) -> str:
    """Counts alone where not even the interval knows a median."""
    reached, until = _reached(told)
    return reached if told["until_interval"][0] is None else f"{reached}: {until}"


def _costs(every: Sequence[dict[str, Any]]) -> str:
    """What agents are given, and how long they take: from suite to suite, least to most; and all together."""
    lines = []
    for agent, track in _ranked(every):
        own = [one for one in every if (one["agent"], one["track"]) == (agent, track)]
        given = (_span([one["given"].get(name, 0) for one in own]) for name in _SHORT)
        told = sorted({word for one in own for name, word in _TOLD.items() if one["given"].get(name)})
        times = [1000 * one["latency"]["median"] for one in own if one["latency"]["median"] is not None]
        episodes = [one["acting"] / one["episodes"] for one in own if one["episodes"]]
        spans = (_span([one["learning"] for one in own]), _span(times, 1), _span(episodes, 2))
        lines.append((_plain(agent), track, *given, ", ".join(told), *spans, _hours(own)))
    return f"{markdown_table(_COSTS, lines)}\n\nThe whole board: {_hours(every)} core-hours."


def _hours(rows: Sequence[dict[str, Any]]) -> str:
    return f"{sum(one['spent'] for one in rows) / 3600:,.2f}"


def _span(values: Sequence[float], digits: int = 0) -> str:
    """The least and the most of them; nothing where all of them round to zero."""
    if not any(round(value, digits) for value in values):
        return ""
    least, most = (f"{value:,.{digits}f}" for value in (min(values), max(values)))
    return least if least == most else f"{least} to {most}"


def _by_suite(
    every: Sequence[dict[str, Any]], heads: dict[str, str], told: dict[tuple[str, str, str], str]
) -> str:
    """A table of agents by suites, from the texts of its cells."""
    lines = []
    for agent, track in _ranked(every):
        cells = [told.get((agent, track, suite), "") for suite in heads]
        if any(cells):
            lines.append((_plain(agent), track, *cells))
    return markdown_table(("agent", "track", *heads.values()), lines)


def _ranked(every: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    agents = {(one["agent"], one["track"]) for one in every}
    return sorted(agents, key=lambda who: _place(who, every))


def _place(who: tuple[str, str], every: Sequence[dict[str, Any]]) -> tuple[int, int, float, str]:
    """Those who were run on most whole suites come first, and of them the best."""
    own = [one for one in every if (one["agent"], one["track"]) == who]
    whole = [one["success"] or 0 for one in own if one["tasks"] == one["of_tasks"]]
    return _TRACKS.index(who[1]), -len(whole), -sum(whole) / max(len(whole), 1), who[0]


def _short(one: dict[str, Any]) -> str:
    part = f" ({one['tasks']} of {one['of_tasks']})" if one["tasks"] < one["of_tasks"] else ""
    return _percent(one["success"]) + part


def _rank(one: dict[str, Any]) -> tuple[int, bool, float]:
    return _TRACKS.index(one["track"]), one["tasks"] < one["of_tasks"], -(one["success"] or 0)


def _plain(text: object) -> str:
    """Text from a record, so that it is no markup."""
    told = " ".join(str(text).split())
    return "".join(f"&#{ord(letter)};" if letter in _MARKUP else letter for letter in told)


def _table(ordered: Sequence[dict[str, Any]]) -> str:
    return markdown_table(_HEADS, [_cells(one) for one in ordered])


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    median, failed = one["latency"]["median"], one["failures"]
    return (
        _plain(one["agent"]), one["track"], f"{one['tasks']} of {one['of_tasks']}", str(one["replicates"]),
        _with_interval(one, "success", "mean_interval"), _with_interval(one, "iqm", "iqm_interval"),
        _beside(one), _given(one["given"]),
        "" if median is None else f"{1000 * median:.1f}", f"{one['learning']:,.0f}",
        str(failed) if failed else "",
    )  # fmt: skip


def _with_interval(one: dict[str, Any], name: str, interval: str) -> str:
    told = _percent(one.get(name))
    return f"{told}, {_range(one[interval])}" if interval in one else told


def _beside(one: dict[str, Any]) -> str:
    """How often it is better than the reference, on what both have."""
    known = [other for other in one["against"] if other["agent"] == REFERENCE]
    if not known:
        return ""
    told = known[0]
    return (
        _percent(told["improvement"])
        + (f", {_range(told['interval'])}" if told["interval"] else "")
        + f" ({told['tasks']} tasks, {_percent(told['mine'])} against {_percent(told['theirs'])})"
    )


def _given(given: dict[str, Any]) -> str:
    parts = [f"{given[name]:,} {short}" for name, short in _SHORT.items() if given.get(name)]
    return ", ".join([*parts, *(words for name, words in _TOLD.items() if given.get(name))]) or "nothing"


def _curves(ordered: Sequence[dict[str, Any]]) -> str:
    heads = (
        "agent", "curves", "flat", "flat at nothing", "moving when cut", "too short to tell",
        "reach the concept agent",
        "median steps until then, 95%",
    )  # fmt: skip
    lines = []
    for one in ordered:
        told = one["curves"]
        reached = _reached(told) if "judged" in told else ("", "")
        lines.append((_plain(one["agent"]), *(str(told[name]) for name in ("curves", *STATES)), *reached))
    return markdown_table(heads, lines)


def _reached(told: dict[str, Any]) -> tuple[str, str]:
    low, high = told["until_interval"]
    until = f"{_steps(told['until'])}, {_steps(low)} to {_steps(high)}"
    return f"{told['reached']} of {told['judged']}", until


def _steps(value: float | None) -> str:
    return "never" if value is None else f"{value:,.0f}"


def _percent(share: float | None) -> str:
    """Halves go up, as they do on the page, also where a sum of shares came out a little below one."""
    if share is None:
        return ""
    return f"{Decimal(round(100 * share, 9)).quantize(Decimal('0.1'), ROUND_HALF_UP)}%"


def _range(pair: Sequence[float]) -> str:
    return f"{_percent(pair[0])} to {_percent(pair[1])}"
