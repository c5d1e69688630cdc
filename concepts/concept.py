"""What a concept is: its ground truth as errors, masks, and samplers of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from .event import Array, Event
from .geometry import as_weights, hinge, maximum_over, namespace, total
from .streams import Streams

Mode: TypeAlias = Literal["generate", "identify"]
Split: TypeAlias = Literal["train", "held_out"]
Actor: TypeAlias = Literal["agent", "attended", "pusher"]
Script: TypeAlias = Callable[[Streams, Event], Event]
Deviation: TypeAlias = Callable[[Event, Array], Array]
Proposal: TypeAlias = Callable[[Streams, Event, Array], np.ndarray]

TOLERANCE = 0.05
"""Default tolerance of errors that are distances, in units of the plane: the radius of a small disc."""

FAMILIES: tuple[str, ...] = (
    "spatial",
    "arrangement",
    "proximity",
    "extremes",
    "quantity",
    "visual",
    "temporal",
    "social",
)


@dataclass(frozen=True)
class Generation:
    """A concept as something to bring about: who moves, about whom, and how far it still is.

    Attributes:
        error: Distance from the concept, (...,) >= 0: zero exactly when it is satisfied.
        solve: Positions, (B, T+1, N, 2), that satisfy the concept; scenery keeps its own.
        tolerance: Largest error that still counts as satisfied.
        why: The reason for the tolerance.
        actor: "agent": one entity, marked, moves. "attended": the attended entities move.
            "pusher": the marked agent moves, and with it the attended entity that it pushes.
        references: Smallest and largest number of attended entities.
        script: Gives scenery its motion and attention its shape, after the roles are cast.
        frames: T, the number of steps of the event; 1 where only its last state counts.
        history: Whether the error looks at more than the last state.
        accepts_argument: Whether another concept may say who is attended.
    """

    error: Callable[[Event], Array]
    solve: Callable[[Streams, Event], np.ndarray]
    tolerance: float = TOLERANCE
    why: str = "the radius of a small disc: the eye sees no difference"
    actor: Actor = "agent"
    references: tuple[int, int] = (1, 1)
    script: Script | None = None
    frames: int = 1
    history: bool = False
    accepts_argument: bool = True


@dataclass(frozen=True)
class Identification:
    """A concept as something to recognise: which entities of a scene it is about.

    Attributes:
        mask: The satisfying mask nearest to ``event.attention``, (..., N) bool. Most concepts have
            one satisfying mask, which then does not depend on the attention.
        clear: Whether the scene leaves no doubt: nobody is near the border between in and out, (...,).
        plant: Arranges a random scene so that the chosen entities, (B, N) bool, satisfy the concept.
        counts: Smallest and largest number of entities under the mask.
        marker: Whether the scene has a marked entity.
        entities: Smallest and largest number of entities, the marker included.
        unique: Whether there is one satisfying mask only.
        frames: T, the number of steps of the event; 0 where a single state says it all.
        overlap: Whether entities may lie on one another.
    """

    mask: Callable[[Event], Array]
    clear: Callable[[Event], Array]
    plant: Callable[[Streams, Event, np.ndarray], Event]
    counts: tuple[int, int] = (1, 1)
    marker: bool = False
    entities: tuple[int, int] = (3, 16)
    unique: bool = True
    frames: int = 0
    overlap: bool = False

    def error(self, event: Event) -> Float[Array, "*batch"]:
        """Number of entities wrongly attended or missed, (...,): the L1 distance to a satisfying mask.

        Where any mask of a size will do, entities that the scene itself lacks are missed, too.
        """
        xp = namespace(event.attention)
        wrong = xp.abs(event.attention - as_weights(self.mask(event), event.attention))
        error = xp.sum(wrong, axis=-1)
        if self.unique:
            return error
        return error + hinge(self.counts[0] - total(as_weights(event.candidates, event.attention)))

    @property
    def tolerance(self) -> float:
        """Half an entity: the attention, rounded, is a satisfying mask."""
        return 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Concept:
    """One entry of the catalogue: the ground truth of one concept.

    Attributes:
        name: Unique name, in snake case.
        family: One of ``FAMILIES``.
        description: One line that says what it means.
        generation: The concept as something to bring about, if it can be.
        identification: The concept as something to recognise, if it can be.
        split: "held_out" concepts never occur in meta-training.
        invariances: Which of "translation", "rotation", "scale" leave the truth as it is.
        implies: Names of the concepts that every event with error zero satisfies, too.
        parameters: Values of continuous or categorical parameters, where the concept has any.
        factory: Makes the concept with other parameters.
        draw: Draws parameters for the factory.
        terms: Of a joint concept, what is done and about whom; see ``joint``.
    """

    name: str
    family: str
    description: str
    generation: Generation | None = None
    identification: Identification | None = None
    split: Split = "train"
    invariances: frozenset[str] = frozenset({"translation"})
    implies: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    factory: Callable[..., Concept] | None = None
    draw: Callable[[np.random.Generator], Mapping[str, object]] | None = None
    terms: tuple[tuple[Concept, Concept], ...] = ()

    def __reduce__(self) -> tuple[Callable[..., Concept], tuple[str, dict[str, object]]]:
        """Pickles by name and parameters: the functions of the catalogue cannot be pickled themselves."""
        from .catalogue import restored

        return restored, (self.name, dict(self.parameters))

    def __repr__(self) -> str:
        """For instance Concept('ring', distance=0.4)."""
        given = "".join(f", {key}={value!r}" for key, value in self.parameters.items())
        return f"Concept({self.name!r}{given})"

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What can be done with the concept: "generate", "identify", or both."""
        parts: dict[Mode, object] = {"generate": self.generation, "identify": self.identification}
        return tuple(mode for mode, part in parts.items() if part is not None)

    def part(self, mode: Mode | None = None) -> Generation | Identification:
        """The concept in one mode, by default the first of ``modes``.

        Raises:
            ValueError: The concept has no such mode.
        """
        chosen = self.modes[0] if mode is None else mode
        part = {"generate": self.generation, "identify": self.identification}.get(chosen)
        if part is None:
            raise ValueError(f"concept {self.name!r} has no mode {mode!r}; its modes are {self.modes}")
        return part

    def error(self, event: Event, mode: Mode | None = None) -> Float[Array, "*batch"]:
        """How far the event is from satisfying the concept, (...,) >= 0.

        In mode "generate" a distance (the tolerance says in what units), in mode "identify" the
        number of entities wrongly attended. Differentiable almost everywhere, in torch as in NumPy.

        Args:
            event: The event; NumPy arrays or torch tensors.
            mode: "generate" or "identify"; by default the first mode the concept has.

        Raises:
            ValueError: The concept has no such mode.
        """
        return self.part(mode).error(event)

    def satisfied(self, event: Event, mode: Mode | None = None) -> Bool[Array, "*batch"]:
        """Whether the error is within the tolerance, (...,)."""
        return self.error(event, mode) <= self.part(mode).tolerance

    def sample(
        self,
        rng: np.random.Generator,
        batch: int,
        n_entities: int | tuple[int, int] | None = None,
        mode: Mode | None = None,
    ) -> Event:
        """Draws events that satisfy the concept (error below 1e-5), in float64.

        Args:
            rng: Source of all randomness.
            batch: Number of events, B.
            n_entities: Number of entities, or a range with both ends; by default four to seven, or
                as many more as the concept needs.
            mode: "generate" or "identify"; by default the first mode the concept has.

        Returns:
            Events with positions (B, T+1, N, 2); state 0 does not satisfy a concept to generate.

        Raises:
            ValueError: Too few or too many entities for this concept, or no such mode.
        """
        from .sampling import sample_events

        return sample_events(self, rng, batch, n_entities, mode)

    def demonstrations(
        self,
        k: int = 5,
        seed: int = 0,
        n_entities: int | tuple[int, int] | None = None,
        mode: Mode | None = None,
    ) -> Event:
        """``k`` satisfying events, (k, T+1, N, 2), that depend on the seed alone.

        Raises:
            ValueError: ``k`` is less than one.
        """
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one demonstration")
        return self.sample(np.random.default_rng(seed), k, n_entities, mode)

    def with_parameters(self, **parameters: object) -> Concept:
        """The same concept with other parameters, for instance ``distance=0.5`` for "ring".

        Raises:
            ValueError: The concept has no parameters, or a value is outside its range.
            TypeError: A parameter is unknown.
        """
        if self.factory is None:
            raise ValueError(f"concept {self.name!r} has no parameters")
        unknown = sorted(set(parameters) - set(self.parameters))
        if unknown:
            raise TypeError(
                f"concept {self.name!r} has no parameter {unknown}; it has {list(self.parameters)}"
            )
        return self.factory(**parameters)

    def redrawn(self, rng: np.random.Generator) -> Concept:
        """The same concept with parameters drawn anew; itself, where it has none."""
        return self if self.draw is None else self.with_parameters(**self.draw(rng))


