"""Joint concepts: several relations at once, each about somebody of its own, like "near(red) & above(blue)".

A joint concept is in no catalogue: it is put together by name. Its truth is that of its terms; it is
shown by demonstrations of each term on its own, so that whoever learns it has to put them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce

import numpy as np

from .catalogue import CATALOGUE
from .concept import TOLERANCE, Concept, Generation
from .event import Array, Event, concatenate
from .geometry import as_weights, namespace
from .sampling import EXACT
from .streams import Streams
from .task import Task, make_task

_TERM = re.compile(r"\s*(\w+)\s*\(\s*(\w+)\s*\)\s*")
_NOWHERE = 9.0
"""A place outside of the walls: scenes that cannot be solved are drawn anew."""

_MOST = 3
_TRIES = 4


def joint(name: str) -> Concept:
    """Makes a joint concept from its name.

    Args:
        name: Terms joined by "&", each a relation over an argument: "near(red) & above(blue)". The
            argument has to pick out one entity of a state.

    Raises:
        ValueError: The name does not read like that, has one term or too many, or names terms that
            cannot be joined; the message says why.
    """
    found = [_TERM.fullmatch(part) for part in name.split("&")]
    if not all(found) or not 2 <= len(found) <= _MOST:
        raise ValueError(
            f'{name!r} is no joint concept: expected two or three terms, like "near(red) & above(blue)"'
        )
    terms = tuple(_term(*match.groups()) for match in found if match)
    if len({term.argument for term in terms}) < len(terms):
        raise ValueError(f"{name!r} names an argument twice: each term is about somebody of its own")
    title = " & ".join(term.name for term in terms)
    return Concept(
        title,
        terms[0].action.family,
        "; and ".join(term.description for term in terms),
        _generation(terms),
        split="held_out" if any(term.split == "held_out_concept" for term in terms) else "train",
        invariances=frozenset.intersection(*(term.action.invariances for term in terms)),
        terms=tuple((term.action, term.argument) for term in terms if term.argument is not None),
    )


def _term(action: str, argument: str) -> Task:
    for name in (action, argument):
        if name not in CATALOGUE:
            raise ValueError(f"unknown concept {name!r}; names() lists all")
    task = make_task(CATALOGUE[action], CATALOGUE[argument])
    part, who = task.generation, task.recogniser
    assert who is not None, "it has an argument"
    alone = part.references[0] <= 1 <= part.references[1]
    if part.actor != "agent" or part.frames > 1 or part.history or not alone:
        raise ValueError(f"{action!r} cannot be joined: expected a relation of one state to one entity")
    if who.counts[0] != 1:
        raise ValueError(f"{argument!r} cannot be joined: it never picks out one entity alone")
    return task


def _masks(terms: tuple[Task, ...], event: Event) -> list[Array]:
    """Whom each term is about, (..., N) bool, as things stood at first."""
    start = event.replace(positions=event.positions[..., :1, :, :])
    return [term.recogniser.mask(start) for term in terms if term.recogniser is not None]


def _generation(terms: tuple[Task, ...]) -> Generation:
    """The truth of all terms: the largest of their errors, in units of one tolerance."""

    def error(event: Event) -> Array:
        xp = namespace(event.positions)
        parts = [
            term.error(event.replace(attention=as_weights(mask, event.attention)))
            * (TOLERANCE / term.generation.tolerance)
            for term, mask in zip(terms, _masks(terms, event), strict=True)
        ]
        return reduce(xp.maximum, parts)

    def script(streams: Streams, event: Event) -> Event:
        attended = event.attention > 0.5
        order = np.cumsum(attended, axis=1) * attended
        for index, term in enumerate(terms):
            part = term.recogniser
            assert part is not None, "every term has an argument"
            event = part.plant(streams.fork(f"plant {index}"), event, order == index + 1)
        return event.replace(attention=np.any(_masks(terms, event), axis=0).astype(np.float64))

    return Generation(
        error,
        _solver(terms),
        references=(len(terms), len(terms)),
        script=script,
        history=True,  # whom it is about is as things stood at first
        accepts_argument=False,
    )


def _solver(terms: tuple[Task, ...]) -> Callable[[Streams, Event], np.ndarray]:
    """Places that some term proposes and all accept; where there is none, the scene is drawn anew."""

    def error(event: Event, masks: list[Array]) -> np.ndarray:
        parts = [
            term.error(event.replace(attention=mask.astype(np.float64)))
            for term, mask in zip(terms, masks, strict=True)
        ]
        return np.max(parts, axis=0)

    def solve(streams: Streams, event: Event) -> np.ndarray:
        masks = _masks(terms, event)
        left = _unambiguous(terms, event, masks)
        places = np.where(event.movable[:, None, :, None], _NOWHERE, event.positions)
        for attempt in range(_TRIES):
            for term, mask in zip(terms, masks, strict=True):
                given = event.replace(attention=mask.astype(np.float64))
                tried = term.generation.solve(streams.fork(f"{term.name} {attempt}"), given)
                ok = left & (error(event.replace(positions=tried), masks) <= EXACT)
                places, left = np.where(ok[:, None, None, None], tried, places), left & ~ok
        return places

    return solve


def _unambiguous(terms: tuple[Task, ...], event: Event, masks: list[Array]) -> np.ndarray:
    """Whether every term is about one entity beyond doubt, and no two about the same, (B,)."""
    start = event.replace(positions=event.positions[:, :1])
    clear = [term.recogniser.clear(start) for term in terms if term.recogniser is not None]
    single = [mask.sum(-1) == 1 for mask in masks]
    apart = np.sum(masks, axis=0).max(-1) <= 1
    result: np.ndarray = np.logical_and.reduce([*clear, *single, apart])
    return result


def shown_apart(concept: Concept, k: int, seed: int, n_entities: tuple[int, int]) -> Event:
    """``k`` demonstrations of each term on its own, term after term, (terms * k, T+1, N, 2)."""
    parts = [
        Task(action, argument).sample(np.random.default_rng([seed, index]), k, n_entities)
        for index, (action, argument) in enumerate(concept.terms)
    ]
    return concatenate(parts)


def parted(concept: Concept, demonstrations: Event) -> list[Event]:
    """The demonstrations of each term, see ``shown_apart``; of a concept without terms all of them at once.

    Raises:
        ValueError: They are not equally many for each term.
    """
    count, terms = len(demonstrations.positions), max(len(concept.terms), 1)
    if count % terms:
        raise ValueError(f"{count} demonstrations cannot be equally many for each of {terms} terms")
    each = count // terms
    return [demonstrations[index * each : (index + 1) * each] for index in range(terms)]
