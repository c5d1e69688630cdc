"""What environments of every kind do with scenes: spaces, observations, padding, fitting of tasks."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from gymnasium import spaces

from ..concepts.event import COLORS, Event

W = TypeVar("W")


def entity_spaces(bodies: int, show_attention: bool) -> dict[str, spaces.Space[Any]]:
    """Spaces of what is seen of the entities in every environment.

    Args:
        bodies: Number of slots, M.
        show_attention: Whether it is seen who is attended.
    """
    flag = spaces.Box(0, 1, (bodies,), np.float32)
    parts: dict[str, spaces.Space[Any]] = {
        "positions": spaces.Box(-1, 1, (bodies, 2), np.float32),
        "colors": spaces.Box(0, 1, (bodies, len(COLORS)), np.float32),
        "sizes": spaces.Box(0, 1, (bodies,), np.float32),
        "present": flag,
        "marker": flag,
    }
    if show_attention:
        parts["attention"] = flag
    return parts


@dataclass(frozen=True)
class Look:
    """What of an observation stays the same during an episode, ready to be copied: (B, M, ...), float32."""

    colors: np.ndarray
    sizes: np.ndarray
    present: np.ndarray
    marker: np.ndarray
    movable: np.ndarray
    attention: np.ndarray

    def copied(self, *names: str) -> dict[str, np.ndarray]:
        """Fresh copies of some of the arrays."""
        return {name: getattr(self, name).copy() for name in names}


def look(scene: Event, bodies: int) -> Look:
    """Prepares the constant part of observations of M bodies: the entities, and zeros for the hand."""

    def widened(array: np.ndarray) -> np.ndarray:
        wide = np.zeros((len(array), bodies, *array.shape[2:]), dtype=np.float32)
        wide[:, : array.shape[1]] = array
        return wide

    return Look(**{field.name: widened(getattr(scene, field.name)) for field in fields(Look)})


def padded(event: Event, width: int, frames: int) -> Event:
    """Adds absent entities up to ``width``, and repeats a single state to ``frames`` + 1.

    Raises:
        ValueError: There are too many entities, or the number of states is neither 1 nor T + 1.
    """
    states, entities = event.positions.shape[-3:-1]
    if entities > width:
        raise ValueError(
            f"the scene has {entities} entities, this environment has room for {width}: "
            f"make it with max_entities={entities}"
        )
    if states not in (1, frames + 1):
        raise ValueError(f"the scene has {states} states, expected 1 or {frames + 1}")

    def pad(array: np.ndarray) -> np.ndarray:
        axis = 2 if array.ndim == 4 else 1
        shape = list(array.shape)
        shape[axis] = width - entities
        return np.concatenate([array, np.zeros(shape, dtype=array.dtype)], axis=axis)

    event = event.map(pad)
    return event.replace(positions=np.repeat(event.positions, (frames + 1) // states, axis=1))


def fit(world: W, task: Any, entities: tuple[int, int]) -> W:  # noqa: ANN401  (a task or a concept)
    """The same world with another task, whose scenes have to fit into the same spaces.

    Args:
        world: A particle or an identification world.
        task: What its field ``task`` is to be.
        entities: Smallest and largest number of entities that this task takes.

    Raises:
        ValueError: The scenes do not fit; the message says what differs.
    """
    old: Any = world
    least, most = entities
    if least > old.width:
        raise ValueError(
            f"{task.name!r} needs {least} entities, this environment has room for {old.width}: "
            f"make it with max_entities={least}"
        )
    low, high = max(least, old.entities[0]), min(most, old.entities[1])
    span = (low, high) if low <= high else (least, min(most, old.width))
    other: Any = replace(old, task=task, entities=span)
    for name in ("observation_space", "action_space"):
        if getattr(other, name) != getattr(old, name):
            raise ValueError(
                f"{task.name!r} has another {name} than {old.task.name!r}: make an environment of its own"
            )
    result: W = other
    return result