def relation(
    deviation: Deviation,
    propose: Proposal,
    *,
    references: tuple[int, int] = (1, 1),
    tolerance: float = TOLERANCE,
    why: str = "the radius of a small disc: the eye sees no difference",
    script: Script | None = None,
    frames: int = 1,
    history: bool = False,
    accepts_argument: bool = True,
) -> Generation:
    """A concept that a moving agent enacts relative to the attended entities.

    Args:
        deviation: Maps (event, reference weights (..., N)) to how far each entity would be from
            satisfying the relation, were it the agent, (..., N).
        propose: Draws satisfying places, (B, N, 2), or trajectories, (B, T+1, N, 2), of each entity.
        references: Smallest and largest number of attended entities.
        tolerance: Largest error that still counts as satisfied.
        why: The reason for the tolerance.
        script: Gives scenery its motion.
        frames: T.
        history: Whether the deviation looks at more than the last state.
        accepts_argument: Whether another concept may say who is attended.
    """

    def error(event: Event) -> Array:
        missing = hinge(references[0] - total(event.attention))
        return maximum_over(deviation(event, event.attention), event.movable) + missing

    def solve(streams: Streams, event: Event) -> np.ndarray:
        proposal = propose(streams, event, event.attention)
        return moved(event, proposal, event.movable)

    return Generation(
        error, solve, tolerance, why, "agent", references, script, frames, history, accepts_argument
    )


