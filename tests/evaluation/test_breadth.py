"""Breadth of training: nested sets, nothing held out among them, and what is there is kept."""

from dataclasses import replace
from pathlib import Path

from conceptgym.concepts.catalogue import CATALOGUE
from conceptgym.evaluation.breadth import BREADTHS, SMALL, Breadth, breadths, config_of, order


def test_sets_are_nested_and_hold_nothing_that_is_held_out() -> None:
    for seed in (0, 1):
        sets = [set(config_of(breadth, seed).pool.concepts) for breadth in BREADTHS]
        assert [len(each) for each in sets[:3]] == [5, 10, 20]
        assert sets[0] < sets[1] < sets[2] < sets[3] == sets[4] == set(order(0))
        assert all(CATALOGUE[name].split == "train" for name in sets[4])
    assert order(0) != order(1)
    assert {config_of(breadth, 0).steps for breadth in BREADTHS} == {SMALL.steps}


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    base = replace(SMALL, steps=2, broad_tasks=4, pool=replace(SMALL.pool, rows=24))
    chosen = (Breadth("2 concepts", 2),)
    first = breadths(tmp_path, 1, 1, base, False, chosen)
    (path,) = tmp_path.glob("*.json")
    before = path.stat().st_mtime_ns
    assert breadths(tmp_path, 1, 1, base, False, chosen) == first
    assert path.stat().st_mtime_ns == before
    breadths(tmp_path, 1, 2, base, False, chosen)
    assert path.stat().st_mtime_ns > before
    cells = first.splitlines()[-1].split(" | ")
    assert len(cells) == 6 and "%" in cells[1] and "%" in cells[2]
