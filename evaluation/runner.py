"""Runs agents over suites, cell by cell: each is idempotent, and leaves one record behind.

A kill at any moment loses the cells that were being run, and nothing else: a second run does what is
left. Cells are independent of each other, so that any executor will do.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..agents import roster
from ..agents.agent import Agent, Given
from ..agents.lesson import Contestant, Lesson
from ..concepts.energy.provenance import commit
from ..concepts.event import Event
from ..envs.single import ConceptEnv
from .bodies import BODIES, make_body
from .episodes import Episode, enact
from .executors import mapped
from .records import (
    SCHEMA,
    Outcome,
    Record,
    RecordError,
    array_digest,
    cell_key,
    check,
    check_config,
    digest,
    load_record,
    machine,
    save_record,
    to_json,
    versions,
)
from .suites import FOLDER, Suite, load_suite

BLOCK = 10
"""Starts of a cell."""


@dataclass(frozen=True)
class Cell:
    """One piece of work, small enough to be sent anywhere.

    Attributes:
        suite: Name of the suite.
        version: Its version.
        item: Number of the task.
        agent: Who, as ``roster.find`` takes it.
        replicate: Number of the replicate.
        block: Number of the block of starts.
        out: Folder of the records.
        suites: Folder of the suites.
    """

    suite: str
    version: int
    item: int
    agent: str
    replicate: int
    block: int
    out: str
    suites: str = str(FOLDER)


def slug(text: str) -> str:
    """A name for files."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or f"agent-{digest(text)[:8]}"


def cells_of(
    suite: Suite, agent: str, seeds: int, out: Path, suites: Path = FOLDER, items: Sequence[str] = ()
) -> list[Cell]:
    """The cells of an agent in a suite.

    Args:
        suite: The suite.
        agent: Who.
        seeds: Number of replicates.
        out: Folder of the records.
        suites: Folder of the suites.
        items: Names of tasks; all if there are none.

    Raises:
        ValueError: More replicates than the suite has demonstrations for, or unknown tasks.
    """
    if not 1 <= seeds <= len(suite.shown):
        raise ValueError(
            f"seeds is {seeds}, the suite {suite.name} has demonstrations for 1 to {len(suite.shown)}"
        )
    known = [item.name for item in suite.items]
    unknown = sorted(set(items) - set(known))
    if unknown:
        raise ValueError(f"{suite.name} has no tasks {unknown}, only {known}")
    chosen = [index for index, name in enumerate(known) if not items or name in items]
    blocks = -(-len(suite.starts) // BLOCK)
    return [
        Cell(suite.name, suite.version, index, agent, replicate, block, str(out), str(suites))
        for replicate in range(seeds)
        for index in chosen
        for block in range(blocks)
    ]


def records_of(out: Path, suite: Suite, name: str) -> Path:
    """Where the records of an agent in a suite lie."""
    return out / f"{suite.name}-v{suite.version}" / slug(name)


def identity(cell: Cell, suite: Suite, contestant: Contestant) -> dict[str, Any]:
    """What the results of a cell depend on, with its key."""
    item = suite.items[cell.item]
    dynamics = BODIES[item.body].dynamics
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "suite": {"name": suite.name, "version": suite.version, "digest": suite.digest},
        "item": {
            "body": item.body,
            "action": item.action,
            "argument": item.argument,
            **({"dynamics": dynamics} if dynamics > 1 else {}),
        },
        "agent": {
            "name": contestant.name,
            "track": contestant.track,
            "config": dict(contestant.config),
            "source": cell.agent,
        },
        "replicate": cell.replicate,
        "shown": suite.shown[cell.replicate],
        "block": cell.block,
    }
    return {**told, "key": cell_key(told)}


def run_cell(cell: Cell, again: bool = False) -> Record:
    """The record of a cell: as it lies there, or, if it does not or the cell failed, run now and written.

    Args:
        cell: The cell.
        again: Whether to run it in any case, and to write nothing.

    Raises:
        RecordError: The contestant's configuration fits into no record.
    """
    suite, contestant = load_suite(cell.suite, Path(cell.suites), cell.version), roster.find(cell.agent)
    check_config(contestant.config)  # better now than after hours of learning
    told = identity(cell, suite, contestant)
    folder = records_of(Path(cell.out), suite, contestant.name)
    known = None if again else sound_record(folder / f"{told['key']}.json")
    if known:
        return known
    record = _run(told, cell, suite, contestant, folder)
    if not again:
        save_record(record, folder)
    return record


def sound_record(path: Path) -> Record | None:
    """The record of a file that need not be run again; None if it failed, is damaged or is not there."""
    try:
        known = load_record(path)
    except (RecordError, FileNotFoundError):
        return None
    return None if known.failure else known


_LESSON = ("suite", "item", "agent", "replicate", "shown")
"""What learning depends on, of what ``identity`` says: all but the block of starts."""


