"""Small geometry in array-API functions: safe where a gradient is taken, for NumPy and torch alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Bool, Float

from .event import Array

_TINY = 1e-9


def namespace(array: Array) -> Any:  # noqa: ANN401  (a module: numpy, or torch behind the standard's names)
    """The array-API namespace of an array; NumPy's own for NumPy arrays, where calls are cheapest."""
    return np if isinstance(array, (np.ndarray, np.generic)) else array_namespace(array)


def hinge(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Positive part, max(x, 0)."""
    xp = namespace(values)
    return xp.maximum(values, xp.zeros_like(values))


def root(squares: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root with a finite gradient at zero: linear below 1e-18, and zero there exactly."""
    xp = namespace(squares)
    near_zero = squares < _TINY * _TINY
    safe = xp.where(near_zero, xp.ones_like(squares), squares)
    return xp.where(near_zero, hinge(squares) / _TINY, xp.sqrt(safe))


def length(vectors: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
    """Euclidean length along the last axis, with a finite gradient at zero."""
    x, y = vectors[..., 0], vectors[..., 1]
    return root(x * x + y * y)


def as_weights(mask: Array, like: Array) -> Float[Array, "*shape"]:
    """Casts a mask to the floating dtype of ``like``."""
    xp = namespace(like)
    if namespace(mask) is np:
        return np.asarray(mask, dtype=like.dtype)
    return xp.astype(mask, like.dtype)


def mean(points: Float[Array, "*batch n 2"], weights: Float[Array, "*batch n"]) -> Float[Array, "*batch 2"]:
    """Weighted mean of points; zero where all weights are zero."""
    xp = namespace(points)
    total = xp.sum(weights, axis=-1)[..., None]
    return xp.sum(points * weights[..., None], axis=-2) / xp.where(total > 0, total, xp.ones_like(total))


def maximum_over(values: Float[Array, "*batch n"], mask: Bool[Array, "*batch n"]) -> Float[Array, "*batch"]:
    """Largest value under the mask; zero where the mask is empty. Values are taken to be >= 0."""
    xp = namespace(values)
    return xp.max(xp.where(mask, values, xp.zeros_like(values)), axis=-1)


def minimum_over(
    values: Float[Array, "*batch n"], mask: Bool[Array, "*batch n"], empty: float
) -> Float[Array, "*batch"]:
    """Smallest value under the mask; ``empty`` where the mask is empty, and never more than that."""
    xp = namespace(values)
    return xp.min(xp.where(mask, values, xp.full_like(values, empty)), axis=-1)


def root_mean_square(
    values: Float[Array, "*batch n"], weights: Float[Array, "*batch n"]
) -> Float[Array, "*batch"]:
    """Weighted root mean square along the last axis; zero where all weights are zero."""
    xp = namespace(values)
    total = xp.sum(weights, axis=-1)
    mean_square = xp.sum(values * values * weights, axis=-1) / xp.where(total > 0, total, xp.ones_like(total))
    return root(mean_square)


def pairwise(points: Float[Array, "*batch n 2"]) -> Float[Array, "*batch n n 2"]:
    """Differences, entry [i, j] being point j minus point i."""
    return points[..., None, :, :] - points[..., :, None, :]


def cross(a: Float[Array, "*a 2"], b: Float[Array, "*b 2"]) -> Float[Array, "*c"]:
    """Cross product of plane vectors: positive when b lies counter-clockwise of a."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def to_segment(
    points: Float[Array, "*p 2"], start: Float[Array, "*s 2"], end: Float[Array, "*s 2"]
) -> Float[Array, "*d"]:
    """Distance of points to segments (shapes broadcast)."""
    xp = namespace(points)
    along = end - start
    squared = xp.sum(along * along, axis=-1)
    share = xp.sum((points - start) * along, axis=-1) / xp.where(squared > 0, squared, xp.ones_like(squared))
    share = xp.minimum(hinge(share), xp.ones_like(share))
    return length(points - start - share[..., None] * along)
