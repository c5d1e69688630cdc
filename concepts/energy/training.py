"""Meta-training: many few-shot problems, one optimiser, checkpoints that resume exactly.

All randomness of a step is seeded by (seed, step, rank), so that a checkpoint holds no generators
and a resumed run is the same run. With torchrun, every process draws its own problems and the
gradients are averaged.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .batches import BatchConfig, Curriculum, Problem
from .learner import TERMS, Kernels, Networks, Objective, Outcome, kernels, meta_loss
from .network import NetworkConfig
from .pool import MOVING, STATIC, Pool, PoolConfig, cached_pools
from .provenance import commit
from .soap import Soap
from .storage import load_tensors, optimiser_tensors, restore_optimiser, save_tensors, start_weights
from .workers import workers

OPTIMISERS: dict[str, Callable[[Iterable[torch.nn.Parameter], float], torch.optim.Optimizer]] = {
    "soap": Soap,
    "adam": lambda parameters, rate: torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.99)),
}
"""Optimisers, of parameters and a learning rate."""


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        seed: Seeds parameters and problems; the scenes have a seed of their own.
        steps: Updates.
        tasks: Problems without a course of time in an update that unrolls the optimisation of codes.
        moving_tasks: Problems with a course of time in such an update.
        moving_every: Every how manieth update of a kind has problems with a course of time.
        optimiser: "soap" or "adam".
        rate: Its largest learning rate.
        warmup: Updates until it is reached; afterwards a cosine to 3%.
        clip: Largest norm of the gradient.
        average: Decay of the parameters' running average, which is what is shipped.
        deep_every: Every how manieth update unrolls the optimisation of codes; none if 0. The others are
            broad: they use the encoder's codes as they are, which is several times cheaper a problem.
        deep_after: Updates until the first of those: optimisation of codes is learned last.
        broad_tasks: Problems without a course of time in a broad update.
        broad_moving: Problems with a course of time in such an update.
        broad_queries: Queries of a problem of such an update.
        compiled: Whether to compile: minutes at first, then more than twice as fast.
        save_every: Updates between checkpoints.
        start: File of weights that the run starts from, of the same sizes; random ones if empty.
        network: Sizes.
        pool: Training scenes.
        batch: How problems are drawn.
        objective: The loss.
    """

    seed: int = 0
    steps: int = 16000
    tasks: int = 16
    moving_tasks: int = 4
    moving_every: int = 2
    optimiser: str = "soap"
    rate: float = 3e-3
    warmup: int = 200
    clip: float = 1.0
    average: float = 0.998
    deep_every: int = 3
    deep_after: int = 12000
    broad_tasks: int = 64
    broad_moving: int = 16
    broad_queries: int = 1
    compiled: bool = True
    save_every: int = 250
    start: str = ""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    objective: Objective = field(default_factory=Objective)

    def __post_init__(self) -> None:
        """Checks what does not fit together.

        Raises:
            ValueError: Broad updates, but no encoder; or an unknown optimiser.
        """
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"optimiser is {self.optimiser!r}, expected one of {tuple(OPTIMISERS)}")
        if (self.deep_every != 1 or self.deep_after) and not self.objective.encoder:
            raise ValueError("there is no encoder: set deep_every to 1 and deep_after to 0")


TINY = TrainConfig(
    steps=180,
    tasks=8,
    deep_every=3,
    deep_after=0,
    broad_tasks=24,
    moving_every=0,
    optimiser="adam",  # in so few updates no basis can be found
    rate=4e-3,
    warmup=50,
    average=0.98,
    compiled=False,
    save_every=60,
    network=NetworkConfig(code=8, pair=24, message=8, node=32),
    pool=PoolConfig(
        rows=256, pair_rows=0, drawn=0, width=6, concepts=("at", "near", "far", "cluster", "closest")
    ),
    batch=BatchConfig(turned=0.0, recoloured=0.0, swapped=0.0),
)
"""Five easy concepts in less than two minutes: for tests, and for a first look."""

CPU = TrainConfig()
"""All concepts, in less than three hours of one core; twice the problems with two processes."""

GPU = replace(CPU, steps=60000, deep_after=45000, tasks=64, moving_tasks=32, moving_every=1)
"""All concepts, with larger batches."""

PRESETS: dict[str, TrainConfig] = {"tiny": TINY, "cpu": CPU, "gpu": GPU}


def learning_rate(config: TrainConfig, step: int) -> float:
    """Rate of an update: linear warm-up, then a cosine to 3%."""
    if step < config.warmup:
        return config.rate * (step + 1) / config.warmup
    share = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.rate * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))


