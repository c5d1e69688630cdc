"""The training data: scenes of all training concepts, tasks and families, drawn once, kept as arrays.

Every row is an event with four trajectories: as a demonstration shows it, as it runs if nobody does
anything, the satisfying one nearest to that, and one in between which does not satisfy the concept.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from ..catalogue import CATALOGUE, families
from ..concept import Concept, Identification, Mode
from ..event import Event
from ..files import written_atomically
from ..sampling import ScenesTooRareError, least_entities, most_entities
from ..streams import Streams, streams_from
from ..task import Task, pairs
from .scene import MOVABLE, tensors
from .starts import ARRIVED, drifting, nearest_solution, short_of

STATIC, MOVING = 1, 8
"""Steps, T, of the rows of a pool: of events without and with a course of time."""

TRAJECTORIES = ("shown", "start", "nearest", "short")

_FORMAT = 4
"""Counts up when the rows change their meaning."""


@dataclass(frozen=True)
class PoolConfig:
    """What the training data consists of.

    Attributes:
        seed: Seeds all scenes.
        rows: Rows of each concept and mode.
        pair_rows: Rows of each task with an argument.
        drawn: Number of concepts drawn from the continuous families.
        drawn_rows: Rows of each of those.
        width: Largest number of entities, N.
        concepts: Names of the catalogue's concepts to train on; all of the training split if empty.
    """

    seed: int = 0
    rows: int = 2048
    pair_rows: int = 96
    drawn: int = 1600
    drawn_rows: int = 32
    width: int = 7
    concepts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Rows of one concept in one mode.

    Attributes:
        kind: What its losses are counted under: sources of a kind share a family, a mode and a context.
        concept: Name of the concept that is enacted or recognised.
        mode: "generate" or "identify".
        first: Its first row.
        rows: Number of its rows.
        least: Smallest number of entities of a mask that has no other condition; 0 where masks are unique.
        most: The largest.
        twin: Index of the source of the same concept in the other mode, or -1.
    """

    kind: str
    concept: str
    mode: str
    first: int
    rows: int
    least: int = 0
    most: int = 0
    twin: int = -1


@dataclass(frozen=True, eq=False)
class Pool:
    """All rows of one duration.

    Attributes:
        steps: T of every row.
        sources: Which rows belong to what.
        arrays: By name: nodes (R, N, 6), present and attention (R, N), seconds (R,), and shown, start,
            nearest, short (R, T+1, N, 2), the four trajectories.
    """

    steps: int
    sources: tuple[Source, ...]
    arrays: dict[str, np.ndarray]


