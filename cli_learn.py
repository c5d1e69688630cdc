"""The commands of ``conceptgym`` that need torch: train, evaluate, show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from .concepts.energy.training import PRESETS, TrainConfig, Trainer
from .concepts.energy.workers import workers


def train_with(preset: str) -> Callable[..., None]:
    """The command that trains with a preset, every part of which can be changed."""

    def command(
        config: TrainConfig = PRESETS[preset],
        out: Path = Path("out") / preset,
        data: Path | None = None,
        device: str = "cpu",
        jobs: int = 1,
        threads: int = 1,
        tensorboard: bool = True,
    ) -> None:
        """Train an energy, or go on where the checkpoint in --out ends.

        Args:
            config: What to train.
            out: Folder for the checkpoint, the weights with their card, and the logs.
            data: Folder that keeps the drawn scenes; by default --out.
            device: For instance cpu or cuda.
            jobs: Processes that draw the scenes.
            threads: Threads of torch; one is fastest where several processes run.
            tensorboard: Whether to log for TensorBoard; needs the extra "train".
        """
        import torch

        from .concepts.energy.training import train
        from .concepts.release import release

        torch.set_num_threads(threads)
        first = workers().rank == 0
        log = tensorboard_log(out / "logs") if tensorboard and first else None
        trainer: Trainer = train(config, out, device=device, data=data, jobs=jobs, log=log)
        if first:
            path = out / "energy.safetensors"
            release(trainer).save(path)
            Console().print(f"{path} and its card: {trainer.step} steps")

    return command


def tensorboard_log(folder: Path) -> Callable[[int, dict[str, float]], None]:
    """Writes the terms of the loss where TensorBoard reads them.

    Raises:
        ModuleNotFoundError: TensorBoard is not installed; the message names the extra.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ModuleNotFoundError(
            "logging needs TensorBoard: pip install 'conceptgym[train]', or say --no-tensorboard"
        ) from error
    writer: Any = SummaryWriter(str(folder))

    def log(step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(f"loss/{name}", value, step)

    return log


def train_policy(
    out: Path = Path("out/conditional"), data: Path | None = None, steps: int = 16_000, jobs: int = 1
) -> None:
    """Train the policy that is conditioned on demonstrations, on the energy's scenes; goes on where it was.

    Args:
        out: Folder for the checkpoint and the weights.
        data: Folder that keeps the drawn scenes; by default --out.
        steps: Updates.
        jobs: Processes that draw the scenes.
    """
    from dataclasses import replace

    import torch

    from .agents.baselines.feed_forward import trained
    from .concepts.energy.pool import cached_pools

    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    config = replace(PRESETS["cpu"], steps=steps)
    pools = cached_pools(config.pool, data or out, True, jobs)
    path = out / "conditional.safetensors"
    trained(config, pools, True, out / "checkpoint.safetensors").save(path, config)
    Console().print(f"{path}: {steps} steps")


TRAIN: dict[str, Callable[..., Any]] = {
    **{name: train_with(name) for name in PRESETS},
    "policy": train_policy,
}


def evaluate_energy(
    out: Path = Path("out/energy"),
    weights: Path | None = None,
    table: tuple[str, ...] = (),
    quick: bool = False,
    scenes: int | None = None,
    threads: int = 1,
) -> None:
    """Measure an energy: success on fresh scenes, with intervals; prints tables, keeps them in --out.

    Args:
        out: Folder for a JSON file of each table, and all of them as Markdown.
        weights: A safetensors file with its card beside it; by default the shipped one.
        table: Only these tables.
        quick: A fifth of the scenes.
        scenes: Scenes of a cell; of each concept's share of a pooled cell a tenth.
        threads: Threads of torch.
    """
    import torch

    from .concepts.files import written_atomically
    from .concepts.model import ConceptModel
    from .concepts.release import WEIGHTS
    from .evaluation.energy_report import evaluate_energy as run
    from .evaluation.energy_report import weights_digest
    from .evaluation.energy_tables import FULL, QUICK, Size

    torch.set_num_threads(threads)
    path = weights or WEIGHTS
    size = QUICK if quick else FULL
    size = Size(sets=scenes, pooled=max(1, scenes // 10)) if scenes else size
    text = run(ConceptModel.load(path), out, weights_digest(path), size, table)
    with written_atomically(out / "tables.md") as temporary:
        Path(temporary).write_text(text)
    print(text)


def show(concept: str, out: Path, seed: int = 0, weights: Path | None = None, size: int = 220) -> None:
    """Draws what an energy makes of a concept; see the command."""
    from .concepts.catalogue import get
    from .concepts.model import ConceptModel
    from .concepts.release import WEIGHTS
    from .evaluation.showing import exhibit, write_exhibit

    model, given = ConceptModel.load(weights or WEIGHTS), get(concept)
    for mode in given.modes:
        made = exhibit(model, given, mode, seed=seed, size=size)
        sheet, film = write_exhibit(made, out, f"{concept}-{mode}")
        print(f"{sheet}, {film}: {mode} {made.success:.0%} of 5 scenes, residual energy {made.residual:.3f}")


def evaluate_planners(
    out: Path = Path("out/planners"),
    weights: Path | None = None,
    energy: bool = True,
    starts: int = 20,
    planner: tuple[str, ...] = (),
    world: tuple[str, ...] = (),
    horizon: tuple[str, ...] = (),
) -> None:
    """Tune and compare planners on particles, with and without a trap; keeps each cell in --out.

    Args:
        out: Folder for a JSON file of each cell, and a table of all that are there.
        weights: A safetensors file with its card beside it; by default the shipped one.
        energy: Whether to plan with the learned energy, too, and not with the true error alone.
        starts: Starts of a cell.
        planner: Only these: predictive, MPPI, CEM, iCEM, gradient, iLQG.
        world: Only these: near, between, "near, trap".
        horizon: Only these: "0.75 s", "2 s".
    """
    import torch

    from .concepts.files import written_atomically
    from .concepts.model import ConceptModel
    from .concepts.release import WEIGHTS
    from .evaluation.planner_table import planner_rows, planner_table

    torch.set_num_threads(1)
    model = ConceptModel.load(weights or WEIGHTS) if energy else None
    for _ in planner_rows(model, out, starts, planners=planner, worlds=world, horizons=horizon):
        pass  # each is kept in its file
    text = planner_table(out)
    with written_atomically(out / "table.md") as temporary:
        Path(temporary).write_text(text)
    print(text)


def evaluate_transfer(
    out: Path = Path("out/transfer"),
    weights: Path | None = None,
    table: tuple[str, ...] = (),
    concept: tuple[str, ...] = (),
    agent: tuple[str, ...] = (),
    starts: int = 100,
    jobs: int = 1,
) -> None:
    """Measure the concept agent beside the oracle, as particles and as robots; keeps each cell in --out.

    Args:
        out: Folder for a JSON file of each cell, and the tables as Markdown.
        weights: A safetensors file with its card beside it; by default the shipped one.
        table: Only these tables: particle, arm, "arm, wall", planar, point, "arm, randomised", Reacher-v5,
            "held-out concepts", "held-out pairs".
        concept: Only these actions.
        agent: Only these agents: concept, oracle.
        starts: Starts of a cell.
        jobs: Processes.
    """
    from .concepts.files import written_atomically
    from .concepts.release import WEIGHTS
    from .evaluation.transfer import evaluate_transfer as run

    text = run(
        weights or WEIGHTS, out, tables=table, concepts=concept, agents=agent, starts=starts, jobs=jobs
    )
    with written_atomically(out / "tables.md") as temporary:
        Path(temporary).write_text(text)
    print(text)


def evaluate_ablations(
    out: Path = Path("out/ablations"), seeds: int = 3, scenes: int = 60, variant: tuple[str, ...] = ()
) -> None:
    """Train small energies that differ in one thing, and compare them; what is there already is kept.

    Args:
        out: Folder for a JSON file of each training, and the table as Markdown.
        seeds: Trainings of each variant.
        scenes: Scenes of each concept and mode.
        variant: Only these variants.
    """
    import torch

    from .concepts.files import written_atomically
    from .evaluation.ablations import ablations

    torch.set_num_threads(1)
    text = ablations(out, seeds, scenes, variant)
    with written_atomically(out / "tables.md") as temporary:
        Path(temporary).write_text(text)
    print(text)


def evaluate_breadth(out: Path = Path("out/breadth"), seeds: int = 3, scenes: int = 60) -> None:
    """Train small energies on more and more concepts, and measure those that were held out; goes on.

    Args:
        out: Folder for a JSON file of each training, and the table as Markdown.
        seeds: Trainings of each number of concepts.
        scenes: Scenes of each held-out concept and mode.
    """
    import torch

    from .concepts.files import written_atomically
    from .evaluation.breadth import breadths

    torch.set_num_threads(1)
    text = breadths(out, seeds, scenes)
    with written_atomically(out / "tables.md") as temporary:
        Path(temporary).write_text(text)
    print(text)


EVALUATE: dict[str, Callable[..., Any]] = {
    "ablations": evaluate_ablations,
    "breadth": evaluate_breadth,
    "energy": evaluate_energy,
    "transfer": evaluate_transfer,
    "planners": evaluate_planners,
}
