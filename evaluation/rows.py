"""Rows of the board: all cells of an agent in a suite, in one file, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..concepts.files import written_atomically
from .packing import packed, unpacked
from .plan import REPLICATES
from .records import (
    Outcome,
    Record,
    RecordError,
    digest,
    from_json,
    load_record,
    read_json,
    save_record,
    to_json,
)
from .runner import BLOCK, records_of, slug, sound_record
from .statistics import (
    bootstrap_interval,
    design_effect,
    interquartile_mean,
    mean,
    noise_floor,
    profile,
    wilson,
)
from .suites import FOLDER, Suite, load_suite

MATCHED = "re-run matched"
"""Status of a record whose cell came out the same a second time."""

_LARGEST_FILE = 50_000_000
_POINTS, _CLOSE = 101, 1e-9


@dataclass(frozen=True)
class Row:
    """An agent in a suite.

    Attributes:
        suite: The suite.
        records: Its cells, one of each key.
    """

    suite: Suite
    records: tuple[Record, ...]

    @property
    def agent(self) -> dict[str, Any]:
        """Name, track, configuration and source."""
        return dict(self.records[0].agent)

    @property
    def replicates(self) -> int:
        """Number of replicates of which every cell is there."""
        return len(self.complete)

    @property
    def failures(self) -> int:
        """Cells that failed: their episodes are missing."""
        return sum(bool(record.failure) for record in self.records)

    def sound(self) -> list[int]:
        """Numbers of the tasks of which every start is there, of every replicate up to its last one.

        Of those beyond the usual number whole ones count: others were begun.
        """
        last = max(record.replicate for record in self.records)
        claimed = set(range(min(last + 1, REPLICATES))) | set(self.complete)
        return [task for task in self.tasks() if claimed <= set(self.whole([task]))]

    def cell(self, item: int, replicate: int) -> list[Outcome]:
        """Outcomes of a task in one replicate."""
        return self._cells.get((item, replicate), [])

    @cached_property
    def _cells(self) -> dict[tuple[int, int], list[Outcome]]:
        found: dict[tuple[int, int], list[Outcome]] = {}
        for record in self.records:
            found.setdefault((self.number(record), record.replicate), []).extend(record.outcomes)
        return found

    @cached_property
    def _numbers(self) -> dict[tuple[str, str, str | None], int]:
        return {(one.body, one.action, one.argument): i for i, one in enumerate(self.suite.items)}

    def number(self, record: Record) -> int:
        """The number of a record's task."""
        return self._numbers[record.item["body"], record.item["action"], record.item["argument"]]

    def tasks(self) -> list[int]:
        """Numbers of the tasks that it was tried on."""
        return sorted({item for item, _ in self._cells})

    def whole(self, tasks: Iterable[int]) -> list[int]:
        """Replicates of which every start of some tasks is there."""
        wanted, starts = list(tasks), len(self.suite.starts)
        every = sorted({record.replicate for record in self.records})
        return [r for r in every if all(len(self.cell(task, r)) == starts for task in wanted)]

    def outcomes(self, tasks: Sequence[int], seeds: Sequence[int], what: str = "success") -> np.ndarray:
        """An outcome at every start, (R, M, S), of R whole replicates and M tasks."""
        told = [
            [[float(getattr(one, what)) for one in self.ordered(task, seed)] for task in tasks]
            for seed in seeds
        ]
        return np.array(told).reshape(len(seeds), len(tasks), len(self.suite.starts))

    def ordered(self, item: int, replicate: int) -> list[Outcome]:
        """Outcomes of a task in one replicate, in the suite's order of starts."""
        places = {start: index for index, start in enumerate(self.suite.starts)}
        return sorted(self.cell(item, replicate), key=lambda one: places[one.start])

    def scores(self, what: str = "success") -> tuple[np.ndarray, list[int]]:
        """An outcome at every start, (R, M, S), of complete replicates, and the numbers of the M tasks."""
        tasks = self.tasks()
        return self.outcomes(tasks, self.complete, what), tasks

    @cached_property
    def effect(self) -> float:
        """The design effect; without a whole replicate that of copied ones, as nothing is known."""
        scores, _ = self.scores()
        return design_effect(scores) if scores.size else float(len(self.suite.shown))

    def interval(self, hits: int, of: int) -> tuple[float, float]:
        """Wilson's interval, of as many episodes as would be independent."""
        return wilson(hits / self.effect, of / self.effect)

    @cached_property
    def complete(self) -> list[int]:
        """Replicates of which every cell is there."""
        return self.whole(self.tasks())


