"""What imitation baselines share: an expert's episodes as tensors, a training loop, an acting policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...concepts.event import Event
from ...envs.single import ConceptEnv
from ..agent import Given
from ..demonstrations import EpisodeArrays
from .canonical import SHOWN, Reading, order_of

_FARTHEST = 10.0
_LEAST = 0.05
"""Smallest deviation that is divided by: of observations, which are about one, less is next to nothing."""

TAUGHT: Mapping[str, object] = {**SHOWN, "standardised": 2}
"""What results of those depend on who learn from an expert's episodes; counts up with how these are seen."""


@dataclass(frozen=True)
class Dataset:
    """Steps of demonstrations.

    Attributes:
        observations: Standardised, (S, O).
        chunks: The next H actions of each step; the last action goes on, (S, H, A).
        mean: What was subtracted, (O,).
        deviation: What was divided by, (O,).
    """

    observations: Float[Tensor, "steps obs"]
    chunks: Float[Tensor, "steps horizon action"]
    mean: Float[Tensor, " obs"]
    deviation: Float[Tensor, " obs"]

    def standardised(self, vector: np.ndarray) -> Float[Tensor, " obs"]:
        """An observation as those of the demonstrations are; what is far off all of them is drawn nearer."""
        return _standardised(torch.from_numpy(vector), self.mean, self.deviation)


def _standardised(observations: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    return ((observations - mean) / deviation).clamp(-_FARTHEST, _FARTHEST)


def dataset(episodes: Sequence[EpisodeArrays], reading: Reading, horizon: int = 1) -> Dataset:
    """The steps of episodes."""
    seen, chunks = [], []
    for episode in episodes:
        count = len(episode.actions)
        order = order_of(episode.seen(0))
        for step in range(count):
            seen.append(reading.vector(episode.seen(step), order))
            chunk = episode.actions[np.minimum(np.arange(step, step + horizon), count - 1)]
            chunks.append(reading.sorted(chunk, order))
    observations = torch.from_numpy(np.stack(seen))
    mean, deviation = observations.mean(0), observations.std(0, unbiased=False)
    # What never varied says nothing; dividing by nearly nothing would blow it up when it does.
    deviation = torch.where(deviation < 1e-3, torch.ones_like(deviation), deviation.clamp(min=_LEAST))
    seen_as = _standardised(observations, mean, deviation)
    return Dataset(seen_as, torch.from_numpy(np.stack(chunks)), mean, deviation)


def mlp(inputs: int, width: int, outputs: int, layers: int = 2) -> nn.Sequential:
    """A multilayer perceptron with ReLU."""
    sizes = [inputs, *[width] * layers]
    parts: list[nn.Module] = []
    for one, other in pairwise(sizes):
        parts += [nn.Linear(one, other), nn.ReLU()]
    return nn.Sequential(*parts, nn.Linear(width, outputs))


Loss = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Maps observations, (B, O), and chunks, (B, H, A), to a loss."""


def fitted(
    module: nn.Module,
    loss: Loss,
    data: Dataset,
    *,
    updates: int,
    batch: int,
    rate: float,
    decay: float,
    seed: int,
) -> None:
    """Trains a module with AdamW and a cosine, on batches drawn with replacement."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    module.train()
    for _ in range(updates):
        rows = torch.randint(len(data.observations), (batch,), generator=generator)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss(data.observations[rows], data.chunks[rows], generator))
        optimiser.step()
        schedule.step()
    module.eval()


Decide = Callable[[Tensor, torch.Generator], Tensor]
"""Maps a standardised observation, (1, O), to the next actions, (H, A)."""


@dataclass
class PolicyAgent:
    """Acts by a learned policy that gives some actions at once.

    Attributes:
        decide: The policy.
        data: Knows how observations were standardised.
        given: What it was given.
        execute: Actions of a chunk that are taken before the policy is asked again.
        ensemble: Weights the chunks' actions for the present by exp(-ensemble * i), i = 0 for the oldest
            chunk, asking in every step; 0 takes the latest chunk's only (Zhao et al., "Learning
            fine-grained bimanual manipulation with low-cost hardware", 2023, section IV-B).
    """

    decide: Decide
    data: Dataset
    given: Given
    execute: int = 1
    ensemble: float = 0.0
    _reading: Reading = field(default_factory=lambda: Reading(0))
    _order: np.ndarray | None = None
    _generator: torch.Generator = field(default_factory=torch.Generator)
    _chunks: list[Tensor] = field(default_factory=list)
    _used: int = 0

    @property
    def info(self) -> dict[str, Any]:
        """Nothing to say."""
        return {}

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Begins an episode."""
        self._reading, self._order = Reading.of(env.world), None
        self._generator = torch.Generator().manual_seed(seed)
        self._chunks, self._used = [], 0

    @torch.no_grad()
    def act(self, observation: Mapping[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The next action, in [-1, 1]."""
        order = self._order = order_of(observation) if self._order is None else self._order
        if not self._chunks or self._used >= self.execute or self.ensemble:
            seen = self.data.standardised(self._reading.vector(observation, order))
            horizon = self.data.chunks.shape[1]
            self._chunks = [
                *self._chunks[max(0, len(self._chunks) - horizon + 1) :],
                self.decide(seen[None], self._generator),
            ]
            self._used = 0
        action = self._blended() if self.ensemble else self._chunks[-1][self._used]
        self._used += 1
        return self._reading.restored(action.clamp(-1, 1).numpy().astype(np.float32), order)

    def _blended(self) -> Tensor:
        """The mean of what the last chunks say about now, the oldest with the largest weight."""
        said = torch.stack([chunk[age] for age, chunk in enumerate(reversed(self._chunks))])
        weights = torch.exp(-self.ensemble * torch.arange(len(said) - 1, -1, -1.0))
        return (weights[:, None] * said).sum(0) / weights.sum()