class Trainer:
    """A training run: parameters, optimiser, running average, and how often each kind fails."""

    def __init__(self, config: TrainConfig, pools: dict[int, Pool], device: str = "cpu") -> None:
        """Makes the networks from the seed."""
        self.config, self.device, self.step = config, torch.device(device), 0
        self.commits = [commit()]
        self.workers = workers()
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.networks = Networks(config.network, config.objective).to(self.device)
        if config.start:
            self.networks.load_state_dict(start_weights(self.networks.state_dict(), Path(config.start)))
        self.average = {name: value.detach().clone() for name, value in self.networks.state_dict().items()}
        self.optimiser = OPTIMISERS[config.optimiser](self.networks.parameters(), config.rate)
        self.curricula = {steps: Curriculum(pool, config.batch) for steps, pool in sorted(pools.items())}
        self.run: Kernels = kernels(self.networks, config.compiled)

    @property
    def deep(self) -> bool:
        """Whether the next update unrolls the optimisation of codes."""
        since = self.step - self.config.deep_after
        return bool(self.config.deep_every) and since >= 0 and since % self.config.deep_every == 0

    @property
    def objective(self) -> Objective:
        """The objective of the next update."""
        if self.deep:
            return self.config.objective
        return replace(self.config.objective, code_steps=0, blind=0.0)

    def _batches(self) -> list[tuple[int, int]]:
        """Duration and number of problems of the batches of the next update."""
        config = self.config
        since = max(self.step - config.deep_after, 0)
        before = -(-since // config.deep_every) if config.deep_every else 0
        still, moving, count = config.broad_tasks, config.broad_moving, self.step - before
        if self.deep:
            still, moving, count = config.tasks, config.moving_tasks, before
        batches = [(STATIC, still)]
        due = config.moving_every and count % config.moving_every == 0
        if due or STATIC not in self.curricula:
            batches += [(MOVING, moving)]
        return [(steps, size) for steps, size in batches if steps in self.curricula and size]

    def update(self) -> Tensor:
        """One update of the parameters; returns the terms of the loss, (8,).

        Raises:
            FloatingPointError: A loss is not finite; the message names the concepts.
        """
        self.networks.train()
        self.optimiser.zero_grad(set_to_none=True)
        terms, raws, failures = [], [], []
        batches = self._batches()
        for index, (steps, size) in enumerate(batches):
            outcome, kinds = self._outcome(steps, size, index)
            # A batch with a course of time is smaller; each problem counts the same.
            torch.autograd.backward(outcome.loss * (size / batches[0][1]))
            terms.append(outcome.terms)
            raws.append((steps > STATIC, outcome.raw))
            failures.append((steps, kinds, outcome.each.cpu().numpy()))
        self._apply(raws, failures)
        self.step += 1
        return terms[0]

    def _outcome(self, steps: int, size: int, index: int) -> tuple[Outcome, np.ndarray]:
        key = [self.config.seed, self.step, self.workers.rank, index]
        queries = self.config.batch.queries if self.deep else self.config.broad_queries
        problem, kinds = self.curricula[steps].draw(np.random.default_rng(key), size, queries)
        problem = moved_to(problem, self.device)
        seed = int(np.random.default_rng([*key, 1]).integers(2**62))
        generator = torch.Generator(self.device).manual_seed(seed)
        outcome = meta_loss(self.networks, self.run, problem, self.objective, generator)
        if not bool(torch.isfinite(outcome.loss)):
            self._complain(outcome, kinds, steps)
        return outcome, kinds

    def _complain(self, outcome: Outcome, kinds: np.ndarray, steps: int) -> None:
        names = np.array(self.curricula[steps].kinds)[kinds]
        # Normalised codes hand a failure on to the whole batch; the raw ones tell whose it is.
        bad = ~torch.isfinite(outcome.raw).all(1).reshape(-1, len(names)).all(0).cpu().numpy()
        if not bad.any():
            bad = ~torch.isfinite(outcome.each).cpu().numpy()
        culprits = sorted(set(names[bad] if bad.any() else names))
        raise FloatingPointError(
            f"the loss is not finite at step {self.step}, at {', '.join(culprits)}: "
            "train from the last checkpoint with a smaller rate"
        )

    def _apply(
        self, raws: list[tuple[bool, Tensor]], failures: list[tuple[int, np.ndarray, np.ndarray]]
    ) -> None:
        self.workers.share(list(self.networks.parameters()))
        parameters = [p for p in self.networks.parameters() if p.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.config.clip)
        if not bool(torch.isfinite(norm)):
            names = {str(self.curricula[s].kinds[k]) for s, kinds, _ in failures for k in kinds}
            raise FloatingPointError(
                f"the gradient is not finite at step {self.step}, in a batch of {', '.join(sorted(names))}"
            )
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, self.step)
        self.optimiser.step()
        for moving, raw in raws:
            self.networks.encoder.track(raw, moving)
        self.workers.average([self.networks.encoder.mean, self.networks.encoder.variance])
        decay = min(self.config.average, (self.step + 1) / (self.step + 10))
        for name, value in self.networks.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)
        for steps, kinds, losses in failures:
            self.curricula[steps].update(kinds, losses)
            values = torch.from_numpy(self.curricula[steps].losses).to(self.device)
            self.workers.average([values])
            self.curricula[steps].losses = values.cpu().numpy()

    def shipped(self) -> Networks:
        """The networks with averaged parameters, for use."""
        networks = Networks(self.config.network, self.config.objective).to(self.device)
        networks.load_state_dict(self.average)
        return networks.eval()

    def save(self, path: Path) -> None:
        """Writes everything that a resumed run needs to one file, atomically."""
        tensors = {f"parameters/{n}": v for n, v in self.networks.state_dict().items()}
        tensors |= {f"average/{n}": v for n, v in self.average.items()}
        tensors |= optimiser_tensors(self.optimiser)
        losses = {str(steps): c.losses.tolist() for steps, c in self.curricula.items()}
        meta = {"step": self.step, "losses": losses, "config": asdict(self.config), "commits": self.commits}
        save_tensors(path, tensors, {"checkpoint": json.dumps(meta)})

    def restore(self, path: Path) -> None:
        """Goes on from a checkpoint.

        Raises:
            ValueError: The file is no checkpoint, or one of another configuration.
        """
        tensors, meta = load_tensors(path)
        if "checkpoint" not in meta:
            raise ValueError(f"{path} is no checkpoint of a training run")
        given = json.loads(meta["checkpoint"])
        if given["config"] != json.loads(json.dumps(asdict(self.config))):
            raise ValueError(
                f"{path} is of a run with another configuration: train into another folder, or delete it"
            )
        part = {
            group: {n.split("/", 1)[1]: v for n, v in tensors.items() if n.startswith(group)}
            for group in ("parameters", "average")
        }
        self.networks.load_state_dict(part["parameters"])
        self.average = {name: value.to(self.device) for name, value in part["average"].items()}
        restore_optimiser(self.optimiser, tensors)
        for steps, losses in given["losses"].items():
            self.curricula[int(steps)].losses = np.array(losses)
        self.step = int(given["step"])
        self.commits = [*(c for c in given["commits"] if c not in self.commits), *self.commits]


