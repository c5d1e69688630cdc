"""Continuous families of concepts that widen the training of an energy; not part of the catalogue.

Each family draws concepts at random. The held-out concepts of the catalogue are limits or single
members of some of them; such members and their neighbourhood are never drawn, as stated beside each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from .. import shapes
from ..concept import Concept, Generation, membership, relation
from ..event import COLORS, Array, Event
from ..geometry import constant, hinge, length, mean, namespace, pairwise, slots, total
from ..motion import over_time, speeds
from ..scene import EDGE, LARGE, SMALL, one_hot_colors, random_sizes
from ..streams import Streams
from .arrangement import cornered
from .proximity import closest_to_colour
from .quantity import quantity
from .social import beside, missing, off_the_wall, pair_of, pushed
from .spatial import around, at, offset, reference, ring
from .temporal import at_speed, mixed, recognised

Family: TypeAlias = Callable[[np.random.Generator], Concept]

_PENTAGON = shapes.polygon(5)
_LEAST_UNLIKENESS = 0.25
_ROUND = frozenset({"translation", "rotation"})


def random_shape(rng: np.random.Generator) -> Concept:
    """A shape of three to five random corners; five never come near the held-out regular pentagon."""
    size = int(rng.integers(3, 6))
    while True:
        angle = np.sort(rng.uniform(0, 2 * np.pi, size))
        radius = rng.uniform(0.4, 1.0, size)
        points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        apart = length(points[:, None] - points[None]) + 9 * np.eye(size)
        made = shapes.template([(float(x), float(y)) for x, y in points])
        if apart.min() > 0.45 and (size < 5 or _unlikeness(made) > _LEAST_UNLIKENESS):
            return cornered("random_shape", "one given shape of a few corners", made)


def _unlikeness(shape: shapes.Template) -> float:
    """Procrustes distance of five corners from the regular pentagon, both of length one."""
    first = shape.corners[0, :, 0] + 1j * shape.corners[0, :, 1]
    others = _PENTAGON.corners[..., 0] + 1j * _PENTAGON.corners[..., 1]
    return float(np.sqrt(max(0.0, 1 - np.abs(others.conj() @ first).max() ** 2)))


def attributes(rng: np.random.Generator) -> Concept:
    """All entities of some colours and sizes; never "the small ones" of whatever colour (held out)."""
    small = np.array([True, False] * len(COLORS))
    while True:
        table = rng.random(2 * len(COLORS)) < rng.choice([0.2, 0.4, 0.6])
        if table.any() and not table.all() and not (table == small).all():
            break
    limit = (SMALL[1] + LARGE[0]) / 2

    def deviation(event: Event, references: Array) -> Array:
        xp = namespace(event.colors)
        chosen = constant(table.astype(np.float64).reshape(len(COLORS), 2), event.colors)
        by_size = event.colors @ chosen
        return 1 - xp.where(event.sizes > limit, by_size[..., 1], by_size[..., 0])

    def plant(streams: Streams, event: Event, chosen: np.ndarray) -> Event:
        order = streams.uniform("cell", chosen.shape[1], table.size)
        cell = np.argmax(order + (chosen[..., None] == table), axis=-1)
        sizes = random_sizes(streams.fork("planted"), cell % 2 == 1)
        colors = one_hot_colors(cell // 2)
        return event.replace(sizes=sizes * event.present, colors=colors * event.present[..., None])

    return Concept(
        "attributes",
        "visual",
        "all of certain colours and sizes",
        identification=membership(deviation, plant, counts=(1, 4)),
        invariances=_ROUND,
    )


def speed_band(rng: np.random.Generator) -> Concept:
    """Moving at a speed in a band, which ends below 0.8: "fast" is held out."""
    low = float(rng.uniform(0.1, 0.55))
    high = low + float(rng.uniform(0.12, 0.25))
    middle = (low + (high - low) * 0.2, high - (high - low) * 0.2)

    def deviation(event: Event, references: Array) -> Array:
        speed = speeds(event)
        return over_time(hinge(low - speed) + hinge(speed - high), 1)

    part = relation(
        deviation, at_speed(*middle), references=(0, 0), frames=8, history=True, accepts_argument=False
    )
    others = mixed((0.0, max(low - 0.15, 0.0)), (high + 0.15, high + 0.3))
    return Concept(
        "speed_band",
        "temporal",
        "move at a speed in one given band",
        part,
        recognised(deviation, others, at_speed(*middle)),
        invariances=_ROUND,
    )


def start_map(rng: np.random.Generator) -> Concept:
    """Where one started, turned and scaled about the reference; never turned by 150 to 210 degrees.

    Turned by 180 degrees at scale one, it is the held-out "opposite_of".
    """
    degrees, scale = float(rng.uniform(-150, 150)), float(rng.uniform(0.3, 1.2))
    turn = scale * np.exp(1j * np.deg2rad(degrees))
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])

    def goal(event: Event, references: Array) -> Array:
        centre = mean(event.final, references)[..., None, :]
        first = mean(event.initial, references)[..., None, :]
        return centre + (event.initial - first) @ constant(matrix.T, event.initial)

    def deviation(event: Event, references: Array) -> Array:
        return length(event.final - goal(event, references))

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        return np.asarray(goal(event, references))

    return Concept(
        "start_map",
        "spatial",
        "where one started, turned and scaled about it",
        relation(deviation, propose, history=True),
        invariances=_ROUND,
    )


def move_to_best(rng: np.random.Generator) -> Concept:
    """Go to the one of them that is best by distance, place and size mixed; never by distance above all.

    The held-out "move_to_furthest" goes by distance alone.
    """
    while True:
        weights = rng.normal(size=4)
        weights /= np.linalg.norm(weights)
        if weights[0] > -0.5:
            break

    def score(event: Event) -> Array:
        place = event.initial @ constant(weights[1:3], event.initial) + 8 * weights[3] * event.sizes
        return weights[0] * length(pairwise(event.initial)) + place[..., None, :]

    def masked(event: Event, references: Array) -> Array:
        values = score(event)
        xp = namespace(values)
        return xp.where(references[..., None, :] > 0.5, values, xp.full_like(values, 100.0))

    def target(event: Event, references: Array) -> Array:
        xp = namespace(event.initial)
        best = xp.argmin(masked(event, references), axis=-1)
        hit = best[..., None] == slots(event.initial, event.initial.shape[-2])
        points = xp.broadcast_to(event.final[..., None, :, :], (*hit.shape, 2))
        return total(xp.where(hit[..., None], points, xp.zeros_like(points)), axis=-2)

    def deviation(event: Event, references: Array) -> Array:
        return length(event.final - target(event, references))

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        ordered = np.sort(masked(event, references), axis=-1)
        doubt = ordered[..., 1] - ordered[..., 0] < 0.08
        return np.where(doubt[..., None], 9.0, target(event, references))

    return Concept(
        "move_to_best",
        "proximity",
        "go to the one of them that is best by one given measure",
        relation(deviation, propose, references=(2, 5), history=True, accepts_argument=False),
    )


def push_to_band(rng: np.random.Generator) -> Concept:
    """Push the one to a band of distances from its goal, which ends below 0.55: "hinder" is held out."""
    low = float(rng.uniform(0.1, 0.4))
    high = low + float(rng.uniform(0.05, 0.15))

    def error(event: Event) -> Array:
        patient, goal = pair_of(event)
        distance = length(patient - goal)
        return hinge(low - distance) + hinge(distance - high) + beside(event, patient) + missing(event)

    def solve(streams: Streams, event: Event) -> np.ndarray:
        _, goal = pair_of(event)
        rest = streams.uniform("rest", 1, low=low, high=high)
        return pushed(event, goal + rest * streams.direction("side"))

    part = Generation(
        error, solve, actor="pusher", references=(2, 2), script=off_the_wall, accepts_argument=False
    )
    return Concept("push_to_band", "social", "push the one to a distance from its goal", part)


def within(rng: np.random.Generator) -> Concept:
    """Near, by one given measure."""
    radius = float(rng.uniform(0.15, 0.45))

    def deviation(event: Event, references: Array) -> Array:
        return hinge(at(event, references) - radius)

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        return around(streams, event, references, 0.12, radius)

    return Concept(
        "within",
        "spatial",
        "within one given distance of it",
        relation(deviation, propose),
        invariances=_ROUND,
    )


def beyond(rng: np.random.Generator) -> Concept:
    """Farther away than one given distance, from the middle of them."""
    radius = float(rng.uniform(0.4, 0.8))

    def deviation(event: Event, references: Array) -> Array:
        return hinge(radius - at(event, references))

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        places = streams.uniform("anywhere", event.present.shape[1], 2, low=-EDGE, high=EDGE)
        away = places - reference(event, references)
        factor = np.maximum(1.0, radius / np.maximum(length(away), 1e-9))[..., None]
        return reference(event, references) + away * factor

    return Concept(
        "beyond",
        "spatial",
        "beyond one given distance of it",
        relation(deviation, propose),
        invariances=_ROUND,
    )


def count(rng: np.random.Generator) -> Concept:
    """Exactly one, two, four or five, or at least two, four or five: "three" is held out."""
    least = int(rng.choice([1, 2, 4, 5]))
    exactly = least == 1 or bool(rng.random() < 0.6)
    return quantity("count", "any of one given number", least, least if exactly else 99)


FAMILIES: dict[str, tuple[Family, int]] = {
    "random_shape": (random_shape, 8),
    "attributes": (attributes, 6),
    "speed_band": (speed_band, 3),
    "start_map": (start_map, 4),
    "move_to_best": (move_to_best, 4),
    "push_to_band": (push_to_band, 2),
    "within": (within, 2),
    "beyond": (beyond, 1),
    "count": (count, 2),
    "offset": (lambda rng: offset().redrawn(rng), 4),
    "ring": (lambda rng: ring().redrawn(rng), 3),
    "closest_to_colour": (lambda rng: closest_to_colour().redrawn(rng), 1),
}
"""The families, and how often each is drawn in proportion to the others."""


def draw(rng: np.random.Generator) -> Concept:
    """Draws a concept from a random family."""
    shares = np.array([share for _, share in FAMILIES.values()], dtype=np.float64)
    name = list(FAMILIES)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    return FAMILIES[name][0](rng)
