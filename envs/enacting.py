"""What all worlds have in common in which a concept is brought about: events, errors, rewards, goals."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from ..concepts.concept import Generation
from ..concepts.event import Event
from ..concepts.scene import inside_world
from ..concepts.streams import Streams
from ..concepts.task import Task
from .scenes import fit

W = TypeVar("W")

PROGRESS_WEIGHT = 10.0
"""Reward for each unit by which the error drops; success pays one in every step."""


def check_goal_and_discount(task: Task, goal: bool, discount: float) -> None:
    """Checks arguments of a world.

    Raises:
        ValueError: A goal for a concept about a trajectory, or a discount outside of (0, 1].
    """
    if goal and task.generation.frames > 1:
        raise ValueError(
            f"goal=True needs a concept that is about the last state; {task.name!r} is about a trajectory"
        )
    if not 0.0 < discount <= 1.0:
        raise ValueError(f"discount is {discount}, expected a number in (0, 1]")


def solution_of(task: Task, scene: Event, goal: bool) -> tuple[np.ndarray, Streams]:
    """A solution of scenes from outside, (B, T+1, N, 2), and random numbers that depend on nothing.

    Raises:
        ValueError: There is to be a goal, and none was found within the walls.
    """
    part, streams = task.generation, Streams(np.zeros(len(scene.sizes), dtype=np.uint64))
    solution = part.solve(streams.fork("solve"), scene)
    if goal:
        solved = scene.replace(positions=solution)
        if not (inside_world(solved) & (part.error(solved) <= part.tolerance)).all():
            raise ValueError(f"found no goal within the walls that satisfies {task.name!r} in this scene")
    # Where nothing was found, who knows solutions knows to stay.
    there = inside_world(scene.replace(positions=solution))[:, None, None, None]
    return np.where(there, solution, scene.positions), streams


def event_so_far(scene: Event, places: np.ndarray, frames: np.ndarray) -> Event:
    """What has happened so far: the frames, where there are any, or the first and the present state.

    Args:
        scene: Events as they run if nobody acts, positions (B, T+1, N, 2).
        places: Where everybody is, (B, N, 2).
        frames: The frames up to now, (B, T+1, N, 2); (B, 0, N, 2) where only a state counts.
    """
    if frames.shape[1]:
        return scene.replace(positions=frames)
    return scene.replace(positions=np.stack([scene.initial, places], axis=1))


def error_now(part: Generation, scene: Event, places: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The error, (B,); concepts that need no history are spared the copy of it. See ``event_so_far``."""
    if part.history:
        return np.asarray(part.error(event_so_far(scene, places, frames)))
    return np.asarray(part.error(scene.replace(positions=places[:, None])))


def reward_terms(
    before: np.ndarray, now: np.ndarray, success: np.ndarray, kind: str, discount: float
) -> dict[str, np.ndarray]:
    """Terms of the reward, (B,) each: progress of the error and success if dense, else success alone."""
    if kind == "sparse":
        return {"success": success}
    later = now if discount == 1.0 else discount * now
    return {"progress": PROGRESS_WEIGHT * (before - later), "success": success}


def movable_places(scene: Event, places: np.ndarray) -> np.ndarray:
    """Places of the movable entities, zero elsewhere, (B, 2 N): what goals are made of."""
    return (places * scene.movable[..., None]).reshape(len(places), -1)


def with_task(world: W, task: Task, show_attention: bool) -> W:
    """The same world with another task, whose scenes have to fit into the same spaces.

    Raises:
        ValueError: They do not; the message says what differs.
    """
    if not task.asks and not show_attention:
        raise ValueError(f"{task.name!r} has no argument, and here no observation tells who is attended")
    return fit(world, task, task.limits)
