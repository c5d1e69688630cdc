"""Formulas of codes against the ground truth: and, or, not, and concepts that pick an argument.

The codes of a formula come from demonstrations of each concept on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..concepts.catalogue import CATALOGUE
from ..concepts.energy.codes import ConceptCode, Formula
from ..concepts.event import Event, concatenate
from ..concepts.model import ConceptModel, Search
from ..concepts.scene import EDGE, inside_world, nobody_overlaps, random_scene
from ..concepts.streams import Streams, streams_from
from ..concepts.task import task
from .energy_cells import Protocol, Score, demonstration_sets, infer_codes, mask_score

WIDTH = 6
_PLACES = 256
_TRIES = 40


@dataclass(frozen=True)
class Composite:
    """A formula over named concepts, each about one reference of its own.

    Attributes:
        concepts: Names of the concepts, one for each term.
        formula: Joins the terms' codes.
        truth: Joins the terms' truths, each (...,) bool.
    """

    concepts: tuple[str, ...]
    formula: Callable[..., Formula]
    truth: Callable[..., np.ndarray]


def _all(*truths: np.ndarray) -> np.ndarray:
    return np.logical_and.reduce(truths)


def _sum(*codes: ConceptCode) -> Formula:
    formula: Formula = codes[0]
    for code in codes[1:]:
        formula = formula & code
    return formula


FORMULAS: dict[str, Composite | tuple[str, str] | str] = {
    "near A and left of B": Composite(("near", "left_of"), _sum, _all),
    "near A and above B": Composite(("near", "above"), _sum, _all),
    "left of A and above B": Composite(("left_of", "above"), _sum, _all),
    "ring of A and right of B": Composite(("ring", "right_of"), _sum, _all),
    "far from A and below B": Composite(("far", "below"), _sum, _all),
    "left of A and above B and near C": Composite(("left_of", "above", "near"), _sum, _all),
    "far from A and right of B and below C": Composite(("far", "right_of", "below"), _sum, _all),
    "near A or near B": Composite(("near", "near"), lambda a, b: a | b, np.logical_or),
    "left of A or above B": Composite(("left_of", "above"), lambda a, b: a | b, np.logical_or),
    "near A and not left of B": Composite(("near", "left_of"), lambda a, b: a & ~b, lambda a, b: a & ~b),
    "ring of A and not above B": Composite(("ring", "above"), lambda a, b: a & ~b, lambda a, b: a & ~b),
    "near the leftmost": ("near", "leftmost"),
    "left of the largest": ("left_of", "largest"),
    "above the closest": ("above", "closest"),
    "near the odd one out": ("near", "odd_one_out"),
    "those near me and red": "near red",
    "those left of me and large": "left_of large",
    "those red and large": "red large",
}
"""Of terms with given references, (action, argument) by recursion, or masks that are intersected."""


def codes_of(model: ConceptModel, name: str, mode: str, sets: int, scenes: int) -> ConceptCode:
    """Codes of a concept from fresh demonstrations, one for each scene, (sets * scenes, D)."""
    protocol = Protocol(sets=sets, scenes=scenes, seed=2_000_000)
    return infer_codes(model, demonstration_sets(CATALOGUE[name], mode, protocol), protocol)


def composition_cell(model: ConceptModel, name: str, sets: int, scenes: int) -> Score:
    """Success at one of the formulas."""
    entry = FORMULAS[name]
    if isinstance(entry, Composite):
        return _enacted(model, entry, sets, scenes)
    if isinstance(entry, tuple):
        return _recursive(model, *entry, sets, scenes)
    first, second = entry.split()
    return _intersected(model, first, second, sets, scenes)


def _truth(composite: Composite, event: Event, masks: np.ndarray) -> np.ndarray:
    """Whether an event satisfies the composite; masks are (terms, B, N)."""
    parts = []
    for concept, mask in zip(composite.concepts, masks, strict=True):
        part = CATALOGUE[concept].part("generate")
        given = event.replace(attention=np.broadcast_to(mask, event.attention.shape))
        parts.append(part.error(given) <= part.tolerance)
    return composite.truth(*parts)


def _with_last(event: Event, places: np.ndarray) -> Event:
    """The event with the marker at places, (B, 2), in the end."""
    last = np.where(event.marker[..., None], places[:, None], event.final)
    return event.replace(positions=np.stack([event.initial, last], axis=1))


def composite_scenes(composite: Composite, rows: int, seed: int) -> tuple[Event, np.ndarray]:
    """Scenes in which the composite is not satisfied but can be, and the terms' masks, (terms, B, N)."""
    kept: list[Event] = []
    terms = len(composite.concepts)
    streams = streams_from(np.random.default_rng(seed), rows)
    masks = np.zeros((terms, 1, WIDTH))
    masks[np.arange(terms), 0, 1 + np.arange(terms)] = 1.0
    for row in range(rows):
        kept.append(_possible(composite, Streams(streams.keys[row : row + 1]), masks))
    return concatenate(kept), np.broadcast_to(masks, (terms, rows, WIDTH))


