"""Shapes: how far a set of points is from a line, a square, a circle, and where the nearest one is.

Every function takes points (..., N, 2) and weights (..., N), 1 on the points that are meant. A
distance is the root mean square displacement of those points, in units of the plane; a projection
returns all points, the meant ones moved onto the shape. Shapes with corners are fitted by a
similarity (Procrustes in the complex plane: for a centred template z with |z| = 1 and centred
points p, the best scaled rotation is <z, p>, and the squared distance |p|^2 - 2 s |<z, p>| + s^2
at scale s), over all assignments of points to corners.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from .event import Array
from .geometry import (
    at_least,
    at_most,
    constant,
    hinge,
    length,
    mean,
    namespace,
    pairs_of,
    pairwise,
    root,
    root_mean_square,
    total,
)
from .geometry import slots as index_of

Distance: TypeAlias = Callable[[Array, Array], Array]
Projection: TypeAlias = Callable[[Array, Array], Array]

SPACING = 0.15
"""Least distance between neighbours in a line, so that a heap of points is no line."""

RADII = (0.25, 0.65)
"""Smallest and largest root mean square radius of a shape with corners, and of a circle."""

SHORTEST_SIDE = 0.2
_COLLAPSED = 1e-6
CLUSTER_RADIUS = 0.2
SCATTER_DISTANCE = 0.55


@dataclass(frozen=True)
class Template:
    """A shape given by its corners.

    Attributes:
        corners: All distinct assignments of points to corners, centred, of length one, (O, K, 2).
    """

    corners: Float[np.ndarray, "orders k 2"]

    @property
    def size(self) -> int:
        """Number of corners, K."""
        return int(self.corners.shape[1])


def template(corners: list[tuple[float, float]], *, mirrored: bool = False) -> Template:
    """Makes a template of corners in any position and scale; ``mirrored`` admits the mirror image."""
    shape = np.array(corners, dtype=np.float64)
    shape -= shape.mean(0)
    shape /= np.sqrt((shape**2).sum())
    faces = [shape, shape * [1.0, -1.0]] if mirrored else [shape]
    orders = np.concatenate(
        [face[list(order)][None] for face in faces for order in permutations(range(len(shape)))]
    )
    return Template(_distinct(orders))


def _distinct(orders: np.ndarray) -> np.ndarray:
    """Drops assignments which are rotations of an earlier one, as the fit finds those by itself."""
    flat = orders[..., 0] + 1j * orders[..., 1]
    kept: list[int] = []
    for i in range(len(flat)):
        overlap = np.abs(flat[kept].conj() @ flat[i]) if kept else np.zeros(1)
        if overlap.max() < 1 - 1e-9:
            kept.append(i)
    return orders[kept]


def polygon(sides: int) -> Template:
    """The regular polygon."""
    angles = 2 * np.pi * np.arange(sides) / sides
    return template([(float(np.cos(a)), float(np.sin(a))) for a in angles])


def clamped(values: Array, low: float, high: float) -> Array:
    """Values cut to a range."""
    return at_most(at_least(values, low), high)


def _gather(points: Array, weights: Array, size: int) -> tuple[Array, Array]:
    """The first ``size`` meant points, (..., K, 2), and their slots, (..., K)."""
    xp = namespace(points)
    if points.shape[-2] < size:
        raise ValueError(f"the shape has {size} corners, but the event has {points.shape[-2]} entities")
    slots = xp.argsort(-weights, axis=-1, stable=True)[..., :size]
    index = xp.broadcast_to(slots[..., None], (*slots.shape, 2))
    points = xp.broadcast_to(points, (*slots.shape[:-1], *points.shape[-2:]))
    return xp.take_along_axis(points, index, axis=-2), slots


def _scatter(points: Array, weights: Array, slots: Array, places: Array) -> Array:
    """All points, the meant ones put to ``places``, (..., K, 2), by slot."""
    xp = namespace(points)
    hit = (slots[..., None] == index_of(points, points.shape[-2])) & (weights[..., None, :] > 0.5)
    moved = total(
        xp.where(hit[..., None], places[..., None, :], xp.zeros_like(places[..., None, :])), axis=-3
    )
    return xp.where(xp.any(hit, axis=-2)[..., None], moved, points)


def _miscount(weights: Array, size: int) -> Array:
    """A whole unit for each point too many or too few."""
    xp = namespace(weights)
    return xp.abs(total(weights, axis=-1) - size)


def _correlate(points: Array, shape: Template) -> tuple[Array, Array, Array, Array]:
    """Centre, centred points, and both parts of <z, p> for every assignment, (..., O)."""
    corners = constant(shape.corners, points)
    centre = total(points, axis=-2)[..., None, :] / points.shape[-2]
    p = (points - centre)[..., None, :, :]
    real = total(corners[..., 0] * p[..., 0] + corners[..., 1] * p[..., 1], axis=-1)
    imaginary = total(corners[..., 0] * p[..., 1] - corners[..., 1] * p[..., 0], axis=-1)
    return centre, points - centre, real, imaginary


def _scale(match: Array, size: int) -> Array:
    return clamped(match, RADII[0] * size**0.5, RADII[1] * size**0.5)


def to_template(shape: Template) -> Distance:
    """Distance to the nearest copy of the template of any place, rotation and admissible scale."""

    def distance(points: Array, weights: Array) -> Array:
        xp = namespace(points)
        meant, _ = _gather(points, weights, shape.size)
        _, centred, real, imaginary = _correlate(meant, shape)
        match = root(xp.max(real * real + imaginary * imaginary, axis=-1))
        scale = _scale(match, shape.size)
        squared = total(total(centred * centred)) - 2 * scale * match + scale * scale
        return root(hinge(squared) / shape.size) + _miscount(weights, shape.size)

    return distance


def onto_template(shape: Template) -> Projection:
    """Projection onto the nearest copy of the template (NumPy)."""

    def project(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        meant, slots = _gather(points, weights, shape.size)
        centre, _, real, imaginary = _correlate(meant, shape)
        best = np.argmax(real**2 + imaginary**2, axis=-1)[..., None]
        turn = np.take_along_axis(real, best, -1) + 1j * np.take_along_axis(imaginary, best, -1)
        corners = shape.corners[best[..., 0]]
        turn *= _scale(np.abs(turn), shape.size) / np.maximum(np.abs(turn), 1e-12)
        places = turn * (corners[..., 0] + 1j * corners[..., 1])
        return np.asarray(
            _scatter(points, weights, slots, centre + np.stack([places.real, places.imag], axis=-1))
        )

    return project


_QUADS = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2))


def _rectangle_parts(meant: Array) -> tuple[Array, Array, Array, Array]:
    """Skew, half diagonals, (..., 3, 2), and the fit's shorter side, (..., 3), for the three ways round."""
    xp = namespace(meant)
    a, b, c, d = (xp.stack([meant[..., quad[i], :] for quad in _QUADS], axis=-2) for i in range(4))
    u, v = (a - c) / 2, (b - d) / 2
    size = length(u) + length(v)
    equal_u = u * (size / 2 / at_least(length(u), _COLLAPSED))[..., None]
    equal_v = v * (size / 2 / at_least(length(v), _COLLAPSED))[..., None]
    return (a - b + c - d) / 4, u, v, xp.minimum(length(equal_u - equal_v), length(equal_u + equal_v))


