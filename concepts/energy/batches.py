"""Batches of few-shot problems: demonstrations and queries of many concepts, turned and recoloured."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .pool import TRAJECTORIES, Pool
from .scene import Example, Scene

_UNIFORM_SHARE = 0.3
_SMOOTHING = 0.02
_KEPT_CLEAR = np.deg2rad(20)
_DIRECTIONS = {"leftmost": np.pi, "rightmost": 0.0, "topmost": np.pi / 2}
_HELD_OUT_DIRECTION = -np.pi / 2
_STRAIGHT = ("horizontal_line", "vertical_line")


class Problem(NamedTuple):
    """B few-shot problems, k demonstrations and Q queries each; the batch dimensions are B*k and B*Q.

    Attributes:
        shown: The demonstrations.
        again: As many other demonstrations of the same, whose code should be the same.
        query: The queries as they are solved; attention is the true mask.
        start: The queries' positions as they start.
        nearest: The queries' satisfying positions nearest to the start.
        short: Positions that do not satisfy the concept.
        weights: 1 on demonstrations that are given, (B, k).
        shown_recognise: 1 where the demonstrations are of a concept to identify, (B,).
        recognise: 1 where the queries are to be identified, (B,).
        least: Smallest number of entities of a mask without other conditions, or 0, (B,).
        most: Largest number, (B,).
    """

    shown: Example
    again: Example
    query: Example
    start: Tensor
    nearest: Tensor
    short: Tensor
    weights: Tensor
    shown_recognise: Tensor
    recognise: Tensor
    least: Tensor
    most: Tensor


@dataclass(frozen=True)
class BatchConfig:
    """How problems are drawn.

    Attributes:
        k: Demonstrations of a problem.
        queries: Queries of a problem.
        turned: Share of problems that are turned or mirrored as a whole.
        recoloured: Share of problems whose colours are exchanged.
        swapped: Share of problems, where possible, whose demonstrations are of the other mode.
        fewer: Share of problems with fewer than k demonstrations.
        modes: "both", or only "generate" or "identify".
        family_share: Weight of the concepts of a continuous family.
        pair_share: Weight of the concepts in the scenes of tasks.
    """

    k: int = 5
    queries: int = 2
    turned: float = 0.2
    recoloured: float = 0.2
    swapped: float = 0.1
    fewer: float = 0.25
    modes: str = "both"
    family_share: float = 1.0
    pair_share: float = 0.3


@dataclass
class Curriculum:
    """Draws problems of one pool: three in ten uniformly over kinds, the others by the kinds' losses."""

    pool: Pool
    config: BatchConfig
    losses: np.ndarray = field(init=False)
    kinds: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Sorts the sources by kind.

        Raises:
            ValueError: A source has too few rows for a problem.
        """
        sources, needed = self.pool.sources, 2 * self.config.k + self.config.queries
        short = sorted({s.kind for s in sources if s.rows < needed})
        if short:
            raise ValueError(f"a problem takes {needed} rows, and there are fewer of {', '.join(short)}")
        wanted = [s for s in sources if self.config.modes in ("both", s.mode)]
        self.kinds = tuple(sorted({s.kind for s in wanted}))
        index = {kind: i for i, kind in enumerate(self.kinds)}
        self.members: list[list[int]] = [[] for _ in self.kinds]
        for i, source in enumerate(sources):
            if source.kind in index:
                self.members[index[source.kind]].append(i)
        self.prior = np.array([self._weight(kind) for kind in self.kinds])
        self.prior /= self.prior.sum()
        self.losses = np.ones(len(self.kinds))

    def _weight(self, kind: str) -> float:
        if kind.startswith("~"):
            return self.config.family_share
        return self.config.pair_share if "(" in kind else 1.0

    def draw(
        self, rng: np.random.Generator, batch: int, queries: int | None = None
    ) -> tuple[Problem, np.ndarray]:
        """Draws a batch of problems, and the kind of each, (B,); as many queries each as configured."""
        urgent = self.prior * self.losses
        chance = _UNIFORM_SHARE * self.prior + (1 - _UNIFORM_SHARE) * urgent / urgent.sum()
        kinds = rng.choice(len(self.kinds), size=batch, p=chance / chance.sum())
        sources = [self.members[kind][int(rng.integers(len(self.members[kind])))] for kind in kinds]
        return self.problem(rng, sources, queries), kinds

    def update(self, kinds: np.ndarray, losses: np.ndarray) -> None:
        """Moves the running losses of the kinds towards new ones."""
        for kind, loss in zip(kinds, losses, strict=True):
            self.losses[kind] += _SMOOTHING * (max(float(loss), 0.0) - self.losses[kind])

    def problem(self, rng: np.random.Generator, sources: list[int], queries: int | None = None) -> Problem:
        """Draws one problem of each source."""
        config, all_sources = self.config, self.pool.sources
        queries = config.queries if queries is None else queries
        shown_rows, again_rows, query_rows, shown_mode = [], [], [], []
        for index in sources:
            source = all_sources[index]
            rows = source.first + rng.choice(source.rows, size=2 * config.k + queries, replace=False)
            query_rows.append(rows[2 * config.k :])
            swap = source.twin >= 0 and config.modes == "both" and rng.random() < config.swapped
            shown = all_sources[source.twin] if swap else source
            rows = shown.first + rng.choice(shown.rows, size=2 * config.k, replace=False) if swap else rows
            shown_rows.append(rows[: config.k])
            again_rows.append(rows[config.k : 2 * config.k])
            shown_mode.append(shown.mode == "identify")
        change = self._changes(rng, sources)
        own = [all_sources[index] for index in sources]
        return self._assembled(
            np.concatenate(shown_rows),
            np.concatenate(again_rows),
            np.concatenate(query_rows),
            change,
            self._weights(rng, len(sources)),
            np.array(shown_mode),
            np.array([[s.mode == "identify", s.least, s.most] for s in own]),
        )

    def _weights(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        k = self.config.k
        count = np.where(rng.random(batch) < self.config.fewer, rng.integers(1, k + 1, size=batch), k)
        return np.arange(k) < count[:, None]

    def _changes(self, rng: np.random.Generator, sources: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Turns, (B, 2, 2), and exchanges of colours, (B, 3), of each problem."""
        own = [self.pool.sources[index] for index in sources]
        # A task turned or recoloured may be one of the held-out pairs: tasks stay as they are.
        alone = np.array(["(" not in source.kind for source in own])
        turns = np.stack([self._turn(rng, source.concept) for source in own])
        turns = np.where(alone[:, None, None], turns, np.eye(2))
        chosen = rng.integers(6, size=len(own)) * (rng.random(len(own)) < self.config.recoloured) * alone
        return turns, np.array(list(permutations(range(3))))[chosen]

    def _turn(self, rng: np.random.Generator, concept: str) -> np.ndarray:
        """A rotation, mirrored or not, that does not turn a concept into a held-out one."""
        if rng.random() >= self.config.turned:
            return np.eye(2)
        while True:
            angle, mirror = rng.uniform(-np.pi, np.pi), rng.choice([1.0, -1.0])
            cosine, sine = np.cos(angle), np.sin(angle)
            turn = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([1.0, mirror])
            if not hits_held_out(concept, turn):
                return turn

    def _assembled(
        self,
        shown: np.ndarray,
        again: np.ndarray,
        query: np.ndarray,
        change: tuple[np.ndarray, np.ndarray],
        weights: np.ndarray,
        shown_recognise: np.ndarray,
        own: np.ndarray,
    ) -> Problem:
        def cast(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))

        def example(rows: np.ndarray, count: int) -> tuple[Example, list[Tensor]]:
            arrays = self.pool.arrays
            turn, order = (np.repeat(part, count, axis=0) for part in change)
            nodes = arrays["nodes"][rows].copy()
            nodes[..., :3] = np.take_along_axis(nodes[..., :3], order[:, None, :], axis=-1)
            paths = [cast(np.einsum("bij,btnj->btni", turn, arrays[name][rows])) for name in TRAJECTORIES]
            scene = Scene(cast(nodes), cast(arrays["present"][rows]), cast(arrays["seconds"][rows]))
            return Example(scene, paths[0], cast(arrays["attention"][rows])), paths[1:]

        demonstrations, others = (example(rows, self.config.k)[0] for rows in (shown, again))
        queries, paths = example(query, len(query) // (len(shown) // self.config.k))
        return Problem(
            demonstrations,
            others,
            queries,
            paths[0],
            paths[1],
            paths[2],
            cast(weights),
            cast(shown_recognise),
            cast(own[:, 0]),
            cast(own[:, 1]),
            cast(own[:, 2]),
        )


def hits_held_out(concept: str, turn: np.ndarray) -> bool:
    """Whether a turned concept comes within 20 degrees of a held-out one: "bottommost", "diagonal_line"."""
    if concept in _DIRECTIONS:
        angle = _DIRECTIONS[concept]
        x, y = turn @ np.array([np.cos(angle), np.sin(angle)])
        away = np.arctan2(y, x) - _HELD_OUT_DIRECTION
        return bool(abs((away + np.pi) % (2 * np.pi) - np.pi) < _KEPT_CLEAR)
    if concept in _STRAIGHT:
        angle = np.arctan2(turn[1, 0], turn[0, 0]) % (np.pi / 2)
        return bool(abs(angle - np.pi / 4) < _KEPT_CLEAR)
    return False
