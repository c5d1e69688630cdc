"""How success at concepts that no training has seen moves with the number of training concepts.

Small trainings of as many updates on five, ten, twenty or all concepts of the catalogue without a course
of time, and on all with the continuous families; every seed draws another order, of which each set is
the beginning.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..concepts.catalogue import CATALOGUE
from ..concepts.energy.network import NetworkConfig
from ..concepts.energy.pool import STATIC, cached_pools
from ..concepts.energy.training import TINY, TrainConfig
from ..concepts.model import ConceptModel
from .ablations import energy_of, told
from .energy_cells import Protocol, Score, concept_cell
from .energy_tables import LATE, static_modes
from .keeping import kept
from .markdown import markdown_table

SMALL = replace(
    TINY,
    steps=800,
    deep_every=0,
    broad_tasks=32,
    network=NetworkConfig(),
    pool=replace(TINY.pool, rows=512, width=7, concepts=()),
)
"""Codes by the encoder alone while training: several times cheaper."""


@dataclass(frozen=True)
class Breadth:
    """A set of training concepts.

    Attributes:
        name: What it is.
        count: Number of the catalogue's concepts; all if None.
        drawn: Number of concepts drawn from the continuous families.
    """

    name: str
    count: int | None
    drawn: int = 0


BREADTHS: tuple[Breadth, ...] = (
    Breadth("5 concepts", 5),
    Breadth("10 concepts", 10),
    Breadth("20 concepts", 20),
    Breadth("all concepts", None),
    Breadth("all concepts and 400 of continuous families", None, 400),
)
"""What is compared."""


def order(seed: int) -> list[str]:
    """Names of the training concepts without a course of time, in an order that depends on the seed."""
    names = [c.name for c in CATALOGUE.values() if c.split == "train" and c.family not in LATE]
    return [names[index] for index in np.random.default_rng(seed).permutation(len(names))]


def config_of(breadth: Breadth, seed: int, base: TrainConfig = SMALL) -> TrainConfig:
    """The training, from a seed."""
    names = tuple(sorted(order(seed)[: breadth.count]))
    return replace(base, seed=seed, pool=replace(base.pool, concepts=names, drawn=breadth.drawn))


def _shares(model: ConceptModel, sets: int, known: tuple[str, ...]) -> dict[str, list[int]]:
    """Hits and scenes, in each mode, of held-out concepts and of those trained on."""
    protocol = Protocol(sets=sets)
    counts: dict[str, list[int]] = {}

    def add(label: str, score: Score) -> None:
        hits, of = counts.get(label, [0, 0])
        counts[label] = [hits + score.hits, of + score.of]

    for concept, mode in static_modes("held_out"):
        add(f"held out, {mode}", concept_cell(model, concept, mode, protocol))
    few = replace(protocol, sets=max(1, sets // 4))
    for name in known:
        for mode in CATALOGUE[name].modes:
            add(f"trained on, {mode}", concept_cell(model, CATALOGUE[name], mode, few))
    return counts


def run(breadth: Breadth, seed: int, folder: Path, sets: int, base: TrainConfig) -> dict[str, Any]:
    """Trains on one set of concepts from one seed, and measures it."""
    config = config_of(breadth, seed, base)
    pools = cached_pools(config.pool, folder / "scenes", progress=False)
    model = energy_of(config, {STATIC: pools[STATIC]})
    return {"name": breadth.name, "scores": _shares(model, sets, config.pool.concepts)}


def breadths(
    folder: Path,
    seeds: int = 3,
    sets: int = 60,
    base: TrainConfig = SMALL,
    progress: bool = True,
    chosen: tuple[Breadth, ...] = BREADTHS,
) -> str:
    """Trains and measures all, and returns the table as Markdown; what is there is kept.

    Args:
        folder: For one JSON file of each set and seed, and the scenes.
        seeds: Trainings of each.
        sets: Sets of demonstrations, with a scene each, of each held-out concept and mode.
        base: The training that they differ from.
        progress: Whether to show a progress bar.
        chosen: Sets of concepts.
    """
    rows: dict[str, list[dict[str, Any]]] = {breadth.name: [] for breadth in chosen}
    work = [(breadth, seed) for seed in range(seeds) for breadth in chosen]
    for breadth, seed in tqdm(work, unit="training", disable=not progress):
        key = {"config": asdict(config_of(breadth, seed, base)), "sets": sets}
        path = folder / f"{breadth.name.replace(' ', '-')}-{seed}.json"
        rows[breadth.name].append(kept(path, key, partial(run, breadth, seed, folder, sets, base)))
    return markdown(rows)


def markdown(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Success by set of training concepts: mean over the seeds, and the least and the largest of them."""
    columns = [
        f"{group}, {mode}" for group in ("held out", "trained on") for mode in ("generate", "identify")
    ]
    heads = ["trained on", *columns, "seeds"]
    lines = []
    for name, runs in rows.items():
        cells = [told([run["scores"].get(column) for run in runs]) for column in columns]
        lines.append([name, *cells, str(len(runs))])
    return markdown_table(heads, lines) + "\n"
