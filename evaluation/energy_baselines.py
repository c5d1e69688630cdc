"""What the energy is compared with on the same scenes: chance, copying, and knowing the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..agents.baselines.goals import distances, features
from ..concepts.concept import Concept
from ..concepts.energy.starts import nearest_solution
from ..concepts.event import Event
from ..concepts.task import Task
from .energy_cells import (
    Protocol,
    Score,
    demonstration_sets,
    generation_scenes_of,
    identification_scenes_of,
    mask_score,
    true_mask,
)

Enact: TypeAlias = Callable[[Concept, Event, Event, np.random.Generator], np.ndarray]
Point: TypeAlias = Callable[[Concept, Event, Event, np.random.Generator], np.ndarray]


def _free(scene: Event) -> np.ndarray:
    return scene.movable[:, None, :, None] & (np.arange(scene.positions.shape[1]) > 0)[:, None, None]


def random_places(concept: Concept, shown: Event, scene: Event, rng: np.random.Generator) -> np.ndarray:
    """What may move goes anywhere, in a straight line."""
    goal = rng.uniform(-0.9, 0.9, scene.initial.shape)[:, None]
    share = np.linspace(0, 1, scene.positions.shape[1])[:, None, None]
    path = scene.positions[:, :1] + share * (goal - scene.positions[:, :1])
    return np.where(_free(scene), path, scene.positions)


def random_mask(concept: Concept, shown: Event, scene: Event, rng: np.random.Generator) -> np.ndarray:
    """As many candidates as a random demonstration attends."""
    wanted = shown.attention.sum(-1)
    pick = wanted[np.arange(len(wanted)), rng.integers(wanted.shape[1], size=len(wanted))]
    order = np.where(scene.candidates, rng.random(scene.attention.shape), 2.0)
    rank = np.argsort(np.argsort(order, axis=1), axis=1)
    return (rank < pick[:, None]) & scene.candidates


def nearest_places(concept: Concept, shown: Event, scene: Event, rng: np.random.Generator) -> np.ndarray:
    """Copies, relative to the attended, the ways in the demonstration whose start is most alike."""
    like = ((distances(shown) - distances(scene)[:, None]) ** 2).sum(-1).argmin(1)
    rows = np.arange(len(like))
    picked = shown.map(lambda array: array[rows, like])
    path = scene.positions.copy()
    for row in range(len(rows)):
        mine, theirs = np.flatnonzero(scene.movable[row]), np.flatnonzero(picked.movable[row])
        anchor = _anchor(scene, row), _anchor(picked, row)
        for slot, entity in enumerate(mine):
            other = theirs[slot % len(theirs)]
            path[row, 1:, entity] = picked.positions[row, 1:, other] - anchor[1] + anchor[0]
    return path


def _anchor(event: Event, row: int) -> np.ndarray:
    attended = event.attention[row] > 0.5
    return event.final[row][attended].mean(0) if attended.any() else event.initial[row].mean(0)


def nearest_mask(concept: Concept, shown: Event, scene: Event, rng: np.random.Generator) -> np.ndarray:
    """Attends the entities most like those attended in any demonstration, by colour, size and place."""
    known = features(shown).reshape(len(scene.attention), -1, 6)
    said = (shown.attention > 0.5).reshape(len(known), -1)
    usable = shown.candidates.reshape(len(known), -1)
    gap = ((features(scene)[:, :, None] - known[:, None]) ** 2).sum(-1)
    nearest = np.where(usable[:, None], gap, np.inf).argmin(-1)
    return np.take_along_axis(said, nearest, axis=1) & scene.candidates


def descended(concept: Concept, shown: Event, scene: Event, rng: np.random.Generator) -> np.ndarray:
    """Gradient descent on the true error."""
    return nearest_solution(concept, scene)


def truth(concept: Concept, shown: Event, scene: Event, rng: np.random.Generator) -> np.ndarray:
    """The true mask."""
    return true_mask(concept, scene, scene.attention)


BASELINES: dict[str, tuple[Enact, Point]] = {
    "random": (random_places, random_mask),
    "nearest demonstration": (nearest_places, nearest_mask),
    "descent on the true error": (descended, truth),
}
"""Baselines: one function that enacts, one that points."""


def baseline_cell(name: str, concept: Concept, mode: str, protocol: Protocol) -> Score:
    """Success of a baseline on the scenes and demonstrations that the energy gets."""
    rng = np.random.default_rng(protocol.seed)
    shown = demonstration_sets(concept, mode, protocol).map(lambda a: np.repeat(a, protocol.scenes, axis=0))
    enact, point = BASELINES[name]
    if mode == "generate":
        scene = generation_scenes_of(Task(concept), protocol)
        made = scene.replace(positions=enact(concept, shown, scene, rng))
        ok = np.asarray(concept.satisfied(made, "generate"))
        return Score(int(ok.sum()), len(ok), each=ok)
    scene = identification_scenes_of(concept, protocol)
    mask = point(concept, shown, scene, rng)
    return mask_score(mask, true_mask(concept, scene, mask))