def collected(records: Iterable[Record], suites: Path = FOLDER) -> list[Row]:
    """Sorts records into rows: one for each suite and each configuration of an agent.

    Raises:
        RecordError: A record of a suite that is not the frozen one, or two records of one cell.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        key = json.dumps([record.suite, record.agent], sort_keys=True)
        groups.setdefault(key, []).append(record)
    rows = []
    for members in groups.values():
        first = members[0]
        suite = load_suite(str(first.suite["name"]), suites, int(first.suite["version"]))
        if suite.digest != first.suite["digest"]:
            raise RecordError(f"{first.key} is of another {suite.name} than the frozen one")
        keys = [record.key for record in members]
        if len(set(keys)) < len(keys):
            raise RecordError(
                f"{slug(str(first.agent['name']))} in {suite.name} has records of one cell twice"
            )
        for record in members:
            _check_starts(record, suite)
        rows.append(Row(suite, tuple(sorted(members, key=lambda r: (r.replicate, r.item["body"], r.key)))))
    return rows


def _check_starts(record: Record, suite: Suite) -> None:
    """Task, demonstrations and episodes are those of the suite: all starts of a block, and no other."""
    numbers = (record.replicate, record.shown, record.block)
    if any(type(number) is not int for number in numbers):  # JSON schema takes 1.0 for an integer
        raise RecordError(f"{record.key} has a replicate, a seed or a block that is no integer")
    tasks = [(one.body, one.action, one.argument) for one in suite.items]
    if (record.item["body"], record.item["action"], record.item["argument"]) not in tasks:
        raise RecordError(f"{record.key} is of a task that {suite.name} does not have")
    if record.replicate >= len(suite.shown) or record.shown != suite.shown[record.replicate]:
        raise RecordError(f"{record.key} has demonstrations that are not of {suite.name}")
    starts = suite.starts[record.block * BLOCK : (record.block + 1) * BLOCK]
    if record.outcomes and tuple(one.start for one in record.outcomes) != starts:
        raise RecordError(f"{record.key} has other starts than those of its block in {suite.name}")


def summary(row: Row, rng: np.random.Generator) -> dict[str, Any]:
    """What a row comes to, as JSON has it: means with 95% intervals, and what it cost.

    Success and its means are of complete replicates alone; intervals need two of them.
    """
    scores, tasks = row.scores()
    outcomes = [one for record in row.records for one in record.outcomes]
    of = len(outcomes)
    told: dict[str, Any] = {
        "suite": row.suite.name, "version": row.suite.version, "agent": row.agent["name"],
        "track": row.agent["track"], "config": row.agent["config"], "source": row.agent["source"],
        "replicates": len(scores), "tasks": len(row.sound()), "of_tasks": len(row.suite.items),
        "episodes": of, "failures": row.failures,
        "status": _status(row), "success": float(mean(scores.mean(2))) if scores.size else None,
        "once": float(np.mean([one.once for one in outcomes])) if of else None,
        "returned": float(np.mean([one.returned for one in outcomes])) if of else None,
        "error": float(np.median([one.error for one in outcomes])) if of else None,
        "steps": _median([one.steps for one in outcomes if one.once]),
        "missed": sum(one.missed for one in outcomes),
        "given": _given(row), "latency": _latencies(row),
        "learning": _learning(row),
        "acting": sum(record.seconds["acting"] for record in row.records),
        "spent": _spent(row),
        "commit": ", ".join(sorted({record.commit for record in row.records})),
    }  # fmt: skip
    told["each"] = [_task(row, index) for index in tasks]
    if scores.size:
        rates = scores.mean(2)
        told["iqm"] = float(interquartile_mean(rates))
        told["profile"] = profile(rates, np.linspace(0, 1, _POINTS) - _CLOSE).tolist()
    if len(scores) > 1:
        told["mean_interval"] = bootstrap_interval(scores, mean, rng)
        told["iqm_interval"] = bootstrap_interval(rates, interquartile_mean, rng)
        for one, noise in zip(told["each"], noise_floor(rates).tolist(), strict=True):
            one["noise"] = noise
    return told


def _learning(row: Row) -> float:
    """Mean seconds of learning a task once; what a cell found learned by another one took it nothing."""
    lessons: dict[tuple[int, int], float] = {}
    for record in row.records:
        key = (row.number(record), record.replicate)
        lessons[key] = max(lessons.get(key, 0.0), record.seconds["learning"])
    return float(np.mean(list(lessons.values())))


def _spent(row: Row) -> float:
    """Seconds of everything that was run; what was learned in steps is kept, and was learned once."""
    lessons: dict[tuple[int, int, int], float] = {}
    for record in row.records:
        key = (row.number(record), record.replicate, 0 if record.curve else record.block)
        lessons[key] = max(lessons.get(key, 0.0), record.seconds["learning"])
    return sum(lessons.values()) + sum(record.seconds["acting"] for record in row.records)


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _status(row: Row) -> str:
    again = sum(record.status == MATCHED for record in row.records)
    return f"{MATCHED}, {again} of {len(row.records)} cells" if again else "self-reported"


def _given(row: Row) -> dict[str, Any]:
    """What the agent was given: of all cells the largest; of steps of a model, a mean by episode."""
    every = [record.given for record in row.records if not record.failure]
    if not every:
        return {}
    told = {name: max(given[name] for given in every) for name in every[0]}
    episodes = sum(len(record.outcomes) for record in row.records)
    told["model_steps"] = round(
        sum(one.model_steps for r in row.records for one in r.outcomes) / max(episodes, 1)
    )
    return told


def _latencies(row: Row) -> dict[str, float | None]:
    return {
        name: _median([r.latency[name] for r in row.records if r.latency[name] is not None])  # type: ignore[misc]
        for name in ("median", "p95")
    }


def _task(row: Row, index: int) -> dict[str, Any]:
    """Hits at a task, with their interval."""
    outcomes = [one for replicate in range(len(row.suite.shown)) for one in row.cell(index, replicate)]
    hits, of = sum(one.success for one in outcomes), len(outcomes)
    interval = row.interval(hits, of) if of else (0.0, 1.0)
    runs = [[one.success for one in row.cell(index, seed)] for seed in range(len(row.suite.shown))]
    return {
        "task": row.suite.items[index].name, "hits": hits, "of": of, "interval": interval,
        "runs": [float(np.mean(run)) if run else None for run in runs],
    }  # fmt: skip


def row_path(row: Row, folder: Path) -> Path:
    """Where a row lies: configurations of one agent need names of their own."""
    return folder / f"{row.suite.name}-v{row.suite.version}--{slug(str(row.agent['name']))}.json"


def save_row(row: Row, folder: Path) -> Path:
    """Writes all records of a row to one file, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    path = row_path(row, folder)
    told = packed([to_json(record) for record in row.records])
    text = ",\n".join(json.dumps(record, separators=(",", ":")) for record in told["records"])
    shared = json.dumps(told["shared"], separators=(",", ":"))
    with written_atomically(path) as temporary:
        Path(temporary).write_text(f'{{"shared":{shared},\n"records":[\n{text}\n]}}\n')
    return path


