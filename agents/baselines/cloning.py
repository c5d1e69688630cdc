"""Behaviour cloning: of single actions, of chunks, by diffusion; by an energy, see ``implicit``.

All see the same: an expert's episodes in actions, five unless told otherwise, which is more than
the events that the concept agent is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ..agent import Agent, Given
from ..lesson import Lesson, Track
from .canonical import Reading
from .supervised import TAUGHT, Dataset, Loss, PolicyAgent, dataset, fitted, mlp


@dataclass(frozen=True)
class CloningConfig:
    """How a policy is cloned; sizes as are common for state observations of this kind.

    Attributes:
        episodes: Expert's episodes.
        updates: Updates.
        batch: Steps in a batch.
        rate: Largest learning rate.
        decay: Weight decay.
        width: Width of the networks.
        horizon: H, actions of a chunk.
        execute: Actions taken of each.
    """

    episodes: int = 5
    updates: int = 2000
    batch: int = 128
    rate: float = 1e-3
    decay: float = 1e-4
    width: int = 256
    horizon: int = 1
    execute: int = 1

    def __post_init__(self) -> None:
        """Checks the chunks.

        Raises:
            ValueError: More actions are taken of a chunk than there are, or none.
        """
        if not 1 <= self.execute <= self.horizon:
            raise ValueError(
                f"execute is {self.execute}, horizon is {self.horizon}: expected 1 <= execute <= horizon"
            )


def prepared(lesson: Lesson, config: CloningConfig) -> Dataset:
    """The expert's episodes of a lesson, as who clones sees them; seeds the networks that are made next."""
    torch.manual_seed(lesson.seed)
    world = lesson.make().world
    reading = Reading.of(world)
    return dataset(lesson.episodes(config.episodes), reading, config.horizon)


def fit(module: nn.Module, loss: Loss, data: Dataset, config: CloningConfig, seed: int) -> None:
    """Trains a module as the settings say."""
    fitted(
        module,
        loss,
        data,
        updates=config.updates,
        batch=config.batch,
        rate=config.rate,
        decay=config.decay,
        seed=seed,
    )


@dataclass(frozen=True)
class Cloning:
    """Behaviour cloning with a perceptron and squared error (Pomerleau, 1989)."""

    settings: CloningConfig = CloningConfig()
    name: str = "behaviour cloning"
    track: Track = "few-shot"

    @property
    def config(self) -> Mapping[str, object]:
        """All settings."""
        return {**asdict(self.settings), **TAUGHT}

    def learn(self, lesson: Lesson) -> Agent:
        """Clones the expert."""
        data = prepared(lesson, self.settings)
        network = mlp(data.observations.shape[1], self.settings.width, data.chunks.shape[-1])

        def loss(seen: Tensor, chunks: Tensor, generator: torch.Generator) -> Tensor:
            return mse_loss(torch.tanh(network(seen)), chunks[:, 0])

        fit(network, loss, data, self.settings, lesson.seed)
        return PolicyAgent(
            lambda seen, generator: torch.tanh(network(seen)), data, Given(episodes=self.settings.episodes)
        )


