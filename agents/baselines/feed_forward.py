"""A network that says the answer at once: the same demonstrations, encoder and layers, but no energy.

The fair question to an energy: whether a conditional network of the same parts, told the same solutions
in as many updates, does as well without any optimisation at run time. It is the rival of the concept
agent, too: a policy conditioned on demonstrations, as in Duan et al., "One-shot imitation learning" (2017).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ...concepts.energy.batches import Curriculum, Problem
from ...concepts.energy.codes import ConceptCode
from ...concepts.energy.encoder import Encoder
from ...concepts.energy.learner import first_guess, reconstruction
from ...concepts.energy.network import NetworkConfig, Trunk
from ...concepts.energy.pool import MOVING, STATIC, Pool
from ...concepts.energy.provenance import commit
from ...concepts.energy.reading import checked, first_state, flat, read, written
from ...concepts.energy.sampler import Unknowns
from ...concepts.energy.scene import Scene
from ...concepts.energy.storage import load_tensors, optimiser_tensors, restore_optimiser, save_tensors
from ...concepts.energy.training import OPTIMISERS, TrainConfig, learning_rate
from ...concepts.event import Event
from ...concepts.model import Search

_POSITION_WEIGHT = 2.0


class SetNetwork(nn.Module):
    """Encoder, trunk and heads: where everybody goes, in a state or in a course of time, and who is meant."""

    def __init__(self, config: NetworkConfig) -> None:
        """Makes the layers, randomly initialised from torch's generator."""
        super().__init__()
        self.encoder = Encoder(config)
        self.trunk = Trunk(config, config.code)
        self.move, self.choose = nn.Linear(config.node, 2), nn.Linear(config.node, 1)
        self.course = nn.Linear(config.node, 2 * MOVING)

    def forward(self, scene: Scene, guess: Unknowns, code: Tensor) -> Unknowns:
        """The answer, from the scene as it runs if nobody acts; positions are (B, T+1, N, 2), T = 1 or 8."""
        given = guess.given * (1 - guess.recognise[:, None])
        nodes = self.trunk(scene, guess.positions, given, code)
        free = (scene.movable * (1 - guess.recognise[:, None]))[:, None, :, None]
        steps = guess.positions.shape[1] - 1
        way = self.move(nodes) if steps == STATIC else self.course(nodes)
        way = way.unflatten(-1, (steps, 2)).transpose(1, 2)
        positions = torch.cat([guess.positions[:, :1], guess.positions[:, 1:] + free * way], dim=1)
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
        reader = self.network.encoder
        codes = [
            reader.normalised(reader(view, weights), view.positions.shape[1] > STATIC + 1) for view in views
        ]
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

    @property
    def digest(self) -> str:
        """Hash of the parameters."""
        told = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            told.update(name.encode() + tensor.numpy().tobytes())
        return told.hexdigest()[:16]

    def save(self, path: Path, config: TrainConfig) -> None:
        """Writes the network and what it was trained with to a safetensors file, atomically."""
        meta = {"feed-forward": json.dumps(asdict(config)), "commit": commit()}
        save_tensors(path, dict(self.network.state_dict()), meta)

    @staticmethod
    def load(path: Path) -> tuple[FeedForward, int]:
        """Reads what ``save`` wrote, and the number of updates.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file holds something else, or is damaged.
        """
        tensors, meta = load_tensors(path)
        if "feed-forward" not in meta:
            raise ValueError(f"{path} holds no feed-forward network")
        config = json.loads(meta["feed-forward"])
        network = SetNetwork(widened(NetworkConfig(**config["network"])))
        network.load_state_dict(tensors)
        return FeedForward(network), int(config["steps"])


