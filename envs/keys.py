"""Random keys of episodes: a seed gives a first key, and key and number give the episode's streams."""

from __future__ import annotations

import numpy as np

from ..concepts.streams import GOLDEN, Streams, mix


def episode_keys(first: np.ndarray, episodes: np.ndarray) -> Streams:
    """Streams of the given episodes, (B,), of environments whose first keys, (B,), came from their seeds."""
    return Streams(mix(first + episodes.astype(np.uint64) * GOLDEN))


def first_key(rng: np.random.Generator) -> np.uint64:
    """The key that an environment's seed stands for."""
    return np.uint64(rng.integers(0, 2**64, dtype=np.uint64))
