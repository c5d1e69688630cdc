"""What each part of the training is good for: small trainings that differ in one thing, from some seeds."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..agents.baselines.feed_forward import FeedForward, trained
from ..concepts.catalogue import CATALOGUE
from ..concepts.concept import Mode
from ..concepts.energy.pool import Pool, PoolConfig, cached_pools
from ..concepts.energy.training import TINY, TrainConfig, Trainer
from ..concepts.model import ConceptModel
from ..concepts.release import release
from ..concepts.task import Task
from .energy_cells import Protocol, concept_cell, generation_cell, identification_cell
from .keeping import kept
from .markdown import markdown_table

SMALL = replace(
    TINY,
    steps=400,
    pool=PoolConfig(
        rows=512, pair_rows=0, drawn=0, width=6,
        concepts=("at", "near", "far", "left_of", "above", "inside", "cluster",
                  "closest", "furthest", "leftmost", "red", "large"),
    ),
)  # fmt: skip
"""A dozen concepts in a few minutes of one core."""

BOTH: tuple[Mode, ...] = ("generate", "identify")
CROSSED = ("generate, shown to identify", "identify, shown to generate")
_PAPER = {"reconstruction": 0.0, "calibration": 0.0, "contrastive": 1.0}


@dataclass(frozen=True)
class Variant:
    """A training that differs from ``SMALL`` in one thing.

    Attributes:
        name: What differs.
        objective: Fields of the objective.
        network: Fields of the network.
        batch: Fields of the batches.
        training: Fields of the training.
        direct: Whether it is no energy, but a network that says the answer at once.
    """

    name: str
    objective: dict[str, Any]
    network: dict[str, Any] = field(default_factory=dict)
    batch: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    direct: bool = False

    def config(self, seed: int, base: TrainConfig = SMALL) -> TrainConfig:
        """The training, from a seed."""
        objective = replace(base.objective, **self.objective)
        network, batch = replace(base.network, **self.network), replace(base.batch, **self.batch)
        return replace(base, seed=seed, objective=objective, network=network, batch=batch, **self.training)


VARIANTS: tuple[Variant, ...] = (
    Variant("as shipped", {}),
    Variant("reconstruction only", {"calibration": 0.0, "contrastive": 0.0}),
    Variant("contrastive only", _PAPER),
    Variant("contrastive and divergence (the paper's objective)", _PAPER | {"kl": 1.0}),
    Variant("with divergence", {"kl": 0.05}),
    Variant("codes by the encoder only", {"code_steps": 0}),
    Variant("codes by optimisation only", {"encoder": False}, training={"deep_every": 1}),
    Variant("the paper's form of the energy", {}, network={"form": "paper"}),
    Variant("without restarts", {"restarts": 0.0}),
    Variant("trained to generate only", {}, batch={"modes": "generate"}),
    Variant("trained to identify only", {}, batch={"modes": "identify"}),
    Variant("no energy: a feed-forward network", {}, direct=True),
)
"""What is compared; each has as many updates."""


def _scores(model: ConceptModel | FeedForward, names: Iterable[str], sets: int) -> dict[str, Any]:
    """Hits and scenes in each mode, and with codes that were shown in the other mode."""
    told: dict[str, list[int]] = {}
    for concept in (CATALOGUE[name] for name in names):
        protocol = Protocol(sets=sets)
        for mode in concept.modes:
            score = concept_cell(model, concept, mode, protocol)
            told.setdefault(mode, []).extend([score.hits, score.of])
        if len(concept.modes) == 2 and isinstance(model, ConceptModel):
            crossed = (
                generation_cell(model, Task(concept), protocol, "identify"),
                identification_cell(model, concept, protocol, "generate"),
            )
            for label, score in zip(CROSSED, crossed, strict=True):
                told.setdefault(label, []).extend([score.hits, score.of])
    return {mode: [sum(counts[::2]), sum(counts[1::2])] for mode, counts in told.items()}


def run(variant: Variant, seed: int, pools: dict[int, Pool], sets: int, base: TrainConfig) -> dict[str, Any]:
    """Trains one variant from one seed, and measures it."""
    config, begun = variant.config(seed, base), time.perf_counter()
    if variant.direct:
        model: ConceptModel | FeedForward = trained(config, pools)
    else:
        model = energy_of(config, pools)
    seconds, scores = time.perf_counter() - begun, _scores(model, base.pool.concepts, sets)
    return {"name": variant.name, "seconds": round(seconds, 1), "scores": scores}


def energy_of(config: TrainConfig, pools: dict[int, Pool]) -> ConceptModel:
    """The model of a small training, which is never interrupted."""
    trainer = Trainer(config, pools)
    while trainer.step < config.steps:
        trainer.update()
    return release(trainer)


def ablations(
    folder: Path,
    seeds: int = 3,
    sets: int = 60,
    names: Iterable[str] = (),
    base: TrainConfig = SMALL,
    progress: bool = True,
) -> str:
    """Trains and measures all variants, and returns the table as Markdown; what is there is kept.

    Args:
        folder: For one JSON file of each variant and seed, the table, and the scenes.
        seeds: Trainings of each.
        sets: Sets of demonstrations, with a scene each, of each concept and mode.
        names: Only these variants.
        base: The training that they differ from.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: There is no variant of that name.
    """
    wanted = set(names)
    unknown = wanted - {variant.name for variant in VARIANTS}
    if unknown:
        raise ValueError(f"no variant {sorted(unknown)}; there are {[v.name for v in VARIANTS]}")
    chosen = [variant for variant in VARIANTS if not wanted or variant.name in wanted]
    pools = cached_pools(base.pool, folder / "scenes", progress)
    rows: dict[str, list[dict[str, Any]]] = {variant.name: [] for variant in chosen}
    work = [(variant, seed) for seed in range(seeds) for variant in chosen]
    for variant, seed in tqdm(work, unit="training", disable=not progress):
        key = {"config": asdict(variant.config(seed, base)), "sets": sets, "direct": variant.direct}
        path = folder / f"{VARIANTS.index(variant):02d}-{seed}.json"
        rows[variant.name].append(kept(path, key, partial(run, variant, seed, pools, sets, base)))
    return markdown(rows)


def markdown(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Success of each variant: mean over the seeds, and the least and the largest of them."""
    columns = (*BOTH, *CROSSED)
    heads = ["training", *columns, "minutes of one core", "seeds"]
    lines = []
    for name, runs in rows.items():
        cells = [told([run["scores"].get(column) for run in runs]) for column in columns]
        minutes = np.mean([run["seconds"] for run in runs]) / 60
        lines.append([name, *cells, f"{minutes:.1f}", str(len(runs))])
    return markdown_table(heads, lines) + "\n"


def told(counts: list[list[int] | None]) -> str:
    """Mean share of hits over seeds, with the least and the largest; nothing where there is none."""
    shares = [hits / of for pair in counts if pair for hits, of in [pair]]
    if not shares:
        return ""
    return f"{np.mean(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"
