"""How well an energy does at one thing: success on fresh scenes, with codes from fresh demonstrations.

A cell of a table is some sets of demonstrations, each with some scenes to act or to point in. Seeds
of cells never coincide with those of training, which draws from other generators.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import Protocol as TypingProtocol
from typing import runtime_checkable

import numpy as np

from ..concepts.concept import Concept
from ..concepts.energy.codes import ConceptCode
from ..concepts.event import Event
from ..concepts.model import Search
from ..concepts.sampling import least_entities, most_entities
from ..concepts.streams import streams_from
from ..concepts.task import Task
from .statistics import wilson


@runtime_checkable
class Learner(TypingProtocol):
    """Whatever infers a code and then acts or points: a concept model, or another network to compare with."""

    def infer(
        self, demonstrations: Event, *, steps: int | None = None, encoder: bool | None = None
    ) -> ConceptCode:
        """See ``ConceptModel.infer``."""
        ...

    def generate(self, scene: Event, code: ConceptCode, *, search: Search) -> Event:
        """See ``ConceptModel.generate``."""
        ...

    def identify(self, scene: Event, code: ConceptCode, *, search: Search) -> np.ndarray:
        """See ``ConceptModel.identify``."""
        ...


@dataclass(frozen=True)
class Protocol:
    """How a cell is measured.

    Attributes:
        sets: Sets of demonstrations.
        scenes: Scenes for each set.
        k: Demonstrations of a set.
        n_entities: Range of the number of entities; the catalogue's default if None.
        search: Search of generation and identification; the model's default if None.
        seed: Seeds demonstrations and scenes.
        code_steps: Steps of the code's optimisation; the model's default if None.
        encoder: Whether that starts at the encoder's guess; as in training if None.
    """

    sets: int = 500
    scenes: int = 1
    k: int = 5
    n_entities: tuple[int, int] | None = None
    search: Search | None = None
    seed: int = 1_000_000
    code_steps: int | None = None
    encoder: bool | None = None


@dataclass(frozen=True)
class Score:
    """Successes of a cell.

    Attributes:
        hits: Scenes with success.
        of: Scenes.
        iou: Mean intersection over union of the masks, where masks were asked for.
        residual: Mean energy of the demonstrations.
        each: Success of each scene.
    """

    hits: int
    of: int
    iou: float = float("nan")
    residual: float = float("nan")
    each: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)

    @property
    def rate(self) -> float:
        """Share of successes."""
        return self.hits / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval."""
        return wilson(self.hits, self.of)


def _rng(name: str, purpose: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(f"{name}/{purpose}".encode())])


def entity_limits(part: object, argument: object, wanted: tuple[int, int] | None) -> tuple[int, int] | None:
    """The wanted range of entities, as far as the concept takes them.

    Raises:
        ValueError: The concept takes none of these numbers.
    """
    if wanted is None:
        return None
    least, most = least_entities(part, argument), most_entities(part, argument)  # type: ignore[arg-type]
    low, high = max(wanted[0], least), min(wanted[1], most)
    if low > high:
        raise ValueError(f"the concept takes {least} to {most} entities, not {wanted}")
    return low, high


def demonstration_sets(task: Task | Concept, mode: str, protocol: Protocol) -> Event:
    """Fresh demonstrations, positions (sets, k, T+1, N, 2)."""
    rng = _rng(task.name, f"{mode}/demonstrations", protocol.seed)
    count = protocol.sets * protocol.k
    if isinstance(task, Task):
        events = task.sample(rng, count)
    else:
        events = task.sample(rng, count, None, mode)  # type: ignore[arg-type]
    return events.map(lambda a: a.reshape(protocol.sets, protocol.k, *a.shape[1:]))


def infer_codes(model: Learner, demonstrations: Event, protocol: Protocol) -> ConceptCode:
    """Codes of sets of demonstrations, one for each of their scenes, (sets * scenes, D)."""
    code = model.infer(demonstrations, steps=protocol.code_steps, encoder=protocol.encoder)
    return ConceptCode(
        *(part.repeat_interleave(protocol.scenes, dim=0) for part in (code.w_x, code.w_a, code.residual))
    )


def generation_scenes_of(task: Task, protocol: Protocol) -> Event:
    """Fresh scenes to act in, positions (sets * scenes, T+1, N, 2)."""
    rng = _rng(task.name, "scenes", protocol.seed)
    streams = streams_from(rng, protocol.sets * protocol.scenes)
    wanted = entity_limits(task.generation, task.recogniser, protocol.n_entities)
    return task.scenes(streams, wanted)[0]


def generation_cell(model: Learner, task: Task, protocol: Protocol, shown: str = "generate") -> Score:
    """Success at generating: the argument is identified first, where the task has one.

    Args:
        model: What is measured.
        task: What is to be done.
        protocol: How.
        shown: The mode of the demonstrations; "identify" shows a concept that is then to be enacted.
    """
    told = task if shown == "generate" else task.action
    code = infer_codes(model, demonstration_sets(told, shown, protocol), protocol)
    if shown == "identify":
        code = replace(code, w_x=code.w_a)
    scene = generation_scenes_of(task, protocol)
    asked = scene
    if task.argument is not None:
        asked = scene.replace(attention=np.zeros_like(scene.attention))
    made = model.generate(asked, code, search=protocol.search or Search())
    ok = task.satisfied(made.replace(attention=scene.attention))
    return Score(int(ok.sum()), len(ok), residual=float(code.residual[:, 0].mean()), each=ok)


def identification_scenes_of(concept: Concept, protocol: Protocol) -> Event:
    """Fresh scenes to point in, positions (sets * scenes, T+1, N, 2)."""
    part = concept.part("identify")
    wanted = entity_limits(part, None, protocol.n_entities)
    rng = _rng(concept.name, "identify/scenes", protocol.seed)
    return concept.sample(rng, protocol.sets * protocol.scenes, wanted, "identify")


def identification_cell(
    model: Learner, concept: Concept, protocol: Protocol, shown: str = "identify"
) -> Score:
    """Success at identifying: the exact mask, and intersection over union.

    Args:
        model: What is measured.
        concept: What is to be pointed out.
        protocol: How.
        shown: The mode of the demonstrations; "generate" shows a concept being enacted.
    """
    code = infer_codes(model, demonstration_sets(concept, shown, protocol), protocol)
    if shown == "generate":
        code = replace(code, w_a=code.w_x)
    scene = identification_scenes_of(concept, protocol)
    mask = model.identify(scene, code, search=protocol.search or Search())
    return mask_score(mask, true_mask(concept, scene, mask), float(code.residual[:, 1].mean()))


def true_mask(concept: Concept, scene: Event, near: np.ndarray) -> np.ndarray:
    """The true mask, (B, N); where several are true, the one closest to another mask, (B, N)."""
    part = concept.identification
    assert part is not None, "the concept is one to identify"
    return np.asarray(part.mask(scene.replace(attention=near.astype(np.float64))))


def mask_score(mask: np.ndarray, true: np.ndarray, residual: float = float("nan")) -> Score:
    """Successes, which are exact masks, and intersection over union; masks are (B, N)."""
    iou = (mask & true).sum(-1) / np.maximum((mask | true).sum(-1), 1)
    ok = (mask == true).all(-1)
    return Score(int(ok.sum()), len(ok), float(iou.mean()), residual, ok)


def concept_cell(model: Learner, concept: Concept, mode: str, protocol: Protocol) -> Score:
    """Success at a concept in one mode."""
    if mode == "generate":
        return generation_cell(model, Task(concept), protocol)
    return identification_cell(model, concept, protocol)
