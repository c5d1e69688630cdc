"""Arrangements: shapes that the attended entities form together, wherever and however turned.

To generate one is to move the attended entities; to identify one is to find the K entities among
all that form it. Any solution counts, not one target; the error is the root mean square way that
the attended entities still have to go to the nearest solution.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from .. import shapes
from ..concept import TOLERANCE, Concept, Generation, Identification, moved
from ..event import Array, Event
from ..geometry import as_weights, constant, hinge, namespace, total
from ..shapes import Distance, Projection
from ..streams import Streams

_CHUNK = 200_000
"""Rows times subsets that are fitted at once: bounds the memory of the search."""


def _generation(distance: Distance, project: Projection, references: tuple[int, int]) -> Generation:
    def error(event: Event) -> Array:
        missing = hinge(references[0] - total(event.attention))
        return distance(event.final, event.attention) + missing

    def solve(streams: Streams, event: Event) -> np.ndarray:
        return moved(event, project(event.final, event.attention), event.attention > 0.5)

    return Generation(error, solve, actor="attended", references=references)


def subset_errors(event: Event, distance: Distance, size: int) -> tuple[Array, np.ndarray]:
    """Errors of all subsets of ``size`` entities, (..., S), and the subsets, (S, N) bool.

    Subsets with an entity that is no candidate have an error of 100. Padding at the end is left out.

    Raises:
        ValueError: The event has fewer entities than that.
    """
    xp = namespace(event.final)
    width = event.final.shape[-2]
    if width < size:
        raise ValueError(f"the shape has {size} entities, but the event has {width}")
    used = max([size, *(i + 1 for i in range(width) if bool(xp.any(event.present[..., i])))])
    members = np.array(list(combinations(range(used), size)))
    subsets = (members[..., None] == np.arange(width)).any(1)
    inside = constant(subsets, event.final)
    weights = as_weights(inside, event.final)
    eligible = xp.all(event.candidates[..., None, :] | ~inside, axis=-1)
    batch = event.final.shape[:-2]
    points = xp.reshape(event.final, (-1, 1, width, 2))
    step = max(1, _CHUNK // len(subsets))
    errors = xp.concat(
        [
            distance(chunk, xp.broadcast_to(weights, (chunk.shape[0], *weights.shape)))
            for chunk in (points[i : i + step] for i in range(0, points.shape[0], step))
        ],
        axis=0,
    )
    errors = xp.reshape(errors, (*batch, len(subsets)))
    return xp.where(eligible, errors, xp.full_like(errors, 100.0)), subsets


def _identification(distance: Distance, project: Projection, size: int, most: int) -> Identification:
    def mask(event: Event) -> Array:
        xp = namespace(event.final)
        errors, subsets = subset_errors(event, distance, size)
        formed = xp.any(errors <= TOLERANCE, axis=-1)[..., None]
        return constant(subsets, event.final)[xp.argmin(errors, axis=-1)] & event.candidates & formed

    def clear(event: Event) -> Array:
        xp = namespace(event.final)
        errors = xp.sort(subset_errors(event, distance, size)[0], axis=-1)
        return (errors[..., 0] <= 1e-6) & (errors[..., 1] > TOLERANCE)

    def plant(streams: Streams, event: Event, chosen: np.ndarray) -> Event:
        return event.replace(positions=moved(event, project(event.final, chosen.astype(np.float64)), chosen))

    return Identification(mask, clear, plant, counts=(size, size), entities=(size + 1, most))


def _arrangement(
    name: str,
    description: str,
    distance: Distance,
    project: Projection,
    references: tuple[int, int],
    *,
    size: int | None = None,
    most: int = 10,
    rotates: bool = True,
    held_out: bool = False,
    implies: tuple[str, ...] = (),
) -> Concept:
    """Table row: ``size`` entities form it in an identification scene of at most ``most`` entities."""
    return Concept(
        name,
        "arrangement",
        description,
        _generation(distance, project, references),
        None if size is None else _identification(distance, project, size, most),
        "held_out" if held_out else "train",
        frozenset({"translation", "rotation"} if rotates else {"translation"}),
        implies,
    )


def cornered(
    name: str,
    description: str,
    shape: shapes.Template,
    *,
    held_out: bool = False,
    implies: tuple[str, ...] = (),
    most: int = 10,
) -> Concept:
    """Table row of a shape with corners."""
    return _arrangement(
        name,
        description,
        shapes.to_template(shape),
        shapes.onto_template(shape),
        (shape.size, shape.size),
        size=shape.size,
        held_out=held_out,
        implies=implies,
        most=most,
    )


def _straight(name: str, description: str, *axes: tuple[float, float], held_out: bool = False) -> Concept:
    return _arrangement(
        name,
        description,
        shapes.to_line(*axes),
        shapes.onto_line(*axes),
        (3, 6),
        size=4 if axes else 5,
        most=9,
        rotates=not axes,
        held_out=held_out,
        implies=("line",) if axes else (),
    )


_DIAGONAL = 0.5**0.5

CONCEPTS: tuple[Concept, ...] = (
    _straight("line", "on one straight line"),
    _straight("horizontal_line", "on one horizontal line", (1.0, 0.0)),
    _straight("vertical_line", "on one vertical line", (0.0, 1.0)),
    _straight(
        "diagonal_line",
        "on one line that rises or falls at 45 degrees",
        (_DIAGONAL, _DIAGONAL),
        (_DIAGONAL, -_DIAGONAL),
        held_out=True,
    ),
    _arrangement(
        "evenly_spaced_line",
        "on one straight line, at equal distances",
        shapes.to_even_line,
        shapes.onto_even_line,
        (3, 6),
        size=4,
        most=9,
        implies=("line",),
    ),
    cornered("triangle", "an equilateral triangle", shapes.polygon(3), most=8),
    cornered("square", "a square", shapes.polygon(4), implies=("rectangle",)),
    _arrangement(
        "rectangle",
        "a rectangle; a square is one, too",
        shapes.to_rectangle,
        shapes.onto_rectangle,
        (4, 4),
        size=4,
    ),
    cornered("pentagon", "a regular pentagon", shapes.polygon(5), held_out=True),
    _arrangement(
        "circle",
        "evenly spread on a circle, six or more",
        shapes.to_circle,
        shapes.onto_circle,
        (6, 8),
        size=6,
    ),
    cornered(
        "l_shape",
        "a letter L of four, or its mirror image",
        shapes.template([(0.0, 2.0), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0)], mirrored=True),
    ),
    _arrangement(
        "cluster",
        f"all within {shapes.CLUSTER_RADIUS} of their common centre",
        shapes.to_cluster,
        shapes.onto_cluster,
        (3, 6),
        size=4,
    ),
    _arrangement(
        "scattered",
        f"all at least {shapes.SCATTER_DISTANCE} away from one another",
        shapes.to_scattered,
        shapes.onto_scattered,
        (4, 6),
    ),
)
"""The rows of the family."""
