"""Whom a concept means, beside definitions that were written on their own, in plain words and loops."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from conceptgym import concepts
from conceptgym.concepts import Event
from conceptgym.concepts.catalogue.arrangement import subset_errors
from conceptgym.concepts.concept import Identification

IDENTIFIED = concepts.names(mode="identify")

# An event's row as a dict of arrays; a definition says of it and of one entity: meant, or not.
Row = dict[str, np.ndarray]


def distance(row: Row, i: int, j: int) -> float:
    return float(np.hypot(*(row["positions"][-1, i] - row["positions"][-1, j])))


def others(row: Row, i: int) -> list[int]:
    return [j for j in candidates(row) if j != i]


def candidates(row: Row) -> list[int]:
    return [j for j in range(len(row["sizes"])) if row["present"][j] and not row["marker"][j]]


def me(row: Row) -> int:
    return int(np.flatnonzero(row["marker"])[0])


def delta(row: Row, i: int) -> np.ndarray:
    return np.asarray(row["positions"][-1, i] - row["positions"][-1, me(row)])


def path(row: Row, i: int) -> np.ndarray:
    return np.asarray(row["positions"][:, i])


def speeds(row: Row, i: int) -> np.ndarray:
    return np.asarray(np.hypot(*np.diff(path(row, i), axis=0).T) / 0.25)


def gaps(row: Row, i: int) -> np.ndarray:
    return np.asarray(np.hypot(*(path(row, i) - path(row, me(row))).T))


def colour(row: Row, i: int) -> int:
    return int(np.argmax(row["colors"][i]))


def to_red(row: Row, i: int) -> float:
    reds = [j for j in range(len(row["sizes"])) if row["present"][j] and colour(row, j) == 0]
    return 99.0 if i in reds else min(distance(row, i, j) for j in reds)


ORACLES: dict[str, Callable[[Row, int], bool]] = {
    "at": lambda r, i: distance(r, i, me(r)) < 0.05,
    "near": lambda r, i: distance(r, i, me(r)) < 0.25,
    "far": lambda r, i: distance(r, i, me(r)) > 0.75,
    "left_of": lambda r, i: delta(r, i)[0] < -0.05,
    "right_of": lambda r, i: delta(r, i)[0] > 0.05,
    "above": lambda r, i: delta(r, i)[1] > 0.05,
    "below": lambda r, i: delta(r, i)[1] < -0.05,
    "aligned_with": lambda r, i: bool(np.abs(delta(r, i)).min() < 0.05),
    "offset": lambda r, i: bool(np.hypot(*(delta(r, i) - [0.3, 0.2])) < 0.05),
    "ring": lambda r, i: abs(distance(r, i, me(r)) - 0.4) < 0.05,
    "closest": lambda r, i: all(distance(r, i, me(r)) < distance(r, j, me(r)) for j in others(r, i)),
    "furthest": lambda r, i: all(distance(r, i, me(r)) > distance(r, j, me(r)) for j in others(r, i)),
    "closest_to_colour": lambda r, i: (
        to_red(r, i) < 90 and all(to_red(r, i) < to_red(r, j) for j in others(r, i))
    ),
    "leftmost": lambda r, i: all(r["positions"][-1, i, 0] < r["positions"][-1, j, 0] for j in others(r, i)),
    "rightmost": lambda r, i: all(r["positions"][-1, i, 0] > r["positions"][-1, j, 0] for j in others(r, i)),
    "topmost": lambda r, i: all(r["positions"][-1, i, 1] > r["positions"][-1, j, 1] for j in others(r, i)),
    "bottommost": lambda r, i: all(r["positions"][-1, i, 1] < r["positions"][-1, j, 1] for j in others(r, i)),
    "largest": lambda r, i: all(r["sizes"][i] > r["sizes"][j] for j in others(r, i)),
    "smallest": lambda r, i: all(r["sizes"][i] < r["sizes"][j] for j in others(r, i)),
    "red": lambda r, i: colour(r, i) == 0,
    "green": lambda r, i: colour(r, i) == 1,
    "blue": lambda r, i: colour(r, i) == 2,
    "same_colour_as_marker": lambda r, i: colour(r, i) == colour(r, me(r)),
    "odd_one_out": lambda r, i: all(colour(r, i) != colour(r, j) for j in others(r, i)),
    "large": lambda r, i: bool(r["sizes"][i] > 0.06),
    "small": lambda r, i: bool(r["sizes"][i] < 0.06),
    "still": lambda r, i: bool(speeds(r, i)[4:].max() < 0.05),
    "slow": lambda r, i: bool(0.05 < speeds(r, i)[1:].min() and speeds(r, i)[1:].max() < 0.35),
    "fast": lambda r, i: bool(speeds(r, i)[1:].min() > 0.7),
    "approach": lambda r, i: bool(gaps(r, i)[-1] < 0.25 and np.diff(gaps(r, i)).max() < 0.06),
    "follow": lambda r, i: bool(gaps(r, i)[8:].max() < 0.36),
}


def regular(count: int) -> Callable[[np.ndarray], bool]:
    """All distances from the centre alike, and all gaps of angle: a regular polygon."""

    def judge(points: np.ndarray) -> bool:
        p = points - points.mean(0)
        angles = np.sort(np.arctan2(p[:, 1], p[:, 0]))
        turns = np.diff(np.append(angles, angles[0] + 2 * np.pi))
        return bool(np.ptp(np.hypot(*p.T)) < 1e-4 and np.ptp(turns) < 1e-3 and len(points) == count)

    return judge


def straight(points: np.ndarray) -> bool:
    return bool(np.linalg.svd(points - points.mean(0), compute_uv=False)[-1] < 1e-5)


def right_angled(points: np.ndarray) -> bool:
    gaps = sorted(np.hypot(*(points[i] - points[j])) for i, j in combinations(range(4), 2))
    return bool(np.ptp(gaps[4:]) < 1e-5 and np.isclose(gaps[0] ** 2 + gaps[2] ** 2, gaps[4] ** 2, atol=1e-5)
                and abs(gaps[0] - gaps[1]) < 1e-5 and abs(gaps[2] - gaps[3]) < 1e-5)  # fmt: skip


def letter(points: np.ndarray) -> bool:
    gaps = np.array(sorted(np.hypot(*(points[i] - points[j])) for i, j in combinations(range(4), 2)))
    return bool(np.allclose(gaps / gaps[0], np.sqrt([1, 1, 1, 2, 4, 5]), atol=1e-3))


def evenly(points: np.ndarray) -> bool:
    axis = points[np.argmax(np.hypot(*(points - points[0]).T))] - points[0]
    return straight(points) and bool(np.ptp(np.diff(np.sort(points @ axis))) < 1e-5)


GROUPS: dict[str, Callable[[np.ndarray], bool]] = {
    "line": straight,
    "horizontal_line": lambda p: bool(np.ptp(p[:, 1]) < 1e-5),
    "vertical_line": lambda p: bool(np.ptp(p[:, 0]) < 1e-5),
    "diagonal_line": lambda p: bool(min(np.ptp(p[:, 0] - p[:, 1]), np.ptp(p[:, 0] + p[:, 1])) < 1e-5),
    "evenly_spaced_line": evenly,
    "triangle": regular(3),
    "square": regular(4),
    "rectangle": right_angled,
    "pentagon": regular(5),
    "circle": regular(6),
    "l_shape": letter,
    "cluster": lambda p: bool(np.hypot(*(p - p.mean(0)).T).max() < 0.2),
}


def rows(event: Event) -> list[Row]:
    return [{k: np.asarray(v[i]) for k, v in vars(event).items()} for i in range(len(event.sizes))]


def test_every_identified_concept_has_an_independent_definition() -> None:
    counted = {"one", "two", "three", "more_than_three"}
    assert set(IDENTIFIED) == set(ORACLES) | set(GROUPS) | counted


@pytest.mark.parametrize("name", ORACLES)
def test_the_mask_is_what_the_words_say(name: str) -> None:
    event = concepts.get(name).demonstrations(60, 4, (4, 9), mode="identify")
    for row in rows(event):
        meant = {i for i in candidates(row) if ORACLES[name](row, i)}
        assert meant == set(np.flatnonzero(row["attention"] > 0.5).tolist())


@pytest.mark.parametrize("name", GROUPS)
def test_no_other_group_of_that_size_forms_the_shape(name: str) -> None:
    event = concepts.get(name).demonstrations(25, 4, mode="identify")
    for row in rows(event):
        size = int(row["attention"].sum())
        found = [
            g for g in combinations(candidates(row), size) if GROUPS[name](row["positions"][-1, list(g)])
        ]
        assert found == [tuple(np.flatnonzero(row["attention"] > 0.5).tolist())]


@pytest.mark.parametrize("name", GROUPS)
def test_the_second_best_group_is_off_by_a_margin(name: str) -> None:
    concept = concepts.get(name)
    event = concept.demonstrations(10, 6, mode="identify")
    assert concept.generation is not None
    whole = event.replace(attention=event.attention)
    size = int(event.attention[0].sum())

    def error(points: Any, weights: Any) -> Any:  # noqa: ANN401
        shape = points.shape[:-2]
        blank = whole[0].map(
            lambda a: np.broadcast_to(a, (*np.broadcast_shapes(shape, weights.shape[:-1]), *a.shape))
        )
        points = np.broadcast_to(points, (*weights.shape, 2))
        return concept.generation.error(blank.replace(positions=points[..., None, :, :], attention=weights))  # type: ignore[union-attr]

    errors = np.sort(subset_errors(event, error, size)[0], axis=-1)
    assert (errors[:, 0] < 1e-5).all()
    assert (errors[:, 1] > 0.05).all()


@pytest.mark.parametrize("name", ["one", "two", "three", "more_than_three"])
def test_quantities_by_brute_force_over_all_masks(name: str) -> None:
    concept = concepts.get(name)
    event = concept.demonstrations(1, 3, 6, mode="identify")
    for bits in product([0.0, 1.0], repeat=6):
        attention = np.array([bits])
        count = int(attention.sum())
        wanted = {"one": count == 1, "two": count == 2, "three": count == 3, "more_than_three": count > 3}[
            name
        ]
        masked = event.replace(attention=attention)
        assert bool(concept.satisfied(masked, "identify")[0]) == wanted
        least = {"one": 1, "two": 2, "three": 3, "more_than_three": 4}[name]
        missing = max(least - count, 0) if name == "more_than_three" else abs(least - count)
        assert concept.error(masked, "identify")[0] == missing


@pytest.mark.parametrize("name", sorted(set(ORACLES) - {"still", "slow", "fast", "approach", "follow"}))
def test_a_small_displacement_leaves_the_mask_alone(name: str) -> None:
    event = concepts.get(name).demonstrations(60, 9, mode="identify")
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, event.positions.shape)
    part = concepts.get(name).part("identify")
    assert isinstance(part, Identification)
    shifted = event.replace(positions=event.positions + noise)
    assert np.array_equal(part.mask(shifted), event.attention > 0.5)


def test_masks_of_scenes_that_show_no_instance_are_empty() -> None:
    scattered = concepts.get("scattered").demonstrations(1, 0, 6)
    for name in GROUPS:
        if name not in ("cluster",):
            mask = concepts.get(name).part("identify").mask(scattered)  # type: ignore[union-attr]
            error = concepts.get(name).error(scattered.replace(attention=mask.astype(float)), "identify")
            formed = mask.any()
            assert error[0] == 0
            if formed:
                whole = scattered.replace(attention=mask.astype(float), movable=mask)
                assert concepts.get(name).satisfied(whole, "generate").all()
    red = concepts.get("red").demonstrations(1, 0, 5, mode="identify")
    coloured = [np.tile(np.eye(3)[c], (1, 5, 1)) for c in (0, 1)]
    for colors in coloured:  # all red, or none
        event = red.replace(colors=colors)
        assert not concepts.get("closest_to_colour").part("identify").mask(event).any()  # type: ignore[union-attr]
    odd = red.replace(colors=np.eye(3)[[[0, 0, 0, 1, 2]]])
    assert not concepts.get("odd_one_out").part("identify").mask(odd).any()  # type: ignore[union-attr]
