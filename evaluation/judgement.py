"""Whether energies tell what satisfies a concept from what does not: ranking, and the threshold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..concepts.concept import Concept
from ..concepts.energy.inference import THRESHOLD
from ..concepts.event import Event
from ..concepts.model import ConceptModel
from ..concepts.task import Task
from .energy_cells import (
    Protocol,
    Score,
    demonstration_sets,
    generation_scenes_of,
    identification_scenes_of,
    infer_codes,
    true_mask,
)


class Judged(NamedTuple):
    """How events were judged.

    Attributes:
        area: Area under the ROC curve: the share of pairs of a satisfying and another event, from any
            scenes, in which the former has less energy.
        told: Events on the right side of the threshold.
    """

    area: float
    told: Score


def judged(model: ConceptModel, concept: Concept, mode: str, protocol: Protocol) -> Judged:
    """Energies of fresh events that satisfy the concept, and of events that do not, by inferred codes.

    To enact, the others are scenes in which nobody has acted yet; to recognise, masks with one
    candidate wrong, or nobody under them.
    """
    code = infer_codes(model, demonstration_sets(concept, mode, protocol), protocol)
    good, other = _events(concept, mode, protocol)
    low, high = (model.energy(event, code, mode).cpu().numpy() for event in (good, other))
    area = float((low[:, None] < high[None]).mean() + 0.5 * (low[:, None] == high[None]).mean())
    right = np.concatenate([low < THRESHOLD, high >= THRESHOLD])
    return Judged(area, Score(int(right.sum()), len(right)))


def _events(concept: Concept, mode: str, protocol: Protocol) -> tuple[Event, Event]:
    rng = np.random.default_rng(protocol.seed + 7)
    if mode == "generate":
        task = Task(concept)
        return task.sample(rng, protocol.sets * protocol.scenes), generation_scenes_of(task, protocol)
    scene = identification_scenes_of(concept, protocol)
    true = true_mask(concept, scene, scene.attention)
    chance = np.where(scene.candidates, rng.random(true.shape), -1.0)
    flipped = np.where(np.arange(true.shape[1]) == chance.argmax(1)[:, None], ~true, true)
    still = (np.asarray(true_mask(concept, scene, flipped)) == flipped).all(-1)
    # Where many masks will do, one more or less may still be right; nobody at all never is.
    wrong = np.where(still[:, None], False, flipped)
    good = scene.replace(attention=true.astype(np.float64))
    return good, scene.replace(attention=wrong.astype(np.float64))


def by_judgement(
    model: ConceptModel, concepts: Iterator[Concept], protocol: Protocol
) -> Iterator[tuple[tuple[str, ...], Score]]:
    """For each concept and mode: labels with the area under the curve, and what the threshold told."""
    for concept in concepts:
        for mode in concept.modes:
            found = judged(model, concept, mode, protocol)
            yield (concept.family, concept.name, mode, f"{found.area:.3f}"), found.told