def _thinned(positions: np.ndarray, steps: int) -> np.ndarray:
    """Trajectories with as many steps as the pool's: every second state, or one state twice."""
    if positions.shape[1] == 1:
        return np.repeat(positions, 2, axis=1)
    return positions[:, :: (positions.shape[1] - 1) // steps]


def _row_arrays(event: Event, trajectories: tuple[np.ndarray, ...], steps: int) -> dict[str, np.ndarray]:
    (nodes, present, seconds), _, attention = tensors(event)
    parts = {name: _thinned(path, steps) for name, path in zip(TRAJECTORIES, trajectories, strict=True)}
    read = {"nodes": nodes, "present": present, "seconds": seconds, "attention": attention}
    parts |= {name: tensor.numpy() for name, tensor in read.items()}
    return {name: part.astype(np.float32) for name, part in parts.items()}


def generation_rows(task: Task, streams: Streams, width: int) -> tuple[int, dict[str, np.ndarray]]:
    """Rows of a task to enact: their duration, and their arrays."""
    part, least = task.generation, least_entities(task.generation, task.recogniser)
    entities = (max(4, least), max(width, least))
    start, solution = task.scenes(streams.fork("scenes"), entities, width)
    unsolved = start.positions
    start = start.replace(positions=drifting(start, streams.fork("drift")))
    nearest = nearest_solution(task, start)
    arrived = task.error(start.replace(positions=nearest)) <= ARRIVED
    nearest = np.where(arrived[:, None, None, None], nearest, solution.positions)
    short = short_of(task, start, nearest, unsolved, streams)
    steps = STATIC if part.frames == 1 else MOVING
    paths = (solution.positions, start.positions, nearest, short)
    return steps, _row_arrays(start, paths, steps)


def identification_rows(part: Identification, event: Event) -> tuple[int, dict[str, np.ndarray]]:
    """Rows of events to recognise: their duration, and their arrays."""
    event = event.replace(movable=np.zeros_like(event.movable))
    steps = STATIC if part.frames == 0 else MOVING
    return steps, _row_arrays(event, (event.positions,) * 4, steps)


class Rows(NamedTuple):
    """Rows of one concept in one mode, before they have a place in a pool."""

    steps: int
    arrays: dict[str, np.ndarray]
    kind: str
    concept: str
    mode: Mode
    least: int = 0
    most: int = 0


def _twins(sources: list[Source]) -> tuple[Source, ...]:
    """Joins the two modes of each concept, where it stands alone."""
    alone = [i for i, source in enumerate(sources) if "(" not in source.kind]
    index = {(sources[i].concept, sources[i].mode): i for i in alone}
    other = {"generate": "identify", "identify": "generate"}
    twins = {i: index.get((sources[i].concept, other[sources[i].mode]), -1) for i in alone}
    return tuple(replace(source, twin=twins.get(i, -1)) for i, source in enumerate(sources))


def _count_limits(part: Identification, concept: Concept) -> tuple[int, int]:
    """Numbers of entities that a mask may have where nothing else is asked: found by asking the concept."""
    width = 8
    event = concept.sample(np.random.default_rng(0), 1, (max(6, least_entities(part)), width), "identify")
    ones = event.candidates.astype(np.float64)
    fewest = part.mask(event.replace(attention=0.0 * ones)).sum()
    return int(fewest), int(part.mask(event.replace(attention=ones)).sum())


def concept_rows(
    concept: Concept, kind: str, label: str, rows: int, width: int, seed: list[int]
) -> Iterator[Rows]:
    """Rows of a concept in each of its modes."""
    for mode in concept.modes:
        part = concept.part(mode)
        if isinstance(part, Identification):
            least = max(4, least_entities(part))
            most = max(least, min(most_entities(part), width))
            event = concept.sample(np.random.default_rng([*seed, 2]), rows, (least, most), mode)
            steps, arrays = identification_rows(part, padded(event, width))
            limits = (0, 0) if part.unique else _count_limits(part, concept)
            yield Rows(steps, arrays, f"{kind}/identify", label, "identify", *limits)
        else:
            streams = streams_from(np.random.default_rng([*seed, 0]), rows)
            steps, arrays = generation_rows(Task(concept), streams, width)
            yield Rows(steps, arrays, f"{kind}/generate", label, "generate")


def padded(event: Event, width: int) -> Event:
    """The event with padding up to ``width`` entities."""
    missing = width - event.present.shape[-1]
    if missing <= 0:
        return event

    def pad(array: np.ndarray) -> np.ndarray:
        axis = array.ndim - 2 if array is event.positions or array is event.colors else array.ndim - 1
        return np.pad(array, [(0, missing if i == axis else 0) for i in range(array.ndim)])

    return event.map(pad)


def pair_rows(task: Task, rows: int, width: int, seed: list[int]) -> Iterator[Rows]:
    """Rows of the action over the argument, and of the argument in the scenes of the action."""
    assert task.argument is not None, "the tasks of pairs have one"
    steps, arrays = generation_rows(task, streams_from(np.random.default_rng(seed), rows), width)
    yield Rows(steps, arrays, f"{task.action.name}()/generate", task.action.name, "generate")
    paths = {name: np.repeat(arrays["shown"][:, :1], 2, axis=1) for name in TRAJECTORIES}
    nodes = arrays["nodes"].copy()
    nodes[..., MOVABLE] = 0.0
    given = arrays | paths | {"nodes": nodes, "seconds": np.zeros_like(arrays["seconds"])}
    yield Rows(STATIC, given, f"({task.argument.name})/identify", task.argument.name, "identify")


def _chosen(config: PoolConfig) -> tuple[list[Concept], list[Task]]:
    """Concepts and tasks to train on."""
    every = [concept for concept in CATALOGUE.values() if concept.split == "train"]
    chosen = [concept for concept in every if not config.concepts or concept.name in config.concepts]
    unknown = sorted(set(config.concepts) - {concept.name for concept in every})
    if unknown:
        raise ValueError(f"{unknown} are no concepts of the training split")
    names = {concept.name for concept in chosen}
    both = [t for t in pairs("train") if t.action.name in names and t.argument and t.argument.name in names]
    fitting = [t for t in both if least_entities(t.generation, t.recogniser) <= config.width]
    return chosen, fitting if config.pair_rows else []


def _part(config: PoolConfig, group: str, index: int) -> list[Rows]:
    """One piece of the work: a concept, a task or a drawn concept."""
    torch.set_num_threads(1)
    chosen, tasks = _chosen(config)
    width, seed = config.width, [config.seed, ("concept", "pair", "drawn").index(group), index]
    if group == "concept":
        concept = chosen[index]
        return list(concept_rows(concept, concept.name, concept.name, config.rows, width, seed))
    if group == "pair":
        return list(pair_rows(tasks[index], config.pair_rows, width, seed))
    concept = families.draw(np.random.default_rng([*seed, 3]))
    label = f"{concept.name}#{index}"
    return list(concept_rows(concept, f"~{concept.name}", label, config.drawn_rows, width, seed))


def _joined(rows: list[Rows]) -> dict[int, Pool]:
    pools = {}
    for steps in sorted({part.steps for part in rows}):
        own, first = [part for part in rows if part.steps == steps], 0
        sources = []
        for part in own:
            count = len(part.arrays["nodes"])
            sources.append(Source(part.kind, part.concept, part.mode, first, count, part.least, part.most))
            first += count
        arrays = {name: np.concatenate([part.arrays[name] for part in own]) for name in own[0].arrays}
        pools[steps] = Pool(steps, _twins(sources), arrays)
    return pools


def build_pools(config: PoolConfig, progress: bool = True, jobs: int = 1) -> dict[int, Pool]:
    """Draws all training data; the same for the same configuration, with any number of processes.

    Tasks whose scenes are too rare at this width are left out, and named in a warning.

    Returns:
        Pools by number of steps.
    """
    chosen, tasks = _chosen(config)
    counts = {"concept": len(chosen), "pair": len(tasks), "drawn": config.drawn}
    work = [(config, group, index) for group, count in counts.items() for index in range(count)]
    bar = tqdm(total=len(work), desc="scenes", disable=not progress, leave=False)
    rows: list[Rows] = []
    left_out = []
    for item, part in _worked(work, jobs):
        bar.update()
        rows += part
        if not part:
            left_out.append(tasks[item[2]].name)
    bar.close()
    if left_out:
        warnings.warn(f"left out, as their scenes are too rare: {', '.join(left_out)}", stacklevel=2)
    return _joined(rows)


def _attempted(item: tuple[PoolConfig, str, int]) -> list[Rows]:
    try:
        return _part(*item)
    except ScenesTooRareError:
        if item[1] != "pair":
            raise
        return []


def _worked(
    work: list[tuple[PoolConfig, str, int]], jobs: int
) -> Iterator[tuple[tuple[PoolConfig, str, int], list[Rows]]]:
    if jobs == 1:
        yield from ((item, _attempted(item)) for item in work)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as executor:
        yield from zip(work, executor.map(_attempted, work, chunksize=4), strict=True)


def save_pools(pools: dict[int, Pool], path: Path) -> None:
    """Writes pools to one file of arrays, atomically."""
    arrays = {
        f"{steps}/{name}": array for steps, pool in pools.items() for name, array in pool.arrays.items()
    }
    meta = {steps: [asdict(source) for source in pool.sources] for steps, pool in pools.items()}
    with written_atomically(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **(arrays | {"meta": np.array(json.dumps(meta))}))  # type: ignore[arg-type]


def load_pools(path: Path) -> dict[int, Pool]:
    """Reads what ``save_pools`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        meta = json.loads(str(file["meta"]))
        return {
            int(steps): Pool(
                int(steps),
                tuple(Source(**source) for source in sources),
                {name.split("/")[1]: file[name] for name in file.files if name.startswith(f"{steps}/")},
            )
            for steps, sources in meta.items()
        }


def cached_pools(config: PoolConfig, folder: Path, progress: bool = True, jobs: int = 1) -> dict[int, Pool]:
    """The pools of a configuration, from the folder if they are there, else drawn and kept there."""
    told = json.dumps([_FORMAT, asdict(config)], sort_keys=True)
    key = hashlib.sha256(told.encode()).hexdigest()[:16]
    path = folder / f"pool-{key}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_pools(build_pools(config, progress, jobs), path)
    return load_pools(path)
