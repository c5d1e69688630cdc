"""Random numbers by row: the numbers of one row of a batch depend on that row's key alone.

A batched environment has to give each row the very scene which the single environment gives for
the same seed. A sequential generator cannot do that for a whole batch at once; a counter-based one
can: a number is a hash of (key, tag, index). The hash is the finaliser of SplitMix64 (Steele, Lea,
Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

GOLDEN = np.array(0x9E3779B97F4A7C15, dtype=np.uint64)


def mix(values: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """Hashes 64-bit integers, elementwise and bijectively (SplitMix64's finaliser)."""
    values = (values ^ (values >> np.uint64(30))) * np.array(0xBF58476D1CE4E5B9, dtype=np.uint64)
    values = (values ^ (values >> np.uint64(27))) * np.array(0x94D049BB133111EB, dtype=np.uint64)
    return values ^ (values >> np.uint64(31))


@dataclass(frozen=True)
class Streams:
    """One independent stream of random numbers for each row of a batch.

    The methods are pure: the same tag gives the same numbers again, so every draw has its own tag.

    Attributes:
        keys: The rows' keys, (B,).
    """

    keys: UInt64[np.ndarray, " batch"]

    @property
    def rows(self) -> int:
        """Number of rows, B."""
        return len(self.keys)

    def fork(self, tag: str | int) -> Streams:
        """Returns streams independent of these and of those forked with another tag."""
        code = zlib.crc32(tag.encode()) if isinstance(tag, str) else tag + (1 << 32)
        return Streams(mix(self.keys + np.array([code], dtype=np.uint64) * GOLDEN))

    def fork_each(self, numbers: Int[np.ndarray, " batch"]) -> Streams:
        """Forks every row with a number of its own; equal to ``fork`` where the numbers are equal."""
        codes = numbers.astype(np.uint64) + np.uint64(1 << 32)
        return Streams(mix(self.keys + codes * GOLDEN))

    def bits(self, tag: str, *shape: int) -> UInt64[np.ndarray, "batch ..."]:
        """Uniform 64-bit integers, (B, *shape)."""
        size = int(np.prod(shape, dtype=np.int64))
        counters = np.arange(1, size + 1, dtype=np.uint64) * GOLDEN
        return mix(self.fork(tag).keys[:, None] + counters).reshape(self.rows, *shape)

    def uniform(
        self, tag: str, *shape: int, low: float = 0.0, high: float = 1.0
    ) -> Float[np.ndarray, "batch ..."]:
        """Uniform numbers in [low, high), (B, *shape)."""
        unit = (self.bits(tag, *shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return low + (high - low) * unit

    def integers(
        self, tag: str, low: Int[np.ndarray, " batch"] | int, high: Int[np.ndarray, " batch"] | int
    ) -> Int[np.ndarray, " batch"]:
        """Uniform integers in [low, high], both ends included and either given by row, (B,)."""
        return (low + np.floor(self.uniform(tag) * (np.asarray(high) - low + 1))).astype(np.int64)

    def direction(self, tag: str, *shape: int) -> Float[np.ndarray, "batch ... 2"]:
        """Unit vectors in the plane, (B, *shape, 2)."""
        angle = self.uniform(tag, *shape, high=2 * np.pi)
        return np.stack([np.cos(angle), np.sin(angle)], axis=-1)

    def shuffle(self, tag: str, mask: Bool[np.ndarray, "batch n"]) -> Int[np.ndarray, "batch n"]:
        """Permutations of the entries under the mask, the others behind them in order, (B, N)."""
        order = self.uniform(tag, mask.shape[1])
        rest = 2.0 + np.arange(mask.shape[1])
        return np.argsort(np.where(mask, order, rest), axis=1, kind="stable")


def streams_from(rng: object, batch: int) -> Streams:
    """Draws the keys of a batch of streams from a NumPy generator.

    Raises:
        TypeError: ``rng`` is something else, a seed for instance.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is {rng!r}, expected a NumPy generator: numpy.random.default_rng(seed)")
    return Streams(rng.integers(0, 2**64, size=batch, dtype=np.uint64))
