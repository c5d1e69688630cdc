"""Ablations: what differs differs, and what is there is kept."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conceptgym.concepts.energy.pool import PoolConfig
from conceptgym.evaluation.ablations import SMALL, VARIANTS, ablations

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
