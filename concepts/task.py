"""Tasks: an action concept over an argument concept, like "form a square" over "the red ones"."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from .catalogue import CATALOGUE, get
from .concept import Concept, Generation, Identification
from .event import Array, Event
from .sampling import check_batch, entity_range, generation_scenes, least_entities, most_entities
from .streams import Streams, streams_from

TaskSplit: TypeAlias = Literal["train", "held_out_pair", "held_out_concept"]

_HELD_OUT_SHARE = 5
"""One pair in five is held out."""

_HOPELESS: dict[str, tuple[str, ...]] = {
    "far": ("furthest",),
    "left_of": ("right_of", "offset"),
    "right_of": ("left_of",),
    "above": ("below",),
    "below": ("above", "offset"),
    "inside": (
        "near",
        "line",
        "horizontal_line",
        "vertical_line",
        "diagonal_line",
        "evenly_spaced_line",
    ),
    "opposite_of": ("far",),
    "ring": ("offset",),
    "rectangle": ("horizontal_line", "vertical_line", "diagonal_line", "evenly_spaced_line"),
    "cluster": ("near",),
    "after": ("near",),
    "orbit": ("far",),
    "avoid": ("near", "offset", "ring"),
}
"""Arguments over which an action is done from the start, or cannot be done within the walls."""


@dataclass(frozen=True)
class Task:
    """What is done (the action), and to whom (the argument).

    Attributes:
        action: A concept with mode "generate".
        argument: A concept with mode "identify" that says who is attended in the first state; None
            where the event says so itself.
    """

    action: Concept
    argument: Concept | None = None

    @property
    def name(self) -> str:
        """For instance "square(red)", or "square" without an argument."""
        return self.action.name if self.argument is None else f"{self.action.name}({self.argument.name})"

    @property
    def description(self) -> str:
        """One line that says what is to be done."""
        if self.argument is None:
            return self.action.description
        return f"{self.action.description}; about {self.argument.description}"

    @property
    def split(self) -> TaskSplit:
        """Whether a part is held out, or only this pair of known parts, or neither."""
        if self.action.terms:
            parts = {Task(*term).split for term in self.action.terms}
            return next((s for s in ("held_out_concept", "held_out_pair") if s in parts), "train")
        if "held_out" in (self.action.split, self.argument.split if self.argument else "train"):
            return "held_out_concept"
        if self.argument and zlib.crc32(self.name.encode()) % _HELD_OUT_SHARE == 0:
            return "held_out_pair"
        return "train"

    @property
    def asks(self) -> bool:
        """Whether it has to be found out whom it is about: an argument, or several, are part of it."""
        return self.argument is not None or bool(self.action.terms)

    @property
    def generation(self) -> Generation:
        """The action's ground truth."""
        part = self.action.generation
        assert part is not None, "checked when the task was made"
        return part

    @property
    def recogniser(self) -> Identification | None:
        """The argument's ground truth."""
        return None if self.argument is None else self.argument.identification

    def error(self, event: Event) -> Float[Array, "*batch"]:
        """The action's error, (...,); who is attended is as ``event.attention`` says."""
        return self.generation.error(event)

    def satisfied(self, event: Event) -> Bool[Array, "*batch"]:
        """Whether the error is within the action's tolerance, (...,)."""
        return self.error(event) <= self.generation.tolerance

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest number of entities that it takes; every term of a joint concept has to."""
        parts = [self, *(Task(*term) for term in self.action.terms)]
        least = max(least_entities(part.generation, part.recogniser) for part in parts)
        return least, min(most_entities(part.generation, part.recogniser) for part in parts)

    def entity_range(self, n_entities: int | tuple[int, int] | None = None) -> tuple[int, int]:
        """Smallest and largest number of entities, by default or checked; see ``Concept.sample``."""
        return entity_range(n_entities, self.limits)

    def scenes(
        self, streams: Streams, n_entities: int | tuple[int, int] | None = None, width: int | None = None
    ) -> tuple[Event, Event]:
        """Scenes to act in, (B, T+1, N, 2), and a solution of each.

        Args:
            streams: Random numbers, by row.
            n_entities: Number of entities, or a range with both ends.
            width: Number of entity slots, N; by default the largest number of entities.

        Raises:
            ValueError: Too few or too many entities for this task.
        """
        chosen = self.entity_range(n_entities)
        return generation_scenes(
            streams, self.generation, self.recogniser, chosen, width or chosen[1], self.name
        )

    def sample(
        self, rng: np.random.Generator, batch: int, n_entities: int | tuple[int, int] | None = None
    ) -> Event:
        """Draws events that satisfy the task: attention marks the argument, the end the action."""
        check_batch(batch)
        return self.scenes(streams_from(rng, batch), n_entities)[1]

    def demonstrations(
        self, k: int = 5, seed: int = 0, n_entities: int | tuple[int, int] | None = None
    ) -> Event:
        """``k`` satisfying events, (k, T+1, N, 2), that depend on the seed alone.

        A joint concept is shown by ``k`` events of each of its terms, term after term.

        Raises:
            ValueError: ``k`` is less than one.
        """
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one demonstration")
        if self.action.terms:
            from .joint import shown_apart

            return shown_apart(self.action, k, seed, self.entity_range(n_entities))
        return self.sample(np.random.default_rng(seed), k, n_entities)


def why_not(action: Concept, argument: Concept | None) -> str | None:
    """Why the two make no task; None if they do."""
    if action.generation is None:
        return f"{action.name!r} cannot be an action: it has no mode 'generate'"
    if argument is None:
        return None
    if not action.generation.accepts_argument:
        return f"{action.name!r} takes no argument: it casts its own entities"
    part = argument.identification
    if part is None:
        return f"{argument.name!r} cannot be an argument: it has no mode 'identify'"
    if part.frames > 0:
        return f"{argument.name!r} cannot be an argument: a single state does not show it"
    if not part.unique:
        return f"{argument.name!r} cannot be an argument: it leaves open who is meant"
    wanted = action.generation.references
    if wanted[1] < part.counts[0] or part.counts[1] < wanted[0]:
        return f"{action.name!r} is about {wanted} entities, {argument.name!r} selects {part.counts}"
    if action.name == argument.name or action.name in argument.implies:
        return f"{argument.name!r} entities satisfy {action.name!r} from the start"
    if argument.name in _HOPELESS.get(action.name, ()):
        return f"{action.name!r} over {argument.name!r} is satisfied from the start, or never can be"
    if part.overlap:
        return f"{argument.name!r} entities lie on one another from the start"
    if least_entities(action.generation, part) > most_entities(action.generation, part):
        return f"{action.name!r} over {argument.name!r} needs more entities than are allowed"
    return None


def make_task(action: Concept, argument: Concept | None = None) -> Task:
    """Pairs two concepts.

    Raises:
        ValueError: The two make no task; the message says why.
    """
    reason = why_not(action, argument)
    if reason is not None:
        raise ValueError(reason)
    return Task(action, argument)


def task(action: str | Concept, argument: str | Concept | None = None) -> Task:
    """Pairs two concepts by name.

    Raises:
        ValueError: An unknown name, or the two make no task; the message says why.
    """
    given = get(action) if isinstance(action, str) else action
    over = get(argument) if isinstance(argument, str) else argument
    for part in (given, over):
        if part is not None and not isinstance(part, Concept):
            raise TypeError(f"{part!r} is neither the name of a concept nor a Concept")
    return make_task(given, over)


def pairs(split: TaskSplit | None = None) -> tuple[Task, ...]:
    """All tasks with an argument that come out of the catalogue, of a split or of all."""
    every = (
        Task(action, argument)
        for action in CATALOGUE.values()
        for argument in CATALOGUE.values()
        if why_not(action, argument) is None
    )
    return tuple(one for one in every if split in (None, one.split))