def to_rectangle(points: Array, weights: Array) -> Array:
    """Distance to the nearest rectangle: diagonals that halve each other and are of equal length.

    With skew k = (a - b + c - d) / 4 and half diagonals u, v, the squared displacement of the four
    points is 4 |k|^2 + (|u| - |v|)^2. What the fit's shorter side lacks to ``SHORTEST_SIDE`` is added.
    """
    xp = namespace(points)
    meant, _ = _gather(points, weights, 4)
    skew, u, v, side = _rectangle_parts(meant)
    unequal = length(u) - length(v)
    squared = total(skew * skew, axis=-1) + unequal * unequal / 4
    return xp.min(root(squared) + hinge(SHORTEST_SIDE - side), axis=-1) + _miscount(weights, 4)


def onto_rectangle(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Projection onto the nearest rectangle (NumPy)."""
    meant, slots = _gather(points, weights, 4)
    skew, u, v, side = _rectangle_parts(meant)
    squared = (skew**2).sum(-1) + (length(u) - length(v)) ** 2 / 4
    best = np.argmin(np.sqrt(squared) + hinge(SHORTEST_SIDE - side), axis=-1)[..., None]
    u, v = (np.take_along_axis(part, best[..., None], -2)[..., 0, :] for part in (u, v))
    radius = (length(u) + length(v))[..., None] / 2
    u, v = (radius * part / np.maximum(length(part)[..., None], 1e-12) for part in (u, v))
    quads = np.array(_QUADS)[best[..., 0]]
    corners = np.stack([u, v, -u, -v], axis=-2)
    places = np.take_along_axis(corners, np.argsort(quads, axis=-1)[..., None], -2)
    return np.asarray(_scatter(points, weights, slots, meant.mean(-2, keepdims=True) + places))


def ranks(values: Array, weights: Array) -> Array:
    """Rank of every value among the meant ones, (..., N); the slot decides between equals."""
    xp = namespace(values)
    slots = index_of(values, values.shape[-1])
    mine, other = values[..., :, None], values[..., None, :]
    before = (other < mine) | ((other == mine) & (slots < slots[:, None]))
    return total(xp.where(before, weights[..., None, :], xp.zeros_like(mine)), axis=-1)


def _circle_places(points: Array, weights: Array) -> Array:
    """Places evenly spread on the best circle, in the points' order around their mean, (..., N, 2)."""
    xp = namespace(points)
    count = at_least(total(weights), 1.0)[..., None]
    centre = mean(points, weights)[..., None, :]
    p = points - centre
    angle = 2 * np.pi * ranks(xp.atan2(p[..., 1], p[..., 0]), weights) / count
    cosine, sine = xp.cos(angle) * weights, xp.sin(angle) * weights
    real = total(cosine * p[..., 0] + sine * p[..., 1], axis=-1)[..., None] / count
    imaginary = total(cosine * p[..., 1] - sine * p[..., 0], axis=-1)[..., None] / count
    radius = root(real * real + imaginary * imaginary)
    factor = clamped(radius, *RADII) / at_least(radius, _COLLAPSED)
    # A heap has no direction of its own: it is asked to spread along x.
    real = xp.where(radius < _COLLAPSED, RADII[0] + real, real * factor)
    imaginary = imaginary * factor
    return centre + xp.stack([cosine * real - sine * imaginary, cosine * imaginary + sine * real], axis=-1)


def to_circle(points: Array, weights: Array) -> Array:
    """Distance to points evenly spread on a circle, in the order of their angles."""
    return root_mean_square(length(points - _circle_places(points, weights)), weights)


def onto_circle(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Projection onto places evenly spread on a circle."""
    return np.where(weights[..., None] > 0.5, _circle_places(points, weights), points)


def main_axis(points: Array, weights: Array) -> tuple[Array, Array]:
    """Mean, (..., 1, 2), and direction of the line of least squared distances, (..., 1, 2)."""
    xp = namespace(points)
    centre = mean(points, weights)[..., None, :]
    p = points - centre
    xx, yy, xy = (total(p[..., i] * p[..., j] * weights, axis=-1) for i, j in ((0, 0), (1, 1), (0, 1)))
    angle = xp.atan2(2 * xy, xx - yy) / 2
    return centre, xp.stack([xp.cos(angle), xp.sin(angle)], axis=-1)[..., None, :]


def _across(points: Array, weights: Array, axis: Array) -> Array:
    """Signed distances to the line through the mean along a unit axis, (..., N)."""
    p = points - mean(points, weights)[..., None, :]
    return axis[..., 0] * p[..., 1] - axis[..., 1] * p[..., 0]


def crowding(points: Array, weights: Array, apart: float) -> Array:
    """How much the closest two of the meant points lack to a distance of ``apart``, (...,)."""
    xp = namespace(points)
    pairs = pairs_of(weights > 0.5)
    lacking = hinge(apart - length(pairwise(points)))
    return xp.max(xp.where(pairs, lacking, xp.zeros_like(lacking)), axis=(-2, -1))


def to_line(*axes: tuple[float, float]) -> Distance:
    """Distance to the nearest line along one of the axes, or along any if none is named.

    What the closest two points lack to ``SPACING`` is added.
    """

    def distance(points: Array, weights: Array) -> Array:
        xp = namespace(points)
        options = [constant(np.array(axis), points) for axis in axes] or [main_axis(points, weights)[1]]
        away = [root_mean_square(_across(points, weights, option), weights) for option in options]
        nearest = away[0] if len(away) == 1 else xp.minimum(*away)
        return nearest + crowding(points, weights, SPACING)

    return distance


def _spread(along: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Nearest coordinates with neighbours ``SPACING`` apart, in the same order, (..., N).

    With the due spacing taken off, this is isotonic regression, whose solution is the max-min of
    means (Robertson, Wright, Dykstra: Order restricted statistical inference, 1988, theorem 1.4.4).
    """
    aim = SPACING + 1e-6
    rank = np.where(weights > 0.5, ranks(along, weights), np.arange(weights.shape[-1]) + 100.0)
    order = np.argsort(rank, axis=-1)
    kept = np.take_along_axis(weights, order, -1)
    excess = np.take_along_axis(along, order, -1) - aim * np.arange(weights.shape[-1])
    sums = np.cumsum(np.where(kept > 0.5, excess, 0.0), axis=-1)
    sums = np.concatenate([np.zeros_like(sums[..., :1]), sums], axis=-1)
    first, last = np.arange(weights.shape[-1])[:, None], np.arange(weights.shape[-1])
    means = (sums[..., None, 1:] - sums[..., :-1, None]) / np.maximum(last - first + 1, 1)
    ends = (last >= first) & (kept[..., None, :] > 0.5)
    means = np.where(ends, means, np.inf)
    smallest = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
    smallest = np.where(last >= first, smallest, -np.inf)
    fitted = np.where(kept > 0.5, smallest.max(-2), 0.0) + aim * np.arange(weights.shape[-1])
    return np.take_along_axis(fitted, np.argsort(order, axis=-1), -1)


def onto_line(*axes: tuple[float, float]) -> Projection:
    """Projection onto the nearest such line, neighbours pushed apart along it (NumPy)."""

    def project(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        options = [np.broadcast_to(np.array(a), (*points.shape[:-2], 1, 2)) for a in axes]
        options = options or [main_axis(points, weights)[1]]
        away = np.stack([(_across(points, weights, option) ** 2 * weights).sum(-1) for option in options])
        best = np.argmin(away, axis=0)
        axis = np.where((best == 0)[..., None, None], options[0], options[-1])
        centre = mean(points, weights)[..., None, :]
        along = _spread(((points - centre) * axis).sum(-1), weights)
        return np.where(weights[..., None] > 0.5, centre + along[..., None] * axis, points)

    return project


def _even_places(points: Array, weights: Array) -> Array:
    """Evenly spaced places along the main axis, in the points' order along it, (..., N, 2)."""
    xp = namespace(points)
    centre, axis = main_axis(points, weights)
    count = total(weights, axis=-1)[..., None]
    along = total((points - centre) * axis, axis=-1)
    step = (ranks(along, weights) - (count - 1) / 2) * weights
    squares = total(step * step, axis=-1)[..., None]
    spacing = total(step[..., None] * (points - centre), axis=-2) / at_least(squares, 0.5)
    size = length(spacing)[..., None]
    spread = spacing * (clamped(size, SPACING, 0.6) / at_least(size, _COLLAPSED))
    spacing = xp.where(size < _COLLAPSED, spacing + SPACING * axis[..., 0, :], spread)
    return centre + step[..., None] * spacing[..., None, :]


def to_even_line(points: Array, weights: Array) -> Array:
    """Distance to places evenly spaced on a line."""
    return root_mean_square(length(points - _even_places(points, weights)), weights)


def onto_even_line(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Projection onto places evenly spaced on a line."""
    return np.where(weights[..., None] > 0.5, _even_places(points, weights), points)


def to_cluster(points: Array, weights: Array) -> Array:
    """How far the points reach out of the disc of radius ``CLUSTER_RADIUS`` around their mean."""
    away = length(points - mean(points, weights)[..., None, :])
    return root_mean_square(hinge(away - CLUSTER_RADIUS), weights)


def onto_cluster(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Draws the points together about their mean until they lie within the disc."""
    centre = mean(points, weights)[..., None, :]
    reach = (length(points - centre) * weights).max(-1)[..., None, None]
    factor = np.minimum(1.0, (CLUSTER_RADIUS - 1e-6) / np.maximum(reach, 1e-9))
    return np.where(weights[..., None] > 0.5, centre + (points - centre) * factor, points)


def to_scattered(points: Array, weights: Array) -> Array:
    """How much the closest two points lack to ``SCATTER_DISTANCE``."""
    return crowding(points, weights, SCATTER_DISTANCE)


def onto_scattered(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pushes close pairs apart, each point by half of what is lacking, within the walls."""
    aim = SCATTER_DISTANCE + 0.02
    for _ in range(60):
        difference = pairwise(points)
        distance = length(difference)
        pairs = weights[..., None, :] * weights[..., :, None]
        push = (hinge(aim - distance) * pairs / 2 / np.maximum(distance, 1e-9))[..., None]
        points = points - (push * difference).sum(-2)
        points = np.where(weights[..., None] > 0.5, clamped(points, -0.88, 0.88), points)
    return points
