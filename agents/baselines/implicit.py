"""Implicit behaviour cloning: an energy of observation and action, minimised by sampling.

After Florence et al., "Implicit behavioral cloning" (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from ..agent import Agent, Given
from ..lesson import Lesson, Track
from .cloning import CloningConfig, fit, prepared
from .supervised import TAUGHT, PolicyAgent


class ActionEnergy(nn.Module):
    """A perceptron's energy of actions, given an observation that is read once for all of them."""

    def __init__(self, inputs: int, actions: int, width: int) -> None:
        """Makes the network."""
        super().__init__()
        self.read = nn.Linear(inputs + actions, width)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(
        self, seen: Float[Tensor, "batch obs"], actions: Float[Tensor, "batch samples action"]
    ) -> Float[Tensor, "batch samples"]:
        """Energies of K actions for each observation, (B, K)."""
        weight, size = self.read.weight, seen.shape[-1]
        known = linear(seen, weight[:, :size], self.read.bias)[:, None]  # once for all actions
        energies: Tensor = self.rest(known + linear(actions, weight[:, size:]))
        return energies[..., 0]


@dataclass(frozen=True)
class Sampling:
    """The derivative-free optimiser of an energy (Florence et al., 2021, appendix B.1).

    Attributes:
        rounds: Rounds of choosing and shaking.
        noise: Deviation of the first shaking, of actions in [-1, 1].
        shrink: What it is multiplied with after each round.
    """

    rounds: int = 5
    noise: float = 0.33
    shrink: float = 0.5

    @torch.no_grad()
    def __call__(
        self,
        energy: nn.Module,
        seen: Float[Tensor, "batch obs"],
        actions: Float[Tensor, "batch samples action"],
        generator: torch.Generator,
    ) -> Float[Tensor, "batch samples action"]:
        """Actions of less energy than those at hand: drawn by it, with replacement, and shaken."""
        noise = self.noise
        for _ in range(self.rounds):
            weights = torch.softmax(-energy(seen, actions), dim=1)
            rows = torch.multinomial(weights, actions.shape[1], replacement=True, generator=generator)
            picked = torch.gather(actions, 1, rows[..., None].expand_as(actions))
            actions = (picked + noise * torch.randn(actions.shape, generator=generator)).clamp(-1, 1)
            noise *= self.shrink
        return actions


@dataclass(frozen=True)
class ImplicitCloning:
    """Cloning by an energy, with InfoNCE (Florence et al., 2021, equation 2).

    Counter-examples are uniform where an action is of a few numbers. Of more, nearly all uniform ones are far
    from the expert's, and tell next to nothing: a part of them are what the optimiser finds at that moment,
    as with the paper's gradient-based one (appendix B.3). Width and samples are fewer than the paper's, for
    much less time.

    Attributes:
        settings: As for all cloning; the rate is that of its study (docs/board.md).
        few: Numbers of an action up to which all counter-examples are uniform.
        rate_of_many: Largest learning rate where an action has more of them.
        batch_of_many: Steps in a batch there.
        negatives: Counter-examples of each step.
        found: How many of them the optimiser finds, of more numbers; the others are uniform.
        samples: Actions that the optimiser draws to act.
        sampling: The optimiser.
    """

    settings: CloningConfig = field(default_factory=lambda: CloningConfig(width=128, rate=1e-4))
    few: int = 4
    rate_of_many: float = 1e-3
    batch_of_many: int = 64
    negatives: int = 64
    found: int = 32
    samples: int = 256
    sampling: Sampling = Sampling()
    name: str = "implicit cloning"
    track: Track = "few-shot"

    def __post_init__(self) -> None:
        """Checks the counter-examples.

        Raises:
            ValueError: More of them are found than there are, or fewer than none.
        """
        if not 0 <= self.found <= self.negatives:
            raise ValueError(
                f"found is {self.found}, negatives is {self.negatives}: expected 0 <= found <= negatives"
            )

    @property
    def config(self) -> Mapping[str, object]:
        """All settings."""
        own = {
            "negatives": self.negatives, "found": self.found, "samples": self.samples, "few": self.few,
            "rate_of_many": self.rate_of_many, "batch_of_many": self.batch_of_many,
        }  # fmt: skip
        return {**asdict(self.settings), **TAUGHT, **own, **asdict(self.sampling)}

    def learn(self, lesson: Lesson) -> Agent:
        """Learns the energy."""
        data = prepared(lesson, self.settings)
        size = data.chunks.shape[-1]
        settings, found = self._by_size(size)
        energy = ActionEnergy(data.observations.shape[1], size, settings.width)

        def loss(seen: Tensor, chunks: Tensor, generator: torch.Generator) -> Tensor:
            others = _uniform(len(seen), self.negatives, size, generator)
            if found:
                better = self.sampling(energy, seen, others[:, :found], generator)
                others = torch.cat([better, others[:, found:]], dim=1)
            actions = torch.cat([chunks[:, :1], others], dim=1)
            return -torch.log_softmax(-energy(seen, actions), dim=1)[:, 0].mean()

        def decide(seen: Tensor, generator: torch.Generator) -> Tensor:
            actions = _uniform(1, self.samples, size, generator)
            actions = self.sampling(energy, seen, actions, generator)
            return actions[0, energy(seen, actions)[0].argmin()][None]

        fit(energy, loss, data, settings, lesson.seed)
        return PolicyAgent(decide, data, Given(episodes=self.settings.episodes))

    def _by_size(self, size: int) -> tuple[CloningConfig, int]:
        """Settings, and how many counter-examples the optimiser finds, for actions of so many numbers."""
        if size <= self.few:
            return self.settings, 0
        return replace(self.settings, rate=self.rate_of_many, batch=self.batch_of_many), self.found


def _uniform(batch: int, samples: int, size: int, generator: torch.Generator) -> Tensor:
    return 2 * torch.rand(batch, samples, size, generator=generator) - 1