def lesson_of(cell: Cell, suite: Suite, contestant: Contestant, folder: Path, shown: Event) -> Lesson:
    """What a contestant may learn a cell's task from; what it learns is kept below a folder.

    Whatever learning depends on has a folder of its own there: another one has to be learned.
    """
    item, seed = suite.items[cell.item], suite.shown[cell.replicate]
    told = identity(cell, suite, contestant)
    key = digest({name: told[name] for name in _LESSON})[:8]

    def make(**arguments: object) -> Any:  # noqa: ANN401  (a ConceptEnv)
        return make_body(item.body, item.action, item.argument, **arguments)

    seen = None if contestant.track == "reward" else shown
    return Lesson(make, seen, seed, folder / "learned" / f"{slug(item.name)}-{cell.replicate}-{key}")


def _run(told: dict[str, Any], cell: Cell, suite: Suite, contestant: Contestant, folder: Path) -> Record:
    import torch

    torch.set_num_threads(1)
    item = suite.items[cell.item]
    env = make_body(item.body, item.action, item.argument)
    shown = env.demonstrations(suite.k, suite.shown[cell.replicate])
    lesson = lesson_of(cell, suite, contestant, folder, shown)
    starts = suite.starts[cell.block * BLOCK : (cell.block + 1) * BLOCK]
    base: dict[str, Any] = {
        **told, "demonstrations": _shown_digest(shown), "machine": {**machine(), "threads": 1},
        "versions": versions(), "commit": commit(),
    }  # fmt: skip
    begun = time.perf_counter()
    try:
        record = Record(**base, **_tried(contestant, lesson, env, starts))
        check(to_json(record))
    except (Exception, SystemExit):  # whatever a contestant does wrong belongs into the record, which says so
        seconds = {"learning": round(time.perf_counter() - begun, 3), "acting": 0.0}
        given = _charged(Given(), lesson)
        nothing: dict[str, Any] = {"given": given, "outcomes": (), "latency": _latency([])}
        failure = traceback.format_exc()[-1500:].encode(errors="replace").decode()
        record = Record(**base, **nothing, seconds=seconds, failure=failure)
    env.close()
    return record


def _tried(contestant: Contestant, lesson: Lesson, env: ConceptEnv, starts: Sequence[int]) -> dict[str, Any]:
    """Lets a contestant learn and act: what it was given, how it did, and how long that took."""
    begun = time.perf_counter()
    agent = contestant.learn(lesson)
    if not isinstance(agent, Agent):
        raise TypeError(
            f"learn returned a {type(agent).__name__}, expected an agent with given, info, reset and act"
        )
    read = time.perf_counter() - begun  # shorter where it reads what it learned before, and says how long
    learning = max(read, float(agent.info.get("learning", 0.0)))
    curve = tuple((float(steps), float(success)) for steps, success in agent.info.get("curve", ()))
    begun = time.perf_counter()
    episodes = [enact(env, agent, start, lesson.demonstrations) for start in starts]
    acting = time.perf_counter() - begun
    return {
        "given": _charged(agent.given, lesson),
        "outcomes": tuple(_outcome(start, one) for start, one in zip(starts, episodes, strict=True)),
        "latency": _latency(episodes),
        "seconds": {"learning": round(learning, 3), "acting": round(acting, 3)},
        "curve": curve,
    }


def _shown_digest(shown: Event) -> str:
    return array_digest(shown.positions, shown.colors, shown.sizes, shown.attention)


def _charged(given: Given, lesson: Lesson) -> dict[str, Any]:
    """What the agent says it was given, and not less than what was counted."""
    meter, told = lesson.meter, asdict(given)
    told["environment_steps"] = max(told["environment_steps"], meter.steps)
    told["reward"] = told["reward"] or meter.rewarded
    told["episodes"] = max(told["episodes"], meter.episodes)
    flags = ("reward", "goal")  # numpy's numbers are none that JSON has
    return {name: bool(value) if name in flags else index(value) for name, value in told.items()}


def _outcome(start: int, one: Episode) -> Outcome:
    return Outcome(
        start,
        one.success,
        one.once,
        round(one.returned, 6),
        round(one.error, 6),
        one.first,
        index(one.model_steps),
        index(one.missed),
    )


def _latency(episodes: list[Episode]) -> dict[str, float | None]:
    times = np.array([second for one in episodes for second in one.latencies])
    if not len(times):
        return {"median": None, "p95": None}
    return {"median": round(float(np.median(times)), 6), "p95": round(float(np.quantile(times, 0.95)), 6)}


def evaluate(
    cells: Sequence[Cell], *, executor: str = "local", jobs: int = 1, progress: bool = True
) -> Iterator[Record]:
    """Runs cells, in any order; records that are there already come at once.

    Args:
        cells: What to run.
        executor: A name in ``executors.EXECUTORS``.
        jobs: Processes.
        progress: Whether to show a progress bar.
    """
    folder = Path(cells[0].out).parent if cells else Path()
    done = mapped(run_cell, cells, executor, jobs, folder)
    yield from tqdm(done, total=len(cells), unit="cell", disable=not progress, smoothing=0.05)
