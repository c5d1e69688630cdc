"""Small geometry in array-API functions: safe where a gradient is taken, for NumPy and torch alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Bool, Float

from .event import Array

_TINY = 1e-6
_LEAST_MASS = 1e-3


def namespace(array: Array) -> Any:  # noqa: ANN401  (a module: numpy, or torch behind the standard's names)
    """The array-API namespace of an array; NumPy's own for NumPy arrays, where calls are cheapest."""
    return np if isinstance(array, (np.ndarray, np.generic)) else array_namespace(array)


def slots(like: Array, count: int) -> Array:
    """The integers 0 to ``count`` - 1, on the device of ``like``."""
    return np.arange(count) if namespace(like) is np else namespace(like).arange(count, device=like.device)


def pairs_of(mask: Bool[Array, "*batch n"]) -> Bool[Array, "*batch n n"]:
    """Pairs of different entities under the mask."""
    index = slots(mask, mask.shape[-1])
    return mask[..., None, :] & mask[..., :, None] & (index != index[:, None])


def constant(array: np.ndarray, like: Array) -> Array:
    """A NumPy constant as an array of the kind, device and, if it holds floats, dtype of ``like``."""
    if namespace(like) is np:
        return array.astype(like.dtype) if array.dtype.kind == "f" else array
    xp = namespace(like)
    return xp.asarray(array, dtype=like.dtype if array.dtype.kind == "f" else None, device=like.device)


def at_least(values: Float[Array, "*shape"], low: float) -> Float[Array, "*shape"]:
    """Elementwise maximum with a number."""
    return np.maximum(values, low) if namespace(values) is np else values.clamp(min=low)


def at_most(values: Float[Array, "*shape"], high: float) -> Float[Array, "*shape"]:
    """Elementwise minimum with a number."""
    return np.minimum(values, high) if namespace(values) is np else values.clamp(max=high)


def hinge(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Positive part, max(x, 0)."""
    return at_least(values, 0.0)


def root(squares: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root, of negative rounding errors too, with a finite gradient at zero.

    Where gradients are taken, it is linear below 1e-12, which changes values by less than 1e-6.
    """
    xp = namespace(squares)
    if xp is np:
        return np.sqrt(np.maximum(squares, 0.0))
    near_zero = squares < _TINY * _TINY
    safe = xp.where(near_zero, xp.ones_like(squares), squares)
    return xp.where(near_zero, hinge(squares) / _TINY, xp.sqrt(safe))


def length(vectors: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
    """Euclidean length along the last axis, with a finite gradient at zero."""
    x, y = vectors[..., 0], vectors[..., 1]
    squares = x * x + y * y
    return np.sqrt(squares) if namespace(vectors) is np else root(squares)


def as_weights(mask: Array, like: Array) -> Float[Array, "*shape"]:
    """Casts a mask to the floating dtype of ``like``."""
    xp = namespace(like)
    if namespace(mask) is np:
        return np.asarray(mask, dtype=like.dtype)
    return xp.astype(mask, like.dtype)


def total(values: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*rest"]:
    """Sum along a short axis, term by term.

    A row of a batch has to come out like the same row on its own, to the last bit; but from eight
    terms on, NumPy's own sum adds in an order that depends on the memory layout.
    """
    xp = namespace(values)
    if xp is not np:
        return xp.sum(values, axis=axis)
    if values.shape[axis] < 8 and values.size < 4096:
        return np.add.reduce(values, axis=axis)
    behind = (slice(None),) * (-1 - axis)
    result = values[(..., 0, *behind)]
    for i in range(1, values.shape[axis]):
        result = result + values[(..., i, *behind)]
    return result


def mean(points: Float[Array, "*#batch n 2"], weights: Float[Array, "*#batch n"]) -> Float[Array, "... 2"]:
    """Weighted mean of points; zero where all weights are zero."""
    mass = at_least(total(weights), _LEAST_MASS)
    return total(points * weights[..., None], axis=-2) / mass[..., None]


def maximum_over(values: Float[Array, "*#batch n"], mask: Bool[Array, "*#batch n"]) -> Float[Array, ...]:
    """Largest value under the mask; zero where the mask is empty. Values are taken to be >= 0."""
    xp = namespace(values)
    if xp is np:
        return np.maximum.reduce(np.where(mask, values, 0.0), axis=-1)
    return xp.amax(xp.where(mask, values, 0.0), dim=-1)


def minimum_over(
    values: Float[Array, "*#batch n"], mask: Bool[Array, "*#batch n"], empty: float
) -> Float[Array, ...]:
    """Smallest value under the mask; ``empty`` where the mask is empty, and never more than that."""
    xp = namespace(values)
    return xp.min(xp.where(mask, values, empty), axis=-1)


def root_mean_square(
    values: Float[Array, "*#batch n"], weights: Float[Array, "*#batch n"]
) -> Float[Array, ...]:
    """Weighted root mean square along the last axis; zero where all weights are zero."""
    return root(total(values * values * weights) / at_least(total(weights), _LEAST_MASS))


def pairwise(points: Float[Array, "*batch n 2"]) -> Float[Array, "*batch n n 2"]:
    """Differences, entry [i, j] being point j minus point i."""
    return points[..., None, :, :] - points[..., :, None, :]


def to_segment(
    points: Float[Array, "*#shape 2"], start: Float[Array, "*#shape 2"], end: Float[Array, "*#shape 2"]
) -> Float[Array, ...]:
    """Distance of points to segments (shapes broadcast)."""
    along = end - start
    share = total((points - start) * along) / at_least(total(along * along), _TINY)
    share = at_most(hinge(share), 1.0)
    return length(points - start - share[..., None] * along)