class ChunkTransformer(nn.Module):
    """Reads the observation, and asks it once for each of H future actions."""

    def __init__(self, inputs: int, actions: int, horizon: int, width: int = 64, layers: int = 2) -> None:
        """Makes the network."""
        super().__init__()
        self.read = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width))
        self.ask = nn.Parameter(0.02 * torch.randn(horizon, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        self.mix = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.tell = nn.Linear(width, actions)

    def forward(self, seen: Tensor) -> Tensor:
        """Maps (B, O) to (B, H, A)."""
        memory = self.read(seen)[:, None]
        tokens = torch.cat([memory, self.ask.expand(len(seen), -1, -1) + memory], dim=1)
        return torch.tanh(self.tell(self.mix(tokens)[:, 1:]))


@dataclass(frozen=True)
class ChunkedCloning:
    """Chunks of actions by a small transformer, blended over time.

    After Zhao et al., "Learning fine-grained bimanual manipulation with low-cost hardware" (2023),
    without its variational part, which serves demonstrations of humans.
    """

    settings: CloningConfig = CloningConfig(horizon=5, width=64, rate=3e-3, updates=1000)
    ensemble: float = 0.1
    name: str = "chunked cloning"
    track: Track = "few-shot"

    @property
    def config(self) -> Mapping[str, object]:
        """All settings."""
        return {**asdict(self.settings), **TAUGHT, "ensemble": self.ensemble}

    def learn(self, lesson: Lesson) -> Agent:
        """Clones the expert."""
        data, settings = prepared(lesson, self.settings), self.settings
        network = ChunkTransformer(
            data.observations.shape[1], data.chunks.shape[-1], settings.horizon, settings.width
        )

        def loss(seen: Tensor, chunks: Tensor, generator: torch.Generator) -> Tensor:
            return (network(seen) - chunks).abs().mean()

        fit(network, loss, data, settings, lesson.seed)
        given = Given(episodes=settings.episodes)
        return PolicyAgent(lambda seen, generator: network(seen)[0], data, given, ensemble=self.ensemble)


@dataclass(frozen=True)
class DiffusionCloning:
    """Chunks of actions by denoising.

    Chi et al., "Diffusion policy" (2023), section 3, with a perceptron for low-dimensional states; the
    noise schedule is the squared cosine of Nichol and Dhariwal (2021), sampling is that of Song et al.,
    "Denoising diffusion implicit models" (2020). The network says the clean chunk in place of the noise
    (Salimans and Ho, "Progressive distillation for fast sampling of diffusion models", 2022, section 4):
    of the noise a small one is not sure enough, with 500 episodes of "between" 98% in place of 51% (by
    chunks of eight of which four are taken, before its study).

    Attributes:
        settings: As for all cloning; those of its study (docs/board.md).
        levels: Noise levels of the training.
        denoise: Steps of denoising.
    """

    settings: CloningConfig = CloningConfig(horizon=16, execute=1, updates=2000, rate=3e-4)
    levels: int = 50
    denoise: int = 10
    name: str = "diffusion policy"
    track: Track = "few-shot"

    @property
    def config(self) -> Mapping[str, object]:
        """All settings."""
        return {**asdict(self.settings), **TAUGHT, "levels": self.levels, "denoise": self.denoise}

    def learn(self, lesson: Lesson) -> Agent:
        """Learns to denoise."""
        data, settings = prepared(lesson, self.settings), self.settings
        shape = data.chunks.shape[1:]
        network = mlp(data.observations.shape[1] + shape.numel() + 1, settings.width, shape.numel(), layers=3)
        kept = squared_cosine(self.levels)

        def guess(seen: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
            share = level[:, None] / self.levels
            return network(torch.cat([seen, noisy.flatten(1), share], dim=-1)).reshape(noisy.shape)

        def loss(seen: Tensor, chunks: Tensor, generator: torch.Generator) -> Tensor:
            level = torch.randint(self.levels, (len(seen),), generator=generator)
            noise, share = torch.randn(chunks.shape, generator=generator), kept[level][:, None, None]
            noisy = share.sqrt() * chunks + (1 - share).sqrt() * noise
            return mse_loss(guess(seen, noisy, level), chunks)

        def decide(seen: Tensor, generator: torch.Generator) -> Tensor:
            chunk = torch.randn(1, *shape, generator=generator)
            levels = torch.linspace(self.levels - 1, 0, self.denoise).round().long()
            for index, level in enumerate(levels):
                now = kept[level]
                later = kept[levels[index + 1]] if index + 1 < self.denoise else torch.ones(())
                clean = guess(seen, chunk, level[None]).clamp(-1, 1)
                noise = (chunk - now.sqrt() * clean) / (1 - now).sqrt()
                chunk = later.sqrt() * clean + (1 - later).sqrt() * noise
            return chunk[0]

        fit(network, loss, data, settings, lesson.seed)
        return PolicyAgent(decide, data, Given(episodes=settings.episodes), execute=settings.execute)


def squared_cosine(levels: int) -> Tensor:
    """Share of the signal that is left at each noise level, (L,): Nichol and Dhariwal (2021), equation 17."""
    times = (torch.arange(levels) + 1) / levels
    signal = torch.cos((times + 0.008) / 1.008 * torch.pi / 2) ** 2
    first = torch.cos(torch.tensor(0.008 / 1.008 * torch.pi / 2)) ** 2
    return (signal / first).clamp(1e-4, 0.9999)