def widened(config: NetworkConfig) -> NetworkConfig:
    """Hidden layers one third wider, so that a network without an energy's heads has not fewer parameters."""
    return replace(config, node=config.node * 4 // 3, pair=config.pair * 4 // 3)


def _loss(network: SetNetwork, problem: Problem, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The mean loss, the loss of each problem, and the encoder's raw codes."""
    raw = network.encoder(problem.shown, problem.weights)
    code = network.encoder.normalised(raw, problem.shown.positions.shape[1] > STATIC + 1)
    count = len(problem.query.attention) // len(code)
    guess = first_guess(problem, generator)
    answer = network(problem.query.scene, guess, code.repeat_interleave(count, dim=0))
    distance, entropy = reconstruction(answer, problem, problem.nearest)
    each = _POSITION_WEIGHT * distance + entropy
    return each.mean(), each.detach().reshape(-1, count).mean(1), raw.detach()


def trained(
    config: TrainConfig, pools: dict[int, Pool], progress: bool = False, checkpoint: Path | None = None
) -> FeedForward:
    """Trains the network, in as many updates of as many problems; all are of the broad kind.

    The energy's deep updates hold fewer problems, so that this network sees more of them.

    Args:
        config: As of an energy; what concerns its optimisations is not looked at.
        pools: Training scenes.
        progress: Whether to show a progress bar.
        checkpoint: File that is written now and then, and from which a killed training goes on.

    Raises:
        ValueError: The checkpoint is of another configuration.
        FloatingPointError: A loss is not finite.
    """
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        network = SetNetwork(widened(config.network))
    optimiser = OPTIMISERS[config.optimiser](network.parameters(), config.rate)
    curricula = {steps: Curriculum(pool, config.batch) for steps, pool in sorted(pools.items())}
    first = _resumed(checkpoint, config, network, optimiser, curricula) if checkpoint else 0
    for step in tqdm(range(first, config.steps), unit="step", disable=not progress):
        optimiser.zero_grad()
        for steps, curriculum in curricula.items():
            if steps == STATIC or (config.moving_every and step % config.moving_every == 0):
                _backward(network, curriculum, config, step, steps)
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config, step)
        optimiser.step()
        if checkpoint and (step + 1) % config.save_every == 0:
            _keep(checkpoint, config, network, optimiser, curricula, step + 1)
    return FeedForward(network)


def _backward(
    network: SetNetwork, curriculum: Curriculum, config: TrainConfig, step: int, steps: int
) -> None:
    """Slopes of one batch, of events with as many steps."""
    count = config.broad_tasks if steps == STATIC else config.broad_moving
    problem, kinds = curriculum.draw(np.random.default_rng([config.seed, step, steps]), count)
    loss, each, raw = _loss(network, problem, torch.Generator().manual_seed(step))
    if not bool(torch.isfinite(loss)):
        raise FloatingPointError(f"the loss is not finite at step {step}: train with a smaller rate")
    torch.autograd.backward(loss * (count / config.broad_tasks))
    network.encoder.track(raw, steps > STATIC)
    curriculum.update(kinds, each.numpy())


def _keep(
    path: Path,
    config: TrainConfig,
    network: SetNetwork,
    optimiser: torch.optim.Optimizer,
    curricula: dict[int, Curriculum],
    step: int,
) -> None:
    tensors = {f"parameters/{name}": value for name, value in network.state_dict().items()}
    losses = {str(steps): curriculum.losses.tolist() for steps, curriculum in curricula.items()}
    meta = {"checkpoint": json.dumps({"step": step, "losses": losses, "config": asdict(config)})}
    save_tensors(path, tensors | optimiser_tensors(optimiser), meta)


def _resumed(
    path: Path,
    config: TrainConfig,
    network: SetNetwork,
    optimiser: torch.optim.Optimizer,
    curricula: dict[int, Curriculum],
) -> int:
    """Updates that a checkpoint has behind it, once everything is as it was; 0 if there is none."""
    if not path.exists():
        return 0
    tensors, meta = load_tensors(path)
    told = json.loads(meta["checkpoint"])
    if told["config"] != json.loads(json.dumps(asdict(config))):
        raise ValueError(f"{path} is of another configuration: train into another folder, or delete it")
    network.load_state_dict(
        {name.split("/", 1)[1]: value for name, value in tensors.items() if name.startswith("parameters")}
    )
    restore_optimiser(optimiser, tensors)
    for steps, losses in told["losses"].items():
        curricula[int(steps)].losses = np.array(losses)
    return int(told["step"])
