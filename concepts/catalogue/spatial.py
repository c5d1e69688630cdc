"""Spatial relations: where an agent is relative to the attended entities.

To generate one is to move the agent there; to identify one is to find the entities that stand in
the relation to the marker. All distances are between centres, in units of the plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..concept import Concept, Deviation, Proposal, membership, planted, relation
from ..event import Array, Event
from ..geometry import (
    as_weights,
    hinge,
    length,
    mean,
    minimum_over,
    namespace,
    pairs_of,
    pairwise,
    to_segment,
    total,
)
from ..scene import EDGE
from ..streams import Streams

_FLAT = 1e-4
NEAR = 0.2
FAR = 0.8
MARGIN = 0.1
"""How far to the left is "left of"; how deep in the hull is "inside" (half of it)."""


def _from_reference(event: Event, references: Array) -> Array:
    return event.final - mean(event.final, references)[..., None, :]


def reference(event: Event, references: Array) -> np.ndarray:
    """Mean position of the references, (B, 1, 2)."""
    return np.asarray(mean(event.final, references))[:, None, :]


def _anywhere(streams: Streams, event: Event) -> np.ndarray:
    return streams.uniform("anywhere", event.present.shape[1], 2, low=-EDGE, high=EDGE)


def around(streams: Streams, event: Event, references: Array, low: float, high: float) -> np.ndarray:
    """Places at a distance in [low, high] from the reference, uniform in area."""
    width = event.present.shape[1]
    radius = np.sqrt(streams.uniform("radius", width, low=low**2, high=high**2))
    return reference(event, references) + radius[..., None] * streams.direction("angle", width)


def at(event: Event, references: Array) -> Array:
    """Distance to the reference, (..., N)."""
    return length(_from_reference(event, references))


def _propose_at(streams: Streams, event: Event, references: Array) -> np.ndarray:
    return np.broadcast_to(reference(event, references), event.final.shape)


def near(event: Event, references: Array) -> Array:
    """Distance to the disc of radius ``NEAR`` around the reference, (..., N)."""
    return hinge(at(event, references) - NEAR)


def _propose_near(streams: Streams, event: Event, references: Array) -> np.ndarray:
    return around(streams, event, references, 0.12, NEAR)


def far(event: Event, references: Array) -> Array:
    """How much is missing to the distance ``FAR`` from every reference, (..., N)."""
    distance = length(pairwise(event.final))
    return hinge(FAR - minimum_over(distance, references[..., None, :] > 0.5, empty=2 * FAR))


def _propose_far(streams: Streams, event: Event, references: Array) -> np.ndarray:
    return _anywhere(streams, event)


def half_plane(axis: int, sign: int) -> tuple[Deviation, Proposal]:
    """Deviation and proposal for the side of all references that lies along ``sign`` times ``axis``."""

    def deviation(event: Event, references: Array) -> Array:
        coordinate = sign * event.final[..., axis]
        xp = namespace(coordinate)
        lowest = xp.full_like(coordinate, -10.0)
        border = xp.max(xp.where(references > 0.5, coordinate, lowest), axis=-1)
        return hinge(border[..., None] + MARGIN - coordinate)

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        places = _anywhere(streams, event)
        coordinate = sign * event.final[..., axis]
        border = np.where(references > 0.5, coordinate, -10.0).max(-1, keepdims=True) + MARGIN
        share = (places[..., axis] + EDGE) / (2 * EDGE)
        places[..., axis] = sign * (border + share * (EDGE - border))
        return places

    return deviation, propose


def between(event: Event, references: Array) -> Array:
    """Distance to the middle third of the segment that joins two references, (..., N)."""
    start, end = two_references(event, references)
    third = (end - start) / 3
    return to_segment(event.final, (start + third)[..., None, :], (end - third)[..., None, :])


def two_references(event: Event, references: Array) -> tuple[Array, Array]:
    """Positions of the first reference, and of the other one, (..., 2) each."""
    xp = namespace(references)
    first = as_weights((xp.cumulative_sum(references, axis=-1) < 1.5) & (references > 0.5), references)
    start = total(event.final * first[..., None], axis=-2)
    return start, total(event.final * references[..., None], axis=-2) - start


def _propose_between(streams: Streams, event: Event, references: Array) -> np.ndarray:
    start, end = two_references(event, references)
    share = streams.uniform("share", event.present.shape[1], 1, low=1 / 3, high=2 / 3)
    return start[:, None] + share * (end - start)[:, None]


def inside(event: Event, references: Array) -> Array:
    """How much is missing to lie half a ``MARGIN`` deep in the convex hull of the references, (..., N).

    Outside, the distance to the hull is that to the nearest segment between two references; inside,
    the depth is the distance to the nearest edge, an edge being a pair with all others on its left.
    """
    xp = namespace(event.final)
    attended = references > 0.5
    points = event.final
    pairs = pairs_of(attended)
    along = pairwise(points)
    distance = length(along)
    proper = pairs & (distance > _FLAT)
    unit = along / xp.where(proper, distance, xp.ones_like(distance))[..., None]
    outward = xp.stack([unit[..., 1], -unit[..., 0]], axis=-1)
    offset = points[..., None, None, :, :] - points[..., :, None, None, :]
    height = total(outward[..., None, :] * offset, axis=-1)
    others = attended[..., None, None, :]
    behind = xp.all((height <= 1e-6) | ~others, axis=-1) & xp.any((height < -_FLAT) & others, axis=-1)
    edge = (proper & behind)[..., None]
    depth = xp.max(xp.where(edge, height, xp.full_like(height, -10.0)), axis=(-3, -2))
    flat = ~xp.any(edge, axis=(-3, -2))  # no hull to be in: all references on one line
    segment = to_segment(
        points[..., None, None, :, :], points[..., :, None, None, :], points[..., None, :, None, :]
    )
    distance = xp.min(xp.where(pairs[..., None], segment, xp.full_like(segment, 10.0)), axis=(-3, -2))
    return hinge(xp.where((depth > 0) | flat, distance, depth) + MARGIN / 2)


def _propose_inside(streams: Streams, event: Event, references: Array) -> np.ndarray:
    width = event.present.shape[1]
    raw = -np.log1p(-streams.uniform("weights", width, width)) * references[:, None, :]
    weights = raw / raw.sum(-1, keepdims=True)
    return (weights[..., None] * event.final[:, None]).sum(-2)


def opposite_of(event: Event, references: Array) -> Array:
    """Distance to the place across the reference from where the entity started, (..., N)."""
    return length(event.final + event.initial - 2 * mean(event.initial, references)[..., None, :])


def _propose_opposite(streams: Streams, event: Event, references: Array) -> np.ndarray:
    return 2 * reference(event, references) - event.initial


def aligned_with(event: Event, references: Array) -> Array:
    """Distance to the horizontal or the vertical through the reference, (..., N)."""
    offset = namespace(event.final).abs(_from_reference(event, references))
    return namespace(offset).minimum(offset[..., 0], offset[..., 1])


def _propose_aligned(streams: Streams, event: Event, references: Array) -> np.ndarray:
    places = _anywhere(streams, event)
    vertical = streams.uniform("axis", places.shape[1], 1) < 0.5
    centre = reference(event, references)
    on_axis = np.where(vertical, [1.0, 0.0], [0.0, 1.0])
    return np.where(on_axis > 0, centre, places)


def _spatial(
    name: str,
    description: str,
    deviation: Deviation,
    propose: Proposal,
    *,
    references: tuple[int, int] = (1, 1),
    counts: tuple[int, int] | None = None,
    history: bool = False,
    overlap: bool = False,
    most: int = 16,
    held_out: bool = False,
    invariances: tuple[str, ...] = ("translation",),
) -> Concept:
    """Table row: ``counts`` says how many entities are meant in an identification scene, of ``most``."""
    recognise = counts and membership(
        deviation, planted(propose), counts=counts, marker=True, overlap=overlap, entities=(3, most)
    )
    return Concept(
        name,
        "spatial",
        description,
        relation(deviation, propose, references=references, history=history),
        recognise or None,
        "held_out" if held_out else "train",
        frozenset(invariances),
    )


def offset(vector: tuple[float, float] = (0.3, 0.2)) -> Concept:
    """The concept "at this offset from the reference".

    Args:
        vector: From the reference to the agent; 0.2 to 0.7 long.

    Raises:
        ValueError: The vector has another length.
    """
    if len(vector) != 2 or not 0.2 <= float(np.hypot(*vector)) <= 0.7:
        raise ValueError(f"vector is {vector}; expected two numbers, 0.2 to 0.7 long together")
    x, y = vector

    def deviation(event: Event, references: Array) -> Array:
        delta = _from_reference(event, references)
        return length(namespace(delta).stack([delta[..., 0] - x, delta[..., 1] - y], axis=-1))

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        return np.broadcast_to(reference(event, references) + np.array(vector), event.final.shape)

    def draw(rng: np.random.Generator) -> Mapping[str, object]:
        radius, angle = rng.uniform(0.2, 0.7), rng.uniform(0, 2 * np.pi)
        return {"vector": (float(radius * np.cos(angle)), float(radius * np.sin(angle)))}

    row = _spatial("offset", "at one given offset from it", deviation, propose, counts=(1, 1))
    return replace(row, parameters={"vector": vector}, factory=offset, draw=draw)


def ring(distance: float = 0.4) -> Concept:
    """The concept "at this distance from the reference".

    Args:
        distance: In [0.25, 0.7].

    Raises:
        ValueError: The distance is outside that range.
    """
    if not 0.25 <= distance <= 0.7:
        raise ValueError(f"distance is {distance}, expected 0.25 to 0.7")

    def deviation(event: Event, references: Array) -> Array:
        return namespace(event.final).abs(at(event, references) - distance)

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        return around(streams, event, references, distance, distance)

    def draw(rng: np.random.Generator) -> Mapping[str, object]:
        return {"distance": float(rng.uniform(0.25, 0.7))}

    row = _spatial(
        "ring",
        "at one given distance from it",
        deviation,
        propose,
        counts=(1, 3),
        invariances=("translation", "rotation"),
    )
    return replace(row, parameters={"distance": distance}, factory=ring, draw=draw)


_ROUND = ("translation", "rotation")

CONCEPTS: tuple[Concept, ...] = (
    _spatial(
        "at", "in the very place of it", at, _propose_at, counts=(1, 1), overlap=True, invariances=_ROUND
    ),
    _spatial("near", f"within {NEAR} of it", near, _propose_near, counts=(1, 3), invariances=_ROUND),
    _spatial(
        "far",
        f"at least {FAR} away from all of them",
        far,
        _propose_far,
        references=(1, 3),
        counts=(1, 4),
        most=10,
        invariances=_ROUND,
    ),
    _spatial("left_of", "to the left of all of them", *half_plane(0, -1), references=(1, 3), counts=(1, 5)),
    _spatial("right_of", "to the right of all of them", *half_plane(0, 1), references=(1, 3), counts=(1, 5)),
    _spatial("above", "above all of them", *half_plane(1, 1), references=(1, 3), counts=(1, 5)),
    _spatial("below", "below all of them", *half_plane(1, -1), references=(1, 3), counts=(1, 5)),
    _spatial(
        "between",
        "in the middle third of the way from the one to the other",
        between,
        _propose_between,
        references=(2, 2),
        invariances=_ROUND,
    ),
    _spatial(
        "centre_of",
        "at their common centre",
        at,
        _propose_at,
        references=(3, 5),
        invariances=_ROUND,
    ),
    _spatial(
        "inside",
        "within the hull of them",
        inside,
        _propose_inside,
        references=(3, 5),
        invariances=_ROUND,
    ),
    _spatial(
        "opposite_of",
        "across it from where one started",
        opposite_of,
        _propose_opposite,
        history=True,
        held_out=True,
        invariances=(*_ROUND, "scale"),
    ),
    _spatial(
        "aligned_with",
        "straight beside, above or below it",
        aligned_with,
        _propose_aligned,
        counts=(1, 3),
    ),
    offset(),
    ring(),
)
"""The rows of the family."""