def moved(event: Event, proposal: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Positions, (B, T+1, N, 2), with some entities moved to proposed places or trajectories.

    Args:
        event: The event before.
        proposal: Places in the last state, (B, N, 2), or trajectories, (B, T+1, N, 2).
        who: Whom to move, (B, N).
    """
    if proposal.ndim == 3:
        last = np.where(who[..., None], proposal, event.final)
        return np.concatenate([event.positions[:, :-1], last[:, None]], axis=1)
    later = np.where(who[:, None, :, None], proposal, event.positions)[:, 1:]
    return np.concatenate([event.positions[:, :1], later], axis=1)


def membership(
    deviation: Deviation,
    plant: Callable[[Streams, Event, np.ndarray], Event],
    *,
    margin: float = TOLERANCE,
    tolerance: float = TOLERANCE,
    counts: tuple[int, int] = (1, 1),
    marker: bool = False,
    entities: tuple[int, int] = (3, 16),
    frames: int = 0,
    overlap: bool = False,
) -> Identification:
    """A concept that each entity satisfies or not, on its own merits or relative to the marker.

    Args:
        deviation: Maps (event, marker weights (..., N)) to how far each entity is from it, (..., N).
        plant: Arranges a random scene so that the chosen entities satisfy it.
        margin: How far beyond the tolerance everybody else has to be for the scene to be clear.
        tolerance: Largest deviation that counts as satisfied.
        counts: Smallest and largest number of entities under the mask.
        marker: Whether the scene has a marked entity.
        entities: Smallest and largest number of entities.
        frames: T; 0 where a single state says it all.
        overlap: Whether entities may lie on one another.
    """

    def deviations(event: Event) -> Array:
        return deviation(event, as_weights(event.marker, event.attention))

    def mask(event: Event) -> Array:
        return (deviations(event) <= tolerance) & event.candidates

    def clear(event: Event) -> Array:
        xp = namespace(event.attention)
        values = deviations(event)
        decided = (values <= tolerance / 50) | (values >= tolerance + margin)
        return xp.all(decided | ~event.candidates, axis=-1)

    return Identification(mask, clear, plant, counts, marker, entities, True, frames, overlap)


def as_found(streams: Streams, event: Event, chosen: np.ndarray) -> Event:
    """Plants nothing: for concepts that some entity of any scene satisfies, like "leftmost"."""
    return event


def planted(propose: Proposal) -> Callable[[Streams, Event, np.ndarray], Event]:
    """Plants the chosen entities at places proposed relative to the marker."""

    def plant(streams: Streams, event: Event, chosen: np.ndarray) -> Event:
        proposal = propose(streams, event, event.marker.astype(np.float64))
        return event.replace(positions=moved(event, proposal, chosen))

    return plant
