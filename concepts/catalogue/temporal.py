"""Temporal concepts: how something moves, and when, over a whole trajectory.

The agent is the marked, movable entity; the attended entities are what it reacts to. Concepts
without a reference are about the moving entity itself, which then is the attended one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..concept import (
    TOLERANCE,
    Concept,
    Deviation,
    Identification,
    Proposal,
    Script,
    membership,
    moved,
    relation,
)
from ..event import Array, Event
from ..geometry import as_weights, hinge, length, namespace, root, slots, total
from ..motion import (
    distances,
    duration,
    first_of,
    over_time,
    pursue,
    set_moving,
    speeds,
    track,
    travel,
    wander,
)
from ..scene import one_hot_colors
from ..streams import Streams
from .spatial import NEAR

SHORT, LONG = 8, 16
"""Steps of a short and of a long event: two and four seconds."""

SLOW = (0.1, 0.3)
FAST = 0.8
"""Speeds, in units per second."""

FOLLOWING = 0.3
REACHED, MEETING = 0.1, 0.15
ORBIT_RADIUS = 0.35


def still(event: Event, references: Array) -> Array:
    """Farthest excursion during the second half, (..., N)."""
    half = event.positions.shape[-3] // 2
    late = event.positions[..., half:, :, :]
    return namespace(late).max(length(late - late[..., :1, :, :]), axis=-2)


def slow(event: Event, references: Array) -> Array:
    """How far the speed is outside the slow band, from the second step on, in units per second, (..., N)."""
    speed = speeds(event)
    return over_time(hinge(SLOW[0] - speed) + hinge(speed - SLOW[1]), 1)


def fast(event: Event, references: Array) -> Array:
    """What the speed lacks to ``FAST``, from the second step on, in units per second, (..., N)."""
    return over_time(hinge(FAST - speeds(event)), 1)


def approach(event: Event, references: Array) -> Array:
    """What is left to ``NEAR`` in the end, plus what retreats exceed 0.01 a step, (..., N)."""
    distance = distances(event, references)
    retreat = hinge(distance[..., 1:, :] - distance[..., :-1, :] - 0.01)
    return hinge(distance[..., -1, :] - NEAR) + total(retreat, axis=-2)


def follow(event: Event, references: Array) -> Array:
    """Distance beyond ``FOLLOWING`` during the second half, (..., N)."""
    distance = distances(event, references)
    return over_time(hinge(distance - FOLLOWING), distance.shape[-2] // 2)


def after(event: Event, references: Array) -> Array:
    """Excursion before the two references meet, plus what is left to them in the end, (..., N)."""
    xp = namespace(event.positions)
    attended = references[..., None, :] > 0.5
    spread = xp.max(xp.where(attended, distances(event, references), 0.0), axis=-1)
    apart = xp.astype(2 * spread > MEETING, event.positions.dtype)
    waiting = [xp.ones_like(apart[..., 0]), xp.ones_like(apart[..., 0])]
    for t in range(1, apart.shape[-1] - 1):
        waiting.append(waiting[-1] * apart[..., t])
    excursion = length(event.positions - event.positions[..., :1, :, :])
    early = xp.max(excursion * xp.stack(waiting, axis=-1)[..., None], axis=-2)
    return early + hinge(distances(event, references)[..., -1, :] - NEAR)


def visit_in_order(event: Event, references: Array) -> Array:
    """Least sum of what is left to the red, then the green, then the blue reference, (..., N)."""
    xp = namespace(event.positions)
    left = []
    for channel in range(3):
        weights = references * event.colors[..., channel]
        left.append(hinge(distances(event, weights) - REACHED))
    red, green, blue = (channel[..., 1, :] for channel in left)
    green, blue = green + 10.0, blue + 10.0
    for t in range(2, event.positions.shape[-3]):
        blue = xp.minimum(blue, green + left[2][..., t, :])
        green = xp.minimum(green, red + left[1][..., t, :])
        red = xp.minimum(red, left[0][..., t, :])
    return blue


def orbit(event: Event, references: Array) -> Array:
    """Distance to the nearest steady lap, in either sense, after a quarter of the time, (..., N).

    The lap with phase p is R exp(i (p + w t)); the root mean square distance to the best one of a
    path z_t is that of |z|^2 - 2 R |mean of exp(-i w t) z_t| + R^2.
    """
    xp = namespace(event.positions)
    first = (event.positions.shape[-3] - 1) // 4
    path = (event.positions - track(event, references))[..., first:, :, :]
    count = path.shape[-3]
    angle = as_weights(slots(path, count), path)[:, None] * (2 * np.pi / (count - 1))
    x, y, cosine, sine = path[..., 0], path[..., 1], xp.cos(angle), xp.sin(angle)
    matches = []
    for sense in (1, -1):
        real, imaginary = x * cosine + sense * y * sine, y * cosine - sense * x * sine
        matches.append(length(xp.stack([total(real, axis=-2), total(imaginary, axis=-2)], axis=-1)))
    match = xp.maximum(*matches) / count
    squared = total(x * x + y * y, axis=-2) / count
    return root(squared - 2 * ORBIT_RADIUS * match + ORBIT_RADIUS**2)


def at_speed(low: float, high: float, turn: float = 1.0) -> Proposal:
    """Curves at a constant speed in [low, high], which turn by ``turn`` radians per second at most."""

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        speed = streams.uniform("speed", event.present.shape[1], low=low, high=high)
        return wander(streams, event.initial, speed, duration(event), turn=turn)

    return propose


def _propose_still(streams: Streams, event: Event, references: Array) -> np.ndarray:
    """Goes on as it did, and comes to rest within the first half."""
    rest = np.array([0, 0.9, 1.5, 1.8] + [1.9] * (duration(event) - 3))
    step = event.positions[:, 1] - event.positions[:, 0]
    return event.initial[:, None] + rest[None, :, None, None] * step[:, None]


def _propose_pursuit(speed: float, keep: float) -> Proposal:
    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        return pursue(event.initial, track(event, references)[:, :, 0], speed=speed, keep=keep)

    return propose


def _propose_after(streams: Streams, event: Event, references: Array) -> np.ndarray:
    goal = np.broadcast_to(track(event, references)[:, -1], event.initial.shape)
    away = event.initial - goal
    goal = goal + 0.12 * away / np.maximum(length(away)[..., None], 1e-9)
    return travel(np.stack([event.initial, event.initial, goal], axis=1), [0, 8, 14], duration(event))


def _propose_visit(streams: Streams, event: Event, references: Array) -> np.ndarray:
    stops = [event.initial]
    for channel in range(3):
        weights = references * event.colors[..., channel]
        stops.append(np.broadcast_to(track(event, weights)[:, 0], event.initial.shape))
    return travel(np.stack(stops, axis=1), [0, 5, 10, 15], duration(event))


def _propose_orbit(streams: Streams, event: Event, references: Array) -> np.ndarray:
    """Spirals onto the orbit within a quarter of the time, then goes round once."""
    frames = duration(event)
    relative = event.initial - track(event, references)[:, 0]
    sense = np.where(streams.uniform("sense", 1) < 0.5, -1.0, 1.0)
    times = np.arange(frames + 1)[None, :, None]
    turned = sense[..., None] * times * (2 * np.pi / (frames - frames // 4))
    angle = np.arctan2(relative[..., 1], relative[..., 0])[:, None] + turned
    share = np.minimum(times / (frames // 4), 1.0)
    radius = (1 - share) * length(relative)[:, None] + share * ORBIT_RADIUS
    around = radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return around + track(event, references)


def _drifting(streams: Streams, event: Event) -> Event:
    """The agent drifts, so that standing still takes some doing."""
    return set_moving(event, event.movable, at_speed(0.3, 0.6, turn=0.0)(streams, event, event.attention))


def moving_reference(low: float, high: float) -> Script:
    """The first attended entity wanders at a speed in [low, high]."""

    def script(streams: Streams, event: Event) -> Event:
        paths = at_speed(low, high)(streams.fork("script"), event, event.attention)
        return set_moving(event, first_of(event.attention > 0.5), paths)

    return script


def _meeting(streams: Streams, event: Event) -> Event:
    """The first attended entity goes to the last one, and arrives between frames five and seven."""
    attended = event.attention > 0.5
    mover = first_of(attended)
    place = np.where((attended & ~mover)[..., None], event.initial, 0.0).sum(1, keepdims=True)
    away = event.initial - place
    goal = place + 0.12 * away / np.maximum(length(away)[..., None], 1e-9)
    share = streams.uniform("arrival", 1, 1, 1, low=5.0, high=7.0)
    progress = np.minimum(np.arange(duration(event) + 1)[None, :, None, None] / share, 1.0)
    return set_moving(event, mover, event.initial[:, None] + progress * (goal - event.initial)[:, None])


def _coloured_stops(streams: Streams, event: Event) -> Event:
    """The three attended entities become red, green and blue."""
    attended = event.attention > 0.5
    colors = one_hot_colors(np.cumsum(attended, axis=1) - 1)
    return event.replace(colors=np.where(attended[..., None], colors, event.colors))


def recognised(
    deviation: Deviation,
    others: Proposal,
    chosen: Proposal,
    *,
    frames: int = SHORT,
    marker: bool = False,
    tolerance: float = TOLERANCE,
    script: Callable[[Streams, Event], Event] | None = None,
) -> Identification:
    """Everybody moves as ``others`` proposes, the chosen as ``chosen`` does, the marker by ``script``."""

    def plant(streams: Streams, event: Event, who: np.ndarray) -> Event:
        references = event.marker.astype(np.float64)
        event = event.replace(
            positions=moved(event, others(streams.fork("others"), event, references), ~event.marker)
        )
        event = script(streams, event) if script else event
        return event.replace(positions=moved(event, chosen(streams.fork("chosen"), event, references), who))

    return membership(
        deviation, plant, counts=(1, 3), marker=marker, frames=frames, entities=(3, 12), tolerance=tolerance
    )


def mixed(first: tuple[float, float], second: tuple[float, float]) -> Proposal:
    """Half of the entities at a speed in the one range, half in the other."""

    def propose(streams: Streams, event: Event, references: Array) -> np.ndarray:
        width = event.present.shape[1]
        slower, faster = (
            streams.uniform(tag, width, low=low, high=high)
            for tag, (low, high) in (("first", first), ("second", second))
        )
        speed = np.where(streams.uniform("which", width) < 0.5, slower, faster)
        return wander(streams, event.initial, speed, duration(event))

    return propose


def _marker_wanders(streams: Streams, event: Event) -> Event:
    paths = at_speed(0.35, 0.5)(streams.fork("marker"), event, event.attention)
    return set_moving(event, event.marker, paths)


_SPEED = "a sixth of the upper end of the slow band; in units per second"


def _temporal(name: str, description: str, part: tuple[object, object], *, held_out: bool = False) -> Concept:
    generation, identification = part
    return Concept(
        name,
        "temporal",
        description,
        generation,  # type: ignore[arg-type]
        identification,  # type: ignore[arg-type]
        "held_out" if held_out else "train",
        frozenset({"translation", "rotation"}),
    )


CONCEPTS: tuple[Concept, ...] = (
    _temporal(
        "still",
        "come to rest within the first half and stay",
        (
            relation(
                still,
                _propose_still,
                references=(0, 0),
                script=_drifting,
                frames=SHORT,
                history=True,
                accepts_argument=False,
            ),
            recognised(still, at_speed(0.25, 0.7), at_speed(0.0, 0.0)),
        ),
    ),
    _temporal(
        "slow",
        f"move on at {SLOW[0]} to {SLOW[1]} units per second",
        (
            relation(
                slow,
                at_speed(0.15, 0.25),
                references=(0, 0),
                why=_SPEED,
                frames=SHORT,
                history=True,
                accepts_argument=False,
            ),
            recognised(slow, mixed((0.0, 0.0), (0.5, 0.9)), at_speed(0.14, 0.26)),
        ),
    ),
    _temporal(
        "fast",
        f"move on at {FAST} units per second or more",
        (
            relation(
                fast,
                at_speed(0.9, 1.0, turn=2.0),
                references=(0, 0),
                tolerance=0.1,
                why="an eighth of the least speed; in units per second",
                frames=SHORT,
                history=True,
                accepts_argument=False,
            ),
            recognised(fast, at_speed(0.0, 0.6), at_speed(0.85, 0.95, turn=2.0), tolerance=0.1),
        ),
        held_out=True,
    ),
    _temporal(
        "approach",
        f"come within {NEAR} of it and never retreat",
        (
            relation(
                approach,
                _propose_pursuit(0.8, 0.12),
                script=moving_reference(0.0, 0.2),
                frames=SHORT,
                history=True,
            ),
            recognised(approach, at_speed(0.1, 0.6), _propose_pursuit(0.8, 0.12), marker=True),
        ),
    ),
    _temporal(
        "follow",
        f"stay within {FOLLOWING} of it from half-time on, while it moves",
        (
            relation(
                follow,
                _propose_pursuit(1.0, 0.15),
                script=moving_reference(0.35, 0.5),
                frames=LONG,
                history=True,
            ),
            recognised(
                follow,
                at_speed(0.0, 0.45),
                _propose_pursuit(1.0, 0.15),
                frames=LONG,
                marker=True,
                script=_marker_wanders,
            ),
        ),
    ),
    _temporal(
        "after",
        "wait until the two have met, then join them",
        (
            relation(after, _propose_after, references=(2, 2), script=_meeting, frames=LONG, history=True),
            None,
        ),
    ),
    _temporal(
        "visit_in_order",
        "visit the red, then the green, then the blue one of them",
        (
            relation(
                visit_in_order,
                _propose_visit,
                references=(3, 3),
                script=_coloured_stops,
                frames=LONG,
                history=True,
                accepts_argument=False,
            ),
            None,
        ),
    ),
    _temporal(
        "orbit",
        f"go round it once at a steady pace, {ORBIT_RADIUS} away",
        (relation(orbit, _propose_orbit, frames=LONG, history=True), None),
    ),
)
"""The rows of the family."""
