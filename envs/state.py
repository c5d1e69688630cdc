"""Batched states: frozen dataclasses of arrays whose first dimension is the row."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from gymnasium import spaces

from ..concepts.event import Event
from ..concepts.streams import Streams

S = TypeVar("S")
Observation = dict[str, np.ndarray]


@runtime_checkable
class World(Protocol[S]):
    """A batched simulation without memory of its own: all that changes is in the state it is handed."""

    @property
    def task(self) -> Any:  # noqa: ANN401  (a Task, or a Concept to identify)
        """What is to be done."""
        ...

    @property
    def width(self) -> int:
        """Number of entity slots, N."""
        ...

    @property
    def frames(self) -> int:
        """T of the events; 1 or 0 where only a state counts."""
        ...

    @property
    def horizon(self) -> int:
        """Steps of an episode."""
        ...

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        ...

    @property
    def goal(self) -> bool:
        """Whether this is the goal variant."""
        ...

    @property
    def observation_space(self) -> spaces.Dict:
        """Of one row."""
        ...

    @property
    def action_space(self) -> spaces.Box:
        """Of one row."""
        ...

    def begin(self, streams: Streams) -> S:
        """Draws a fresh state for every row."""
        ...

    def begin_at(self, scene: Event) -> S:
        """The state in which these scenes, (B, T+1, N, 2), start."""
        ...

    def advance(self, state: S, actions: np.ndarray) -> tuple[S, Outcome]:
        """One step of every row."""
        ...

    def observe(self, state: S) -> Observation:
        """What the agent sees, (B, ...), in fresh arrays."""
        ...

    def info(self, state: S) -> dict[str, np.ndarray]:
        """What ``reset`` reports beside the observation, (B,) each."""
        ...

    def event(self, state: S) -> Event:
        """What has happened so far, as an event."""
        ...

    def hand(self, state: S) -> np.ndarray | None:
        """Places of the hands, (B, 2), if there are any."""
        ...

    def goal_reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Reward of the goal variant, (...,), of goals (..., 2 N)."""
        ...

    def with_task(self, task: Any) -> World[S]:  # noqa: ANN401  (a task or a concept, by kind of world)
        """The same world with another task."""
        ...

    def find_task(self, task: object) -> Any:  # noqa: ANN401
        """A task of this kind of world, by name, by pair of names, or as it is."""
        ...

    def demonstrations(self, k: int, seed: int) -> Event:
        """Events that show the task."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a step brings, by row, (B,) each.

    Attributes:
        reward: Sum of the reward's terms, float64.
        terminated: Whether the task has come to its end.
        truncated: Whether the time is over.
        info: "is_success", "concept_error", and each term of the reward.
    """

    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    info: dict[str, np.ndarray]


def outcome(
    terms: dict[str, np.ndarray], terminated: np.ndarray, truncated: np.ndarray, info: dict[str, np.ndarray]
) -> Outcome:
    """Adds up the reward's terms, and puts them into the information under "reward_<name>"."""
    for name, term in terms.items():
        info[f"reward_{name}"] = term.astype(np.float64)
    parts = [info[f"reward_{name}"] for name in terms]
    return Outcome(sum(parts[1:], start=parts[0]), terminated, truncated, info)


def take(state: S, index: slice) -> S:
    """Some rows of a state."""
    parts = {}
    for field in fields(state):  # type: ignore[arg-type]
        value = getattr(state, field.name)
        parts[field.name] = take(value, index) if is_dataclass(value) else value[index].copy()
    return type(state)(**parts)


def overwrite(state: S, rows: np.ndarray, other: S) -> S:
    """The state with some rows, (B,) bool, replaced by those of another, in order."""
    changes = {}
    for field in fields(state):  # type: ignore[arg-type]
        old, new = getattr(state, field.name), getattr(other, field.name)
        if is_dataclass(old):
            changes[field.name] = overwrite(old, rows, new)
        else:
            fresh = old.copy(order="K")
            fresh[rows] = new
            changes[field.name] = fresh
    return replace(state, **changes)  # type: ignore[type-var]


def batch_last(array: np.ndarray) -> np.ndarray:
    """The array in a memory layout with the rows side by side, and floats as float32.

    NumPy's loops then run along the batch, however few entities there are: five times as fast.
    """
    return np.asfortranarray(array, dtype=np.float32 if array.dtype.kind == "f" else None)
