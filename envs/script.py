"""Scenery that moves by itself: where it is at any time between two frames of its script."""

from __future__ import annotations

import numpy as np

from ..concepts.event import FRAME_SECONDS, Event


def scripted(scene: Event, steps: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where everybody would be if nobody acted.

    Args:
        scene: Events as they run if nobody acts, positions (B, T+1, N, 2).
        steps: Steps taken, (B,).
        dt: Seconds of a step.

    Returns:
        Places, (B, N, 2), velocities, (B, N, 2), and the time in frames, (B,).
    """
    frames = scene.positions.shape[1] - 1
    time = np.minimum(steps * (dt / FRAME_SECONDS), frames)
    frame = np.minimum(time.astype(np.int64), frames - 1)
    rows = np.arange(len(steps))
    old, new = scene.positions[rows, frame], scene.positions[rows, frame + 1]
    share = (time - frame).astype(np.float32)[:, None, None]
    return old + share * (new - old), (new - old) / np.float32(FRAME_SECONDS), time


def recorded(frames: np.ndarray, places: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Frames so far, (B, T+1, N, 2), with these places, (B, N, 2), from now on, as if all stopped.

    Args:
        frames: The frames before.
        places: Where everybody is.
        time: The time in frames, (B,).
    """
    later = np.arange(frames.shape[1]) >= np.ceil(time - 1e-6)[:, None]
    return np.where(later[..., None, None], places[:, None], frames)