def moved_to(problem: Problem, device: torch.device) -> Problem:
    """The problem on a device."""
    if device.type == "cpu":
        return problem
    return torch.utils._pytree.tree_map(lambda tensor: tensor.to(device), problem)


def train(
    config: TrainConfig,
    folder: Path,
    *,
    device: str = "cpu",
    data: Path | None = None,
    jobs: int = 1,
    progress: bool = True,
    log: Callable[[int, dict[str, float]], None] | None = None,
) -> Trainer:
    """Trains, or goes on where the folder's checkpoint ends.

    Args:
        config: What to train.
        folder: For the checkpoint; made if it is not there.
        device: "cpu", or for instance "cuda".
        data: Folder of the drawn scenes; by default beside the checkpoint.
        jobs: Processes that draw the scenes.
        progress: Whether to show a progress bar.
        log: Called with the step and the terms of the loss, every tenth step.

    Raises:
        ValueError: The folder holds a checkpoint of another configuration.
        FloatingPointError: A loss or gradient is not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    team = workers()
    first = team.rank == 0
    if first:
        cached_pools(config.pool, data or folder, progress, jobs)
    team.wait()
    if device == "cuda" and team.size > 1:
        device = f"cuda:{int(os.environ['LOCAL_RANK'])}"
    trainer = Trainer(config, cached_pools(config.pool, data or folder, progress, jobs), device)
    path = folder / "checkpoint.safetensors"
    if path.exists():
        trainer.restore(path)
    team.check_same(trainer.step)
    bar = tqdm(total=config.steps, initial=trainer.step, unit="step", disable=not (progress and first))
    recent, seen = torch.zeros(len(TERMS)), 0
    while trainer.step < config.steps:
        recent = 0.98 * recent + 0.02 * trainer.update().cpu()
        bar.update()
        seen += 1
        if trainer.step % 10 == 0 and first:
            scale = 1 - 0.98**seen
            values = {name: float(v) / scale for name, v in zip(TERMS, recent, strict=True)}
            bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()})
            if log:
                log(trainer.step, values)
        if (trainer.step % config.save_every == 0 or trainer.step == config.steps) and first:
            trainer.save(path)
    bar.close()
    return trainer
