"""The training data: nearest solutions, contrary rows, what is never drawn, and problems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conceptgym.concepts import CATALOGUE, Event, shapes
from conceptgym.concepts.catalogue import families
from conceptgym.concepts.energy.batches import BatchConfig, Curriculum, hits_held_out
from conceptgym.concepts.energy.pool import (
    MOVING,
    STATIC,
    Pool,
    PoolConfig,
    build_pools,
    generation_rows,
    load_pools,
    save_pools,
)
from conceptgym.concepts.energy.starts import nearest_solution
from conceptgym.concepts.streams import streams_from
from conceptgym.concepts.task import Task


@pytest.fixture(scope="module")
def pools() -> dict[int, Pool]:
    """Pools of a few concepts."""
    return build_pools(SMALL, progress=False)


SMALL = PoolConfig(
    rows=24, pair_rows=12, drawn=6, drawn_rows=12, concepts=("near", "square", "red", "slow", "one")
)


def scenes(name: str, rows: int = 64) -> tuple[Event, Event]:
    """Scenes to act in, and a solution of each."""
    return Task(CATALOGUE[name]).scenes(streams_from(np.random.default_rng(0), rows))


def test_the_nearest_solution_of_near_is_the_nearest_point_of_the_disc() -> None:
    start, _ = scenes("near")
    found = nearest_solution(CATALOGUE["near"], start)
    agent, reference = (
        (start.positions[:, 1] * m[..., None]).sum(1) for m in (start.movable, start.attention)
    )
    way = agent - reference
    wanted = reference + 0.2 * way / np.linalg.norm(way, axis=1, keepdims=True)
    arrived = (found[:, 1] * start.movable[..., None]).sum(1)
    np.testing.assert_allclose(arrived, wanted, atol=5e-3)


@pytest.mark.parametrize("name", ("square", "circle", "between", "follow", "slow", "help", "inside"))
def test_nearest_solutions_satisfy_and_are_no_farther_than_a_drawn_one(name: str) -> None:
    start, solution = scenes(name)
    found = nearest_solution(CATALOGUE[name], start)
    assert (CATALOGUE[name].error(start.replace(positions=found)) <= 2e-3).mean() > 0.9
    far, drawn = (
        np.sqrt(((p - start.positions) ** 2).sum((1, 2, 3))).mean() for p in (found, solution.positions)
    )
    assert far <= 1.02 * drawn
    fixed = ~start.movable[:, None, :, None] | (np.arange(found.shape[1]) == 0)[:, None, None]
    assert np.where(fixed, np.abs(found - start.positions), 0).max() == 0


@pytest.mark.parametrize("name", ("slow", "still", "approach"))
def test_short_rows_with_a_course_do_not_satisfy(name: str) -> None:
    task = Task(CATALOGUE[name])
    _, rows = generation_rows(task, streams_from(np.random.default_rng(1), 60), 7)
    event = task.scenes(streams_from(np.random.default_rng(1), 60).fork("scenes"), (4, 7), 7)[0]
    short = event.replace(positions=rows["short"].astype(float))
    assert (task.error(short) > task.generation.tolerance).all()


@pytest.mark.parametrize("name", ("near", "square", "orbit"))
def test_rows_say_what_they_are(name: str) -> None:
    task = Task(CATALOGUE[name])
    steps, rows = generation_rows(task, streams_from(np.random.default_rng(1), 40), 8)
    assert steps == (STATIC if task.generation.frames == 1 else MOVING)
    assert rows["shown"].shape == (40, steps + 1, 8, 2)
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in rows.values())
    seconds = task.generation.frames * 0.25 if steps > 1 else 0.0
    assert (rows["seconds"] == seconds).all()
    for path in ("start", "nearest", "short"):
        np.testing.assert_array_equal(rows[path][:, 0], rows["shown"][:, 0])
    if steps == STATIC:
        event = task.scenes(streams_from(np.random.default_rng(1), 40).fork("scenes"), (max(4, 4), 8), 8)[0]
        short = event.replace(positions=rows["short"].astype(float))
        assert (task.error(short) > task.generation.tolerance).all()


def test_pools_depend_on_their_configuration_alone(pools: dict[int, Pool], tmp_path: Path) -> None:
    one, two = pools, build_pools(SMALL, progress=False, jobs=2)
    save_pools(one, tmp_path / "pools.npz")
    kept = load_pools(tmp_path / "pools.npz")
    for steps in one:
        for other in (two, kept):
            assert one[steps].sources == other[steps].sources
            for name, array in one[steps].arrays.items():
                np.testing.assert_array_equal(array, other[steps].arrays[name])
    kinds = {source.kind for pool in one.values() for source in pool.sources}
    assert {"near/generate", "near/identify", "square()/generate", "(red)/identify", "one/identify"} <= kinds


def test_unknown_and_held_out_concepts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\['pentagon'\] are no concepts of the training split"):
        build_pools(PoolConfig(concepts=("near", "pentagon")), progress=False)


def test_families_never_draw_a_held_out_concept() -> None:
    pentagon = shapes.polygon(5)
    points = pentagon.corners[0][None]
    rng = np.random.default_rng(0)
    for _ in range(40):
        shape = families.random_shape(rng)
        part = shape.generation
        assert part is not None
        if part.references[0] == 5:
            event = Task(shape).sample(rng, 1, 7)
            corners = np.zeros((1, 2, 7, 2))
            corners[:, :, np.flatnonzero(event.attention[0])] = points
            assert part.error(event.replace(positions=corners))[0] > 0.05
    for _ in range(40):
        event = families.attributes(rng).sample(rng, 8, 7)
        chosen = event.attention > 0.5
        big = event.sizes > 0.0575
        assert (chosen != (~big & event.present)).any()
    for _ in range(25):
        band = families.speed_band(rng)
        fast = CATALOGUE["fast"].sample(rng, 4, 5, "generate")
        assert not band.satisfied(fast, "generate").any()
        pushed = families.push_to_band(rng)
        assert not pushed.satisfied(CATALOGUE["hinder"].sample(rng, 4, 5)).any()
        number = families.count(rng).part("identify")
        scene = CATALOGUE["three"].sample(rng, 8, 7)
        fewer = scene.replace(attention=np.where(np.cumsum(scene.attention, axis=1) > 2, 0, scene.attention))
        more = scene.replace(attention=scene.candidates.astype(float))
        three, two, seven = (number.error(e).max() for e in (scene, fewer, more))
        assert three > 0.5 or seven < 0.5 or two < 0.5, "three alone is never what is asked for"
        mapped = families.start_map(rng)
        assert mapped.error(CATALOGUE["opposite_of"].sample(rng, 8, 5)).max() > 0.05
        best = families.move_to_best(rng)
        assert best.error(CATALOGUE["move_to_furthest"].sample(rng, 60, 6)).max() > 0.05


def test_turns_keep_clear_of_held_out_directions() -> None:
    def turn(degrees: float, mirror: float = 1.0) -> np.ndarray:
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        return np.array([[c, -s], [s, c]]) @ np.diag([1.0, mirror])

    assert hits_held_out("topmost", turn(180)) and hits_held_out("topmost", turn(165))
    assert not hits_held_out("topmost", turn(150)) and hits_held_out("topmost", turn(0, -1.0))
    assert hits_held_out("rightmost", turn(-90)) and hits_held_out("leftmost", turn(90))
    assert hits_held_out("horizontal_line", turn(45)) and hits_held_out("vertical_line", turn(-30))
    assert not hits_held_out("horizontal_line", turn(20)) and not hits_held_out("line", turn(45))


def test_problems_hold_together(pools: dict[int, Pool]) -> None:
    config = BatchConfig(turned=1.0, recoloured=1.0, swapped=1.0, fewer=1.0)
    curriculum = Curriculum(pools[STATIC], config)
    problem, kinds = curriculum.draw(np.random.default_rng(0), 120)
    assert problem.shown.positions.shape[0] == 600 and problem.query.positions.shape[0] == 240
    assert set(problem.weights.sum(1).tolist()) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    recognised = problem.recognise.bool()
    free = problem.query.scene.movable.sum(1).reshape(-1, 2)
    assert (free[recognised] == 0).all() and (free[~recognised] > 0).all()
    assert bool((problem.shown_recognise != problem.recognise).any()), "some are shown in the other mode"
    # A turn keeps distances: the agent of "near" ends within 0.2 of its reference.
    near = np.array([curriculum.kinds[kind] == "near/generate" for kind in kinds])
    assert near.any()
    query = problem.query
    agent, other = (
        (query.positions[:, -1] * m[..., None]).sum(1) for m in (query.scene.movable, query.attention)
    )
    away = (agent - other).norm(dim=1).reshape(-1, 2)[near]
    assert away.max() <= 0.2 + 1e-5
    again, _ = Curriculum(pools[STATIC], config).draw(np.random.default_rng(0), 120)
    tasks = np.array(["(" in curriculum.kinds[kind] for kind in kinds])
    attended = query.scene.nodes[torch.as_tensor(np.repeat(tasks, 2))]
    raw = pools[STATIC].arrays["nodes"]
    known = {row.tobytes() for row in raw}
    assert tasks.any() and all(row.tobytes() in known for row in attended.numpy()), "tasks keep colours"
    assert all((a == b).all() for a, b in zip(problem.query.scene, again.query.scene, strict=True))


def test_a_mask_of_any_two_counts_is_told_by_the_source(pools: dict[int, Pool]) -> None:
    (one,) = [s for s in pools[STATIC].sources if s.kind == "one/identify"]
    assert (one.least, one.most) == (1, 1)
    (red,) = [s for s in pools[STATIC].sources if s.kind == "red/identify"]
    assert (red.least, red.most) == (0, 0)