def _possible(composite: Composite, stream: Streams, masks: np.ndarray) -> Event:
    """The first scene of a stream that is well-formed, not solved yet, and solved by some random place."""
    for attempt in range(_TRIES):
        tries = stream.fork(attempt)
        event = random_scene(tries, np.array([WIDTH]), WIDTH, frames=1)
        marker = (np.arange(WIDTH) == 0)[None]
        event = event.replace(marker=marker, movable=marker)
        if not (inside_world(event) & nobody_overlaps(event))[0] or _truth(composite, event, masks)[0]:
            continue
        places = tries.uniform("places", _PLACES, 2, low=-EDGE, high=EDGE)[0]
        copies = event.map(lambda array: np.repeat(array, _PLACES, axis=0))
        if _truth(composite, _with_last(copies, places), masks).any():
            return event
    raise ValueError(f"no scene for {composite.concepts} in {_TRIES} attempts")


def _enacted(model: ConceptModel, composite: Composite, sets: int, scenes: int) -> Score:
    scene, masks = composite_scenes(composite, sets * scenes, seed=3_000_000)
    codes = [
        codes_of(model, name, "generate", sets, scenes).about(mask)
        for name, mask in zip(composite.concepts, masks, strict=True)
    ]
    given = scene.replace(attention=masks.max(0))
    made = model.generate(given, composite.formula(*codes), search=Search(20))
    ok = _truth(composite, made, masks)
    return Score(int(ok.sum()), len(ok), each=ok)


def _recursive(model: ConceptModel, action: str, argument: str, sets: int, scenes: int) -> Score:
    """The action about whatever the other concept's code picks out; nobody is attended in the scene."""
    both = task(action, argument)
    scene, _ = both.scenes(streams_from(np.random.default_rng(4_000_000), sets * scenes))
    does = codes_of(model, action, "generate", sets, scenes)
    whom = codes_of(model, argument, "identify", sets, scenes)
    empty = scene.replace(attention=np.zeros_like(scene.attention))
    made = model.generate(empty, does.about(whom))
    ok = both.satisfied(made.replace(attention=scene.attention))
    return Score(int(ok.sum()), len(ok), each=ok)


def _intersected(model: ConceptModel, first: str, second: str, sets: int, scenes: int) -> Score:
    """Those that satisfy both concepts, found by the sum of two energies."""
    parts = [CATALOGUE[name].identification for name in (first, second)]
    assert parts[0] is not None and parts[1] is not None, "the table names concepts to identify"
    wanted = sets * scenes
    drawn = CATALOGUE[first].sample(np.random.default_rng(5_000_000), 12 * wanted, (5, 7), "identify")
    true = np.asarray(parts[0].mask(drawn)) & np.asarray(parts[1].mask(drawn))
    clear = np.asarray(parts[1].clear(drawn)) & true.any(-1)
    rows = np.flatnonzero(clear)[:wanted]
    if len(rows) < wanted:
        raise ValueError(f"only {len(rows)} of {wanted} scenes have somebody both {first} and {second}")
    scene, true = drawn[rows], true[rows]
    codes = [codes_of(model, name, "identify", sets, scenes) for name in (first, second)]
    mask = model.identify(scene, codes[0] & codes[1])
    return mask_score(mask, true)
