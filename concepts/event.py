"""Events: what happened, to whom, and what of it may still be changed.

Letters used in every docstring of the package: B batch, T steps, N entities, C colour channels.
``*batch`` stands for any number of leading batch dimensions, none included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

Array: TypeAlias = Any
"""A NumPy array or a torch tensor: code on events is written against the array API standard."""

COLORS: tuple[str, ...] = ("red", "green", "blue")
"""Names of the colour channels, in the order of ``Event.colors``."""

FRAME_SECONDS = 0.25
"""Time between two states of an event, in seconds."""

MAX_ENTITIES = 16
"""The largest number of entities that the samplers place in one scene."""


@dataclass(frozen=True, eq=False)
class Event:
    """A trajectory of entities in the concept plane, and the roles the entities play in it.

    Attributes:
        positions: Centres, in [-1, 1]; index 0 of the time axis is the initial state.
        colors: One-hot colours, see ``COLORS``.
        sizes: Radii, in units of the plane.
        present: False on padding.
        movable: Which entities generation may move; the others are scenery.
        marker: The entity that says "me" ("the closest *to me*"); all False where there is none.
        attention: 1 on the entities the event is about, 0 elsewhere; in between while optimised.
    """

    positions: Float[Array, "*batch frames entities 2"]
    colors: Float[Array, "*batch entities 3"]
    sizes: Float[Array, "*batch entities"]
    present: Bool[Array, "*batch entities"]
    movable: Bool[Array, "*batch entities"]
    marker: Bool[Array, "*batch entities"]
    attention: Float[Array, "*batch entities"]

    @property
    def initial(self) -> Float[Array, "*batch entities 2"]:
        """Positions in the first state, (..., N, 2)."""
        return self.positions[..., 0, :, :]

    @property
    def final(self) -> Float[Array, "*batch entities 2"]:
        """Positions in the last state, (..., N, 2)."""
        return self.positions[..., -1, :, :]

    @property
    def candidates(self) -> Bool[Array, "*batch entities"]:
        """Entities that a mask may select: those present, without the marker, (..., N)."""
        return self.present & ~self.marker

    def map(self, function: Callable[[Array], Array]) -> Event:
        """Applies a function to every array, for instance ``torch.as_tensor`` or an index."""
        return Event(**{field.name: function(getattr(self, field.name)) for field in fields(self)})

    def replace(self, **changes: Array) -> Event:
        """Returns a copy with some of the arrays replaced."""
        return Event(**{**self.__dict__, **changes})

    def __getitem__(self, index: Any) -> Event:  # noqa: ANN401  (whatever the arrays accept)
        """Indexes the leading batch dimension of every array."""
        return self.map(lambda array: array[index])


def concatenate(events: list[Event]) -> Event:
    """Joins NumPy events of equal shape along their first batch dimension."""
    return Event(
        **{f.name: np.concatenate([getattr(event, f.name) for event in events]) for f in fields(Event)}
    )


def check_event(event: object, *, max_entities: int | None = None) -> Event:
    """Checks a NumPy event that came from outside.

    Args:
        event: The event.
        max_entities: The largest number of entities allowed, if there is one.

    Returns:
        The event itself.

    Raises:
        TypeError: ``event`` is not an ``Event``, or a field has a wrong dtype.
        ValueError: A field has a wrong shape or holds NaN, or there are too many entities.
    """
    if not isinstance(event, Event):
        raise TypeError(f"expected an Event, got {type(event).__name__}")
    event = event.map(np.asarray)
    positions = event.positions
    if positions.ndim < 3 or positions.shape[-1] != 2 or positions.shape[-3] < 1:
        raise ValueError(f"positions have shape {positions.shape}, expected (..., T+1, N, 2) with T >= 0")
    entities = positions.shape[-2]
    if max_entities is not None and entities > max_entities:
        raise ValueError(
            f"the event has {entities} entities, at most {max_entities} are allowed: "
            f"remove some, or ask for a larger max_entities"
        )
    expected = (*positions.shape[:-3], entities)
    for field in fields(Event):
        _check_field(field.name, np.asarray(getattr(event, field.name)), expected)
    _check_roles(event)
    return event


def _check_roles(event: Event) -> None:
    present = np.asarray(event.present)
    if not present.any(-1).all():
        raise ValueError("an event needs at least one entity that is present")
    for name in ("movable", "marker", "attention"):
        if (np.asarray(getattr(event, name)).astype(bool) & ~present).any():
            raise ValueError(f"{name} includes an entity that is not present")
    if (np.asarray(event.marker).sum(-1) > 1).any():
        raise ValueError("an event has at most one marker")
    attention, sizes = np.asarray(event.attention), np.asarray(event.sizes)
    if ((attention < 0) | (attention > 1)).any():
        raise ValueError("attention holds values outside [0, 1]")
    if ((sizes < 0) | (sizes > 1)).any():
        raise ValueError("sizes holds values outside [0, 1]")
    one_hot = np.isin(event.colors, (0.0, 1.0)).all(-1) & (np.sum(event.colors, axis=-1) == 1)
    if not (one_hot | ~present).all():
        raise ValueError("colors holds a row that is not one-hot, for an entity that is present")


def _check_field(name: str, array: np.ndarray, expected: tuple[int, ...]) -> None:
    boolean = name in ("present", "movable", "marker")
    if array.dtype.kind != ("b" if boolean else "f"):
        raise TypeError(f"{name} has dtype {array.dtype}, expected {'bool' if boolean else 'a float type'}")
    if name != "positions":
        wanted = (*expected, len(COLORS)) if name == "colors" else expected
        if array.shape != wanted:
            raise ValueError(f"{name} has shape {array.shape}, expected {wanted} to go with positions")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values; every value has to be finite")
