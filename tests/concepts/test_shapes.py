from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conceptgym.concepts import shapes
from hypothesis import given
from hypothesis import strategies as st

ONES = np.ones
L = shapes.template([(0.0, 2.0), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0)], mirrored=True)
EXACT: dict[str, tuple[Any, Any, int]] = {
    "triangle": (shapes.to_template(shapes.polygon(3)), shapes.onto_template(shapes.polygon(3)), 3),
    "square": (shapes.to_template(shapes.polygon(4)), shapes.onto_template(shapes.polygon(4)), 4),
    "pentagon": (shapes.to_template(shapes.polygon(5)), shapes.onto_template(shapes.polygon(5)), 5),
    "l_shape": (shapes.to_template(L), shapes.onto_template(L), 4),
    "circle": (shapes.to_circle, shapes.onto_circle, 6),
    "even_line": (shapes.to_even_line, shapes.onto_even_line, 4),
}


def cloud(seed: int, count: int, extra: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = rng.permutation((np.arange(count + extra) < count).astype(float))
    return rng.uniform(-0.8, 0.8, (count + extra, 2)), weights


@pytest.mark.parametrize("name", EXACT)
@given(seed=st.integers(0, 10**6))
def test_distance_is_the_way_to_the_projection(name: str, seed: int) -> None:
    distance, project, count = EXACT[name]
    points, weights = cloud(seed, count)
    target = project(points, weights)
    way = np.sqrt(((points - target) ** 2).sum(-1) @ weights / count)
    assert np.isclose(distance(points, weights), way, atol=1e-9)
    assert np.isclose(distance(target, weights), 0, atol=1e-6)
    assert np.array_equal(target[weights == 0], points[weights == 0])


@pytest.mark.parametrize("name", ["triangle", "square", "pentagon", "l_shape"])
def test_no_other_copy_of_the_template_is_nearer(name: str) -> None:
    distance, _, count = EXACT[name]
    shape = {"l_shape": L}.get(name) or shapes.polygon(count)
    rng = np.random.default_rng(0)
    for seed in range(20):
        points, _ = cloud(seed, count, extra=0)
        best = float(distance(points, np.ones(count)))
        for _ in range(300):
            corners = shape.corners[rng.integers(len(shape.corners))][rng.permutation(count)]
            angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(*shapes.RADII)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            other = points.mean(0) + radius * np.sqrt(count) * corners @ turn.T
            assert np.sqrt(((points - other) ** 2).sum() / count) >= best - 1e-9


def test_number_of_assignments() -> None:
    # Up to rotation, K points fit the corners of a regular K-gon in (K - 1)! ways.
    assert [len(shapes.polygon(k).corners) for k in (3, 4, 5)] == [2, 6, 24]
    assert len(L.corners) == 48


def test_square_known_answers() -> None:
    square = np.array([[0.3, 0.3], [-0.3, 0.3], [-0.3, -0.3], [0.3, -0.3]])
    distance = EXACT["square"][0]
    assert np.isclose(distance(square, ONES(4)), 0, atol=1e-7)
    assert np.isclose(distance(square[[2, 0, 3, 1]], ONES(4)), 0, atol=1e-7)
    # Stretched to the rectangle 0.8 by 0.4, every corner is (0.1, 0.1) from the square of 0.6.
    assert np.isclose(distance(square * [4 / 3, 2 / 3], ONES(4)), 0.1 * np.sqrt(2), atol=1e-7)
    # A square too small, of root mean square radius 0.1, has 0.15 to go.
    assert np.isclose(distance(square * (0.1 / 0.3 / np.sqrt(2)), ONES(4)), shapes.RADII[0] - 0.1, atol=1e-7)
    # One entity too few or too many costs a whole unit.
    assert distance(np.vstack([square, [[0.9, 0.9]]]), ONES(5)) >= 1


def test_rectangle_known_answers() -> None:
    rectangle = np.array([[0.5, 0.2], [-0.5, 0.2], [-0.5, -0.2], [0.5, -0.2]])
    for order in ([0, 1, 2, 3], [2, 0, 1, 3], [1, 3, 0, 2]):
        assert np.isclose(shapes.to_rectangle(rectangle[order], ONES(4)), 0, atol=1e-9)
    skewed = rectangle + np.array([[0.1, 0], [-0.1, 0], [0.1, 0], [-0.1, 0]])
    assert np.isclose(shapes.to_rectangle(skewed, ONES(4)), 0.1, atol=1e-9)
    assert shapes.to_rectangle(rectangle * [1, 0.25], ONES(4)) >= 0.099  # too thin


@given(st.integers(0, 10**6))
def test_rectangle_distance_is_the_way_to_the_projection(seed: int) -> None:
    points, weights = cloud(seed, 4)
    target = shapes.onto_rectangle(points, weights)
    way = np.sqrt(((points - target) ** 2).sum(-1) @ weights / 4)
    lacking = shapes.to_rectangle(target, weights)  # only the shorter side may still be too short
    assert np.isclose(shapes.to_rectangle(points, weights), way + lacking, atol=1e-6)


def test_line_known_answers() -> None:
    points = np.array([[-0.6, 0.1], [-0.2, -0.1], [0.2, -0.1], [0.6, 0.1]])
    horizontal = shapes.to_line((1.0, 0.0))
    assert np.isclose(horizontal(points, ONES(4)), 0.1)
    assert np.isclose(shapes.to_line((0.0, 1.0))(points, ONES(4)), np.sqrt(0.2))
    heap = np.array([[0.0, 0.0], [0.0, 0.0], [0.01, 0.0]])
    assert np.isclose(horizontal(heap, ONES(3)), shapes.SPACING)
    angle = 0.3
    turned = np.stack([np.linspace(-0.5, 0.5, 4) * f(angle) for f in (np.cos, np.sin)], axis=-1)
    assert np.isclose(shapes.to_line()(turned, ONES(4)), 0, atol=1e-9)


@given(st.integers(0, 10**6), st.integers(3, 6))
def test_projection_onto_lines_keeps_neighbours_apart(seed: int, count: int) -> None:
    points, weights = cloud(seed, count)
    for axes in ((), ((1.0, 0.0),), ((0.5**0.5, 0.5**0.5), (0.5**0.5, -(0.5**0.5)))):
        target = shapes.onto_line(*axes)(points * [1, 0.1], weights)
        assert np.isclose(shapes.to_line(*axes)(target, weights), 0, atol=1e-6)


def test_spread_is_the_nearest() -> None:
    along = np.array([0.0, 0.05, 0.9])
    got = shapes._spread(along, ONES(3))
    assert np.allclose(got, [-0.05, 0.1, 0.9], atol=1e-5)  # the close two share the way evenly


def test_circle_known_answers() -> None:
    angles = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    assert np.isclose(shapes.to_circle(0.4 * ring, ONES(6)), 0, atol=1e-9)
    assert np.isclose(shapes.to_circle(0.8 * ring, ONES(6)), 0.8 - shapes.RADII[1])
    assert np.isclose(shapes.to_circle(0.1 * ring, ONES(6)), shapes.RADII[0] - 0.1)


def test_cluster_and_scattered_known_answers() -> None:
    points = np.array([[-0.3, 0.0], [0.3, 0.0]])
    assert np.isclose(shapes.to_cluster(points, ONES(2)), 0.1)
    assert np.isclose(shapes.to_scattered(points / 3, ONES(2)), shapes.SCATTER_DISTANCE - 0.2)
    assert shapes.to_scattered(points, ONES(2)) == 0


@pytest.mark.parametrize("name", EXACT)
def test_torch_agrees_and_the_gradient_points_home(name: str) -> None:
    distance, project, count = EXACT[name]
    points, weights = cloud(3, count)
    free = torch.tensor(points, requires_grad=True)
    value = distance(free, torch.tensor(weights))
    assert np.isclose(value.item(), distance(points, weights), atol=1e-12)
    (value**2 * count / 2).backward()
    assert free.grad is not None
    assert np.allclose(free.grad.numpy(), points - project(points, weights), atol=1e-6)
