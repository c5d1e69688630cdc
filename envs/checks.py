"""Checks at the door: constructor arguments, actions, reset options and scenes from outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..concepts.event import Event, check_event

_SLACK = 1e-5
"""How far beyond [-1, 1] rounding may take an action."""


def check_actions(actions: object, shape: tuple[int, ...]) -> np.ndarray:
    """Actions as float32 of the given shape.

    Raises:
        TypeError: They are not numbers.
        ValueError: Another shape, NaN, or values outside [-1, 1].
    """
    array = np.asarray(actions)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"the action has dtype {array.dtype}, expected float32")
    if array.shape != shape:
        raise ValueError(f"the action has shape {array.shape}, expected {shape}")
    array = array.astype(np.float32, copy=False)
    largest = np.maximum.reduce(np.abs(array), axis=None)
    if not largest <= 1 + _SLACK:
        raise ValueError(
            f"the action holds {'NaN' if np.isnan(largest) else largest}; expected values in [-1, 1] "
            f"of shape {shape}: clip or rescale them"
        )
    return array


def check_options(options: dict[str, Any] | None, known: tuple[str, ...]) -> dict[str, Any]:
    """A copy of the options.

    Raises:
        ValueError: Some option is unknown.
    """
    options = dict(options or {})
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"unknown reset options {unknown}; known are {list(known)}")
    return options


def batched_scene(scene: object, rows: int) -> Event:
    """A scene from outside, checked, as a batch.

    Raises:
        TypeError: It is no event, or a field has a wrong dtype.
        ValueError: A wrong shape, NaN, or another number of rows.
    """
    if isinstance(scene, Event):
        scene = scene.map(np.asarray)
    scene = check_event(scene)
    if scene.sizes.ndim == 1:
        scene = scene.map(lambda array: np.repeat(array[None], rows, axis=0))
    if scene.sizes.shape[:-1] != (rows,):
        raise ValueError(f"the scene has batch shape {scene.sizes.shape[:-1]}, expected () or ({rows},)")
    reach = np.abs(scene.positions).max(axis=(1, 3)) + scene.sizes
    if np.any(np.where(scene.present, reach, 0) > 1 + 1e-6) or np.abs(scene.positions).max() > 1 + 1e-6:
        raise ValueError("some disc of the scene reaches beyond the walls at -1 and 1")
    return scene


def check_render_mode(mode: str | None, known: tuple[str, ...] = ("human", "rgb_array")) -> None:
    """Checks a render mode.

    Raises:
        ValueError: It is none of the known ones.
    """
    if mode is not None and mode not in known:
        raise ValueError(f"render_mode is {mode!r}, expected None or one of {list(known)}")


def check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Checks an argument that takes one of a few strings.

    Raises:
        ValueError: The value is none of them.
    """
    if value not in known:
        raise ValueError(f"{name} is {value!r}, expected one of {list(known)}")


def slots(entities: tuple[int, int], max_entities: int | None, most: int) -> int:
    """Number of entity slots: as asked for, or as many as the largest scene has.

    Raises:
        TypeError: ``max_entities`` is no int.
        ValueError: It is too small for the scenes.
    """
    if max_entities is None:
        return entities[1]
    if not isinstance(max_entities, int) or isinstance(max_entities, bool):
        raise TypeError(f"max_entities is {max_entities!r}, expected an int")
    if not entities[1] <= max_entities <= 64:
        raise ValueError(
            f"max_entities is {max_entities}, but the scenes have up to {entities[1]} entities: "
            f"expected {entities[1]} to 64, or fewer n_entities (this concept takes up to {most})"
        )
    return max_entities