def load_row(path: Path, suites: Path = FOLDER) -> Row:
    """Reads a row.

    Raises:
        RecordError: The file holds none, or records of several.
    """
    if path.stat().st_size > _LARGEST_FILE:
        raise RecordError(f"{path} has more than {_LARGEST_FILE} bytes")
    rows = collected([from_json(value) for value in unpacked(read_json(path), str(path))], suites)
    if len(rows) != 1:
        raise RecordError(f"{path} holds {len(rows)} rows, expected one")
    return rows[0]


def scatter(row: Row, out: Path) -> int:
    """Puts the records of a row back where an evaluation looks for them; what is there and sound stays.

    Args:
        row: The row.
        out: Folder of the records.

    Returns:
        How many were written.
    """
    folder = records_of(out, row.suite, str(row.agent["name"]))
    missing = [record for record in row.records if not sound_record(folder / f"{record.key}.json")]
    for record in missing:
        save_record(record, folder)
    return len(missing)


def film_path(row: Row, films: Path) -> Path:
    """Where the film of a row lies: another version of the suite or configuration has another one."""
    told = digest(row.agent["config"])[:8]
    return films / f"{row.suite.name}-v{row.suite.version}--{slug(str(row.agent['name']))}-{told}.webp"


def records_in(folder: Path) -> list[Record]:
    """All records below a folder."""
    return [load_record(path) for path in sorted(folder.rglob("*.json")) if "learned" not in path.parts]


def with_marks(row: Row, old: Row) -> Row:
    """The row, with the marks of an older file for the records that are the same."""
    known = {record.key: record for record in old.records}

    def one(record: Record) -> Record:
        before = known.get(record.key)
        return before if before and replace(record, status=before.status) == before else record

    return replace(row, records=tuple(one(record) for record in row.records))


def marked(row: Row, matches: Mapping[str, bool]) -> Row:
    """The row, with marks for the records, by key, that were run again and matched.

    A single one that does not match takes all marks back: the row is not what it says.
    """
    known = {record.key for record in row.records if record.status == MATCHED}
    again = (known | set(matches)) if all(matches.values()) else set()

    def one(record: Record) -> Record:
        return replace(record, status=MATCHED if record.key in again else "self-reported")

    return replace(row, records=tuple(one(record) for record in row.records))


def merged(row: Row, old: Row) -> Row:
    """A row with those of an older file's records, of the same configuration, that it lacks, or failed at."""
    if old.suite.digest != row.suite.digest or old.agent != row.agent:
        return row
    known = {record.key: record for record in (*old.records, *row.records) if not record.failure}
    failed = {record.key: record for record in (*old.records, *row.records) if record.key not in known}
    return collected([*known.values(), *failed.values()])[0]
