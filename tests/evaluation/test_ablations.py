"""Ablations: what differs differs, what is there is kept, and a network without an energy learns."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from conceptgym.concepts.catalogue import CATALOGUE
from conceptgym.concepts.energy.pool import PoolConfig, build_pools
from conceptgym.concepts.model import Search
from conceptgym.concepts.task import Task
from conceptgym.evaluation.ablations import SMALL, VARIANTS, ablations
from conceptgym.evaluation.energy_cells import (
    Protocol,
    concept_cell,
    demonstration_sets,
    generation_scenes_of,
    infer_codes,
)
from conceptgym.evaluation.feed_forward import trained

FEW = replace(
    SMALL,
    steps=3,
    tasks=2,
    broad_tasks=4,
    pool=PoolConfig(rows=24, pair_rows=0, drawn=0, width=6, concepts=("near", "red")),
)


def test_every_variant_differs_from_the_first_in_what_it_says() -> None:
    first = asdict(VARIANTS[0].config(0))
    assert first == asdict(SMALL)
    for variant in VARIANTS[1:]:
        changed = {part for part, value in asdict(variant.config(0)).items() if value != first[part]}
        said = {"objective", "network", "batch"} & {
            part for part in ("objective", "network", "batch") if getattr(variant, part)
        }
        assert changed == said | set(variant.training), variant.name
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)


def test_what_is_there_is_kept_and_seeds_differ(tmp_path: Path) -> None:
    names = ("as shipped", "no energy: a feed-forward network")
    first = ablations(tmp_path, 1, 2, names, FEW, progress=False)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert len(kept) == 2
    assert [line.split(" |")[0] for line in first.splitlines()[2:]] == [f"| {name}" for name in names]
    assert ablations(tmp_path, 1, 2, names, FEW, progress=False) == first
    ablations(tmp_path, 2, 2, names[1:], replace(FEW, steps=2), progress=False)
    changed = {name for name, time in kept.items() if (tmp_path / name).stat().st_mtime_ns > time}
    assert changed == {"11-0.json"} and (tmp_path / "11-1.json").exists()
    with pytest.raises(ValueError, match="no variant"):
        ablations(tmp_path, 1, 2, ("nonsense",), FEW, progress=False)


def test_a_feed_forward_network_learns_what_is_easy() -> None:
    pool = PoolConfig(rows=200, pair_rows=0, drawn=0, width=6, concepts=("at", "red"))
    config = replace(FEW, steps=120, broad_tasks=24, pool=pool, rate=4e-3, warmup=20)
    model = trained(config, build_pools(pool, progress=False))
    protocol = Protocol(sets=60)
    assert concept_cell(model, CATALOGUE["red"], "identify", protocol).rate > 0.9
    task = Task(CATALOGUE["at"])
    scene = generation_scenes_of(task, protocol)
    made = model.generate(
        scene, infer_codes(model, demonstration_sets(task, "generate", protocol), protocol), search=Search()
    )
    assert np.median(task.error(made)) < 0.25 * np.median(task.error(scene))
