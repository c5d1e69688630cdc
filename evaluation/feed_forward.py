"""A network that says the answer at once: the same demonstrations, encoder and layers, but no energy.

The fair question to an energy: whether a conditional network of the same parts, told the same solutions
in as many updates, does as well without any optimisation at run time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ..concepts.energy.batches import Curriculum, Problem
from ..concepts.energy.codes import ConceptCode
from ..concepts.energy.encoder import Encoder
from ..concepts.energy.learner import first_guess, reconstruction
from ..concepts.energy.network import NetworkConfig, Trunk
from ..concepts.energy.pool import STATIC, Pool
from ..concepts.energy.reading import checked, first_state, flat, read, written
from ..concepts.energy.sampler import Unknowns
from ..concepts.energy.scene import Scene
from ..concepts.energy.training import OPTIMISERS, TrainConfig, learning_rate
from ..concepts.event import Event
from ..concepts.model import Search

_POSITION_WEIGHT = 2.0


class SetNetwork(nn.Module):
    """Encoder, trunk and two heads: where everybody goes, and who is meant."""

    def __init__(self, config: NetworkConfig) -> None:
        """Makes the layers, randomly initialised from torch's generator."""
        super().__init__()
        self.encoder = Encoder(config)
        self.trunk = Trunk(config, config.code)
        self.move, self.choose = nn.Linear(config.node, 2), nn.Linear(config.node, 1)

    def forward(self, scene: Scene, guess: Unknowns, code: Tensor) -> Unknowns:
        """The answer, from the scene as it starts; positions are (B, 2, N, 2)."""
        given = guess.given * (1 - guess.recognise[:, None])
        nodes = self.trunk(scene, guess.positions, given, code)
        free = (scene.movable * (1 - guess.recognise[:, None]))[:, None, :, None]
        moved = guess.positions[:, 1:] + free * self.move(nodes)[:, None]
        positions = torch.cat([guess.positions[:, :1], moved], dim=1)
        return guess._replace(positions=positions, logits=self.choose(nodes)[..., 0])


class FeedForward:
    """A trained network, with as much of a concept model's interface as the measurements use."""

    def __init__(self, network: SetNetwork) -> None:
        """Takes a network, which is switched to evaluation."""
        self.network = network.eval().requires_grad_(False)

    def infer(
        self, demonstrations: Event, *, steps: int | None = None, encoder: bool | None = None
    ) -> ConceptCode:
        """Codes of sets of demonstrations, (B, k, T+1, N, 2), as the encoder says; there is nothing else."""
        batch, k = demonstrations.attention.shape[:2]
        example, weights = read(flat(checked(demonstrations)), torch.device("cpu")), torch.ones(batch, k)
        views = [example, first_state(example) if example.scene.movable.any() else example.recognised()]
        codes = [self.network.encoder.normalised(self.network.encoder(view, weights)) for view in views]
        return ConceptCode(codes[0], codes[1], torch.zeros(batch, 2))

    def generate(self, scene: Event, code: ConceptCode, *, search: Search) -> Event:
        """The scenes with everybody where the network says."""
        return written(scene, self._answer(scene, code.w_x, 0.0).positions)

    def identify(self, scene: Event, code: ConceptCode, *, search: Search) -> np.ndarray:
        """The masks that the network says, (B, N)."""
        logits = self._answer(scene, code.w_a, 1.0).logits
        return (logits > 0).numpy() & np.asarray(scene.candidates, dtype=bool)

    def _answer(self, scene: Event, code: Tensor, recognise: float) -> Unknowns:
        example = read(flat(checked(scene)), torch.device("cpu"))
        example = example.recognised() if recognise else example
        rows = len(example.attention)
        flags, logits = torch.full((rows,), recognise), torch.zeros_like(example.attention)
        guess = Unknowns(example.positions, logits, example.attention, flags)
        return self.network(example.scene, guess, code)


def _loss(network: SetNetwork, problem: Problem, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The mean loss, the loss of each problem, and the encoder's raw codes."""
    raw = network.encoder(problem.shown, problem.weights)
    code = network.encoder.normalised(raw)
    count = len(problem.query.attention) // len(code)
    guess = first_guess(problem, generator)
    answer = network(problem.query.scene, guess, code.repeat_interleave(count, dim=0))
    distance, entropy = reconstruction(answer, problem, problem.nearest)
    each = _POSITION_WEIGHT * distance + entropy
    return each.mean(), each.detach().reshape(-1, count).mean(1), raw.detach()


def trained(config: TrainConfig, pools: dict[int, Pool]) -> FeedForward:
    """Trains the network on events without a course of time, in as many updates of as many problems.

    The energy's narrow updates hold fewer problems; here all are of the broad kind, and the hidden layers
    one third wider, so that parameters and data are not fewer.
    """
    wide = replace(config.network, node=config.network.node * 4 // 3, pair=config.network.pair * 4 // 3)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        network = SetNetwork(wide)
    optimiser = OPTIMISERS[config.optimiser](network.parameters(), config.rate)
    curriculum = Curriculum(pools[STATIC], config.batch)
    for step in range(config.steps):
        key = [config.seed, step]
        problem, kinds = curriculum.draw(np.random.default_rng(key), config.broad_tasks)
        loss, each, raw = _loss(network, problem, torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config, step)
        optimiser.step()
        network.encoder.track(raw)
        curriculum.update(kinds, each.numpy())
    return FeedForward(network)
