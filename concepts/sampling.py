"""Drawing scenes and events of a concept: propose, check, and propose anew until all is well.

What a scene has to satisfy is stated once, here: nobody overlaps, everything lies within the
walls, the start does not satisfy a concept to generate, the solution does, and who is meant in a
scene to identify is beyond doubt. Rows are independent: a row's event depends on its key alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from jaxtyping import Bool, Int

from .concept import Generation, Identification
from .event import FRAME_SECONDS, MAX_ENTITIES, Event, concatenate
from .scene import entity_counts, inside_world, nobody_overlaps, random_scene, shuffled
from .streams import Streams, streams_from

if TYPE_CHECKING:
    from .concept import Concept, Mode

Draft: TypeAlias = tuple[tuple[Event, ...], Bool[np.ndarray, " batch"]]

EXACT = 1e-7
"""Largest error of a solution."""

MIN_ENTITIES = 3

TOP_SPEED = 1.1
"""Largest speed of a solution that is a trajectory, in units per second."""

_ATTEMPTS = 2000
_ROWS = 2048


class ScenesTooRareError(ValueError):
    """No valid scene turned up in as many attempts as are reasonable."""


def fill(streams: Streams, propose: Callable[[Streams, Streams], Draft], what: str) -> tuple[Event, ...]:
    """Proposes until every row has a valid draft, and keeps each row's first one.

    Args:
        streams: Random numbers, by row.
        propose: Maps (streams of the rows, streams of the attempts) to events and their validity.
        what: Names the concept in the error message.

    Raises:
        ScenesTooRareError: Some row has no valid draft after 2,000 attempts.
    """
    pending = np.arange(streams.rows)
    found: list[tuple[Event, ...]] = []
    owners: list[np.ndarray] = []
    attempt, chunk = 0, max(1, 8 // streams.rows)
    while len(pending):
        if attempt >= _ATTEMPTS:
            raise ScenesTooRareError(
                f"found no valid scene for {what} in {_ATTEMPTS} attempts: ask for fewer entities"
            )
        chunk = min(chunk, max(1, _ROWS // len(pending)))
        rows = Streams(np.repeat(streams.keys[pending], chunk))
        numbers = np.tile(np.arange(attempt, attempt + chunk), len(pending))
        events, valid = propose(rows, rows.fork_each(numbers))
        valid = valid.reshape(len(pending), chunk)
        lucky = valid.any(1)
        picks = np.flatnonzero(lucky) * chunk + np.argmax(valid[lucky], axis=1)
        found.append(tuple(event[picks] for event in events))
        owners.append(pending[lucky])
        pending = pending[~lucky]
        attempt, chunk = attempt + chunk, chunk * 2
    order = np.argsort(np.concatenate(owners))
    return tuple(concatenate(list(parts))[order] for parts in zip(*found, strict=True))


def least_entities(part: Generation | Identification, argument: Identification | None = None) -> int:
    """The smallest number of entities of a scene."""
    if isinstance(part, Identification):
        return max(MIN_ENTITIES, part.entities[0], part.counts[0] + part.marker + 1)
    agent = part.actor != "attended"
    if argument is None:
        return max(MIN_ENTITIES, part.references[0] + agent)
    reserved = agent or argument.marker
    count = max(part.references[0], argument.counts[0])
    return max(MIN_ENTITIES, argument.entities[0] + (agent and not argument.marker), count + reserved + 1)


def most_entities(part: Generation | Identification, argument: Identification | None = None) -> int:
    """The largest number of entities of a scene."""
    recogniser = part if isinstance(part, Identification) else argument
    return MAX_ENTITIES if recogniser is None else min(MAX_ENTITIES, recogniser.entities[1])


def entity_range(n_entities: int | tuple[int, int] | None, limits: tuple[int, int]) -> tuple[int, int]:
    """Checks a number or range of entities, or gives the default: 4 to 7, or as many as are needed.

    Args:
        n_entities: What is asked for.
        limits: Smallest and largest number that can be.

    Raises:
        TypeError: Neither an int nor a pair of ints.
        ValueError: Too few or too many.
    """
    least, most = limits
    if n_entities is None:
        low = max(4, least)
        return low, min(most, max(7, low + 2))
    ends = (n_entities, n_entities) if isinstance(n_entities, (int, np.integer)) else n_entities
    if not isinstance(ends, (tuple, list)) or [isinstance(n, (int, np.integer)) for n in ends] != [
        True,
        True,
    ]:
        raise TypeError(f"n_entities is {n_entities!r}, expected an int or a pair of ints")
    low, high = ends
    if low > high:
        raise ValueError(f"n_entities is {n_entities}: the smaller number comes first")
    if not least <= low <= high <= most:
        raise ValueError(f"n_entities is {n_entities}, but this concept takes {least} to {most} entities")
    return int(low), int(high)


def _cast(
    rows: Streams,
    counts: Int[np.ndarray, " batch"],
    width: int,
    wanted: tuple[int, int],
    reserved: int,
    spare: int,
) -> Bool[np.ndarray, "batch n"]:
    """Who is chosen: as many as wanted and possible, in the slots behind the reserved ones."""
    most = np.minimum(wanted[1], counts - reserved - spare)
    number = rows.integers("chosen", wanted[0], np.maximum(most, wanted[0]))[:, None]
    slots = np.arange(width)
    return (slots >= reserved) & (slots < reserved + number)


def _in_time(event: Event) -> Bool[np.ndarray, " batch"]:
    """Whether nobody who moves has to move faster than ``TOP_SPEED``; a single step takes any time."""
    if event.positions.shape[1] == 2:
        return np.ones(len(event.positions), dtype=bool)
    step = np.sqrt((np.diff(event.positions, axis=1) ** 2).sum(-1)).max(1)
    return np.where(event.movable, step, 0.0).max(-1) <= TOP_SPEED * FRAME_SECONDS


def _absent_at_rest(event: Event) -> Event:
    """Puts the padding back to zero, wherever a motion has taken it."""
    return event.replace(positions=np.where(event.present[:, None, :, None], event.positions, 0.0))


def _identified(
    rows: Streams, tries: Streams, event: Event, chosen: np.ndarray, part: Identification
) -> Draft:
    """Plants the chosen ones, and attends the mask that comes out."""
    event = part.plant(tries.fork("plant"), event.replace(attention=chosen.astype(np.float64)), chosen)
    event = _absent_at_rest(event)
    truth = part.mask(event)
    as_many = truth.sum(-1) == chosen.sum(-1)
    attended = np.where(as_many[:, None], truth, chosen)
    event = event.replace(attention=attended.astype(np.float64))
    valid = part.clear(event) & as_many & inside_world(event)
    return (event,), valid & (part.overlap | nobody_overlaps(event))


def identification_scenes(
    streams: Streams, part: Identification, n_entities: tuple[int, int], width: int, what: str
) -> Event:
    """Scenes to identify in, attention on the true mask: positions (B, T+1, N, 2)."""

    def propose(rows: Streams, tries: Streams) -> Draft:
        counts = entity_counts(rows, n_entities)
        event = random_scene(tries, counts, width, frames=part.frames)
        chosen = _cast(rows, counts, width, part.counts, int(part.marker), 1)
        event = event.replace(marker=(np.arange(width) < int(part.marker)) & event.present)
        events, valid = _identified(rows, tries, event, chosen, part)
        return shuffled(tries, events), valid

    return fill(streams, propose, what)[0]


def _with_roles(event: Event, part: Generation, argument: Identification | None) -> Event:
    """Says who moves, once it is known who is attended."""
    attended = event.attention > 0.5
    agent = event.marker
    first = attended & (np.cumsum(attended, axis=1) == 1)
    movable = {
        "agent": agent,
        "attended": attended if argument is None else event.candidates,
        "pusher": agent | first,
    }[part.actor]
    attention = movable if part.references[1] == 0 else attended
    return event.replace(movable=movable, attention=attention.astype(np.float64))


def generation_scenes(
    streams: Streams,
    part: Generation,
    argument: Identification | None,
    n_entities: tuple[int, int],
    width: int,
    what: str,
) -> tuple[Event, Event]:
    """Scenes to act in, and a solution of each.

    Returns:
        The events as they run if nobody does anything, and as they satisfy the concept; positions
        are (B, T+1, N, 2), and both agree in state 0 and in all that is not movable.
    """
    agent = part.actor != "attended"
    reserved = int(agent or (argument is not None and argument.marker))
    wanted = part.references
    if argument is not None:
        wanted = (max(wanted[0], argument.counts[0]), min(wanted[1], argument.counts[1]))

    def propose(rows: Streams, tries: Streams) -> Draft:
        counts = entity_counts(rows, n_entities)
        event = random_scene(tries, counts, width, frames=0)
        chosen = _cast(rows, counts, width, wanted, reserved, int(argument is not None))
        event = event.replace(marker=(np.arange(width) < reserved) & event.present)
        cast = event.replace(attention=chosen.astype(np.float64))
        valid = np.ones(len(counts), dtype=bool)
        if argument is not None:
            (cast,), valid = _identified(rows, tries, event, chosen, argument)
        start = _with_roles(cast, part, argument)
        start = start.replace(positions=np.repeat(start.positions, part.frames + 1, axis=1))
        start = _absent_at_rest(part.script(tries.fork("script"), start)) if part.script else start
        solution = start.replace(positions=part.solve(tries.fork("solve"), start))
        valid &= nobody_overlaps(start) & inside_world(start) & inside_world(solution) & _in_time(solution)
        valid &= (part.error(start) > part.tolerance) & (part.error(solution) <= EXACT)
        return shuffled(tries, (start, solution)), valid

    start, solution = fill(streams, propose, what)
    return start, solution


def check_batch(batch: int) -> None:
    """Checks a batch size.

    Raises:
        ValueError: It is less than one.
    """
    if batch < 1:
        raise ValueError(f"batch is {batch}; ask for at least one event")


def sample_events(
    concept: Concept,
    rng: np.random.Generator,
    batch: int,
    n_entities: int | tuple[int, int] | None,
    mode: Mode | None,
) -> Event:
    """See ``Concept.sample``."""
    check_batch(batch)
    part = concept.part(mode)
    chosen = entity_range(n_entities, (least_entities(part), most_entities(part)))
    streams = streams_from(rng, batch)
    if isinstance(part, Identification):
        return identification_scenes(streams, part, chosen, chosen[1], concept.name)
    return generation_scenes(streams, part, None, chosen, chosen[1], concept.name)[1]
