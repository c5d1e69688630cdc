"""The ``conceptgym`` command: parses, calls, prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import gymnasium
import tyro
from rich.console import Console
from rich.table import Table

from . import __version__
from .concepts.catalogue import CATALOGUE

_DESCRIPTION = "Concepts as energy functions: worlds to enact and to recognise them in."


def _console() -> Console:
    """The terminal, or 160 columns where the output goes elsewhere."""
    return Console() if sys.stdout.isatty() else Console(width=160)


def demo(
    out: Path = Path("out"),
    seed: int = 0,
    episodes: int = 100,
    concept: str | None = None,
    argument: str | None = None,
    robot: Literal["arm", "planar", "point"] = "arm",
) -> None:
    """Infer concepts from five demonstrations of particles, and let particles and a robot enact them.

    Before that, an expert brings eight concepts about, and the shipped energy acts and points. Tables
    here, pictures and GIFs under --out.

    Args:
        out: Folder for the pictures.
        seed: Seeds the scenes.
        episodes: Episodes a concept for the expert's table.
        concept: Only enact this concept, with particles and the robot.
        argument: Whom it is about: another concept, for instance red.
        robot: Which robot.
    """
    if find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)  # the tensors are small: threads would wait for one another
    if concept is None:
        _demo_worlds(out, seed, episodes)
    missing = [name for name in ("torch", "mujoco") if find_spec(name) is None]
    if missing:
        _console().print(f"the robot is left out: it needs {missing}, pip install 'conceptgym[torch,arm]'")
        return
    from tqdm import tqdm

    from .evaluation.demo_robot import JOBS, run_robot

    table = Table(
        "five demonstrations of", "residual energy", "particles", f"robot: {robot}", "ms a plan", "film"
    )
    jobs = run_robot(out, concept, argument, robot, seed)
    for one in tqdm(jobs, total=1 if concept else len(JOBS), unit="task", leave=False):
        done = (f"{one.particle} of {one.starts}", f"{one.robot} of {one.starts}")
        table.add_row(one.task, f"{one.residual:.3f}", *done, f"{one.milliseconds:.0f}", str(one.film))
    _console().print(table)


def _demo_worlds(out: Path, seed: int, episodes: int) -> None:
    """The experts' table, and the shipped energy's."""
    from tqdm import tqdm

    from .evaluation.demo import EIGHT, INFERRED, run_demo, run_learned

    table = Table("concept", "what it means", "expert", "random")
    for shown in tqdm(run_demo(out, seed, episodes), total=len(EIGHT), unit="concept", leave=False):
        table.add_row(
            shown.concept, shown.description, f"{shown.expert.at_end:.0%}", f"{shown.random.at_end:.0%}"
        )
    console = _console()
    console.print(table)
    console.print(
        f"episodes satisfied at their end, of {episodes}; see {out / 'demo.gif'} and the pictures beside it"
    )
    if find_spec("torch") is None:
        console.print("the learned energy is left out: it needs torch, pip install 'conceptgym[torch]'")
        return
    learned = Table(
        "inferred from five demonstrations", "mode", "right, of 5 fresh scenes", "residual energy"
    )
    for one in tqdm(run_learned(out, seed), total=len(INFERRED), unit="concept", leave=False):
        learned.add_row(one.concept, one.mode, f"{one.success:.0%}", f"{one.residual:.3f}")
    console.print(learned)
    console.print(f"pictures and films of what the energy made of them: {out / 'learned-*.gif'}")


def envs(
    family: str | None = None,
    mode: Literal["generate", "identify"] | None = None,
    split: Literal["train", "held_out"] | None = None,
    speed: bool = True,
) -> None:
    """List the environments with family, split and measured steps per second.

    Args:
        family: Only of this family, for instance spatial.
        mode: Only those to generate in, or to identify in.
        split: Only concepts of this split.
        speed: Whether to measure the speed, a twentieth of a second each.
    """
    from .concepts.catalogue import names
    from .envs.registration import arm_id, identify_id, particle_id
    from .evaluation.speed import single

    wanted = names(family, mode, split)
    table = Table(
        "id", "family", "modes of the concept", "split", "steps/s" if speed else "", "what it means"
    )
    for name in wanted:
        concept = CATALOGUE[name]
        for kind, make_id in (("generate", particle_id), ("generate", arm_id), ("identify", identify_id)):
            env_id = make_id(name)
            if kind in concept.modes and mode in (None, kind) and env_id in gymnasium.registry:
                able = speed and (make_id is not arm_id or find_spec("mujoco") is not None)
                rate = f"{single(env_id, 0.05).median:,.0f}" if able else ""
                modes = ", ".join(concept.modes)
                table.add_row(env_id, concept.family, modes, concept.split, rate, concept.description)
    _console().print(table)


def play(env_id: tyro.conf.Positional[str], seed: int = 0) -> None:
    """Drag the discs yourself; needs the extra "play" and a screen.

    Args:
        env_id: For instance conceptgym/ParticleSquare-v0.
        seed: Seeds the scenes.
    """
    from .envs.play import play as run

    won = run(full_id(env_id), seed)
    _console().print(f"{won} satisfied")


def render(
    env_id: tyro.conf.Positional[str],
    out: Path = Path("out/render.gif"),
    seed: int = 0,
    policy: Literal["expert", "random"] = "expert",
    size: int = 320,
) -> None:
    """Film one episode as a GIF.

    Args:
        env_id: For instance conceptgym/ParticleSquare-v0.
        out: The file.
        seed: Seeds the scene.
        policy: Who acts.
        size: Width and height, in pixels.
    """
    from .envs.viewer import save_gif
    from .evaluation.demo import film

    frames = film(full_id(env_id), seed, size, policy)
    save_gif(frames, str(out), fps=20)
    _console().print(f"{out}: {len(frames)} frames")


def demos_export(
    env_id: tyro.conf.Positional[str], episodes: int = 100, seed: int = 0, out: Path = Path("out/demos")
) -> None:
    """Write expert episodes as a Minari dataset; needs the extra "demos".

    Args:
        env_id: For instance conceptgym/ParticleSquare-v0.
        episodes: Number of episodes.
        seed: Seeds the scenes.
        out: Folder of the datasets.
    """
    from .agents.demonstrations import export

    _console().print(f"{export(full_id(env_id), episodes, seed, out)}")


def bench_envs(seconds: float = 1.0, largest: int = 65536) -> None:
    """Measure the speed of the environments on this machine.

    Args:
        seconds: Seconds a cell.
        largest: Largest number of rows.
    """
    from .evaluation.speed import env_speeds, machine

    table = Table("environment", "rows", "env-steps/s (median)", "best window")
    for cell in env_speeds(seconds, largest):
        table.add_row(cell.what, f"{cell.rows:,}", f"{cell.median:,.0f}", f"{cell.best:,.0f}")
    console = _console()
    console.print(machine())
    console.print(table)


def full_id(env_id: str) -> str:
    """An id with its namespace and version: "ParticleSquare" stands for "conceptgym/ParticleSquare-v0".

    Raises:
        ValueError: There is no such environment; the message names the nearest.
    """
    from difflib import get_close_matches

    import gymnasium as gym

    known = [name for name in gym.registry if name.startswith("conceptgym/")]
    named = env_id if env_id.startswith("conceptgym/") else f"conceptgym/{env_id}"
    named = named if "-v" in named else f"{named}-v0"
    if named not in known:
        near = get_close_matches(named, known, n=3)
        raise ValueError(
            f"unknown environment {env_id!r}: did you mean {' or '.join(near) or 'one of conceptgym envs'}?"
        )
    return named


Commands = dict[str, Callable[..., Any]]


def _train() -> Commands:
    """The presets; loads torch."""
    from .cli_learn import TRAIN

    return TRAIN


def _evaluate() -> Commands:
    """What can be evaluated; loads torch."""
    from .cli_board import evaluate_agent
    from .cli_learn import EVALUATE

    return {**EVALUATE, "agent": evaluate_agent}


def _suite() -> Commands:
    """Frozen suites."""
    from .cli_board import SUITE

    return SUITE


def _leaderboard() -> Commands:
    """Rows and page."""
    from .cli_board import LEADERBOARD

    return LEADERBOARD


def verify(
    record: tyro.conf.Positional[Path], share: float = 0.1, seed: int | None = None, mark: bool = False
) -> int:
    """Run cells of a row, or one record, again, and say whether they come out the same.

    Args:
        record: A row's file, or a record's.
        share: Share of a row's cells that are run.
        seed: Chooses the cells; by default nobody knows it before.
        mark: Whether to write into a row's file which cells were run again and match; one that does not takes
            all marks back.
    """
    from .cli_board import verify as run

    return run(record, share, seed, mark)


def tune(
    agent: tyro.conf.Positional[str], trials: int = 12, out: Path = Path("out/tuning"), seed: int = 0
) -> None:
    """Try settings of an agent that learns, on tasks that no suite has; a killed study goes on.

    Args:
        agent: Its name: ppo, sac, td3, tqc, gail, cloning, chunked-cloning, implicit-cloning, diffusion.
        trials: Trials in all.
        out: Folder of the journals and results.
        seed: Seeds the choice of trials.
    """
    from .cli_board import tune as run

    run(agent, trials, out, seed)


def show(
    concept: tyro.conf.Positional[str],
    out: Path = Path("out/show"),
    seed: int = 0,
    weights: Path | None = None,
    size: int = 220,
) -> None:
    """Draw what the energy makes of a concept: demonstrations, landscape, searches, results.

    Args:
        concept: Its name, for instance square.
        out: Folder for a PNG and a GIF of each mode.
        seed: Seeds demonstrations and scenes.
        weights: A safetensors file with its card beside it; by default the shipped one.
        size: Width and height of a picture, in pixels.
    """
    from .cli_learn import show as run

    run(concept, out, seed, weights, size)


def bench_planners() -> None:
    """Measure the planners on this machine; needs the extras torch and arm, compares with pytorch_mppi."""
    from .concepts.release import load_pretrained
    from .evaluation.planner_speed import planner_page
    from .evaluation.speed import machine

    print(f"{machine()}, one thread.\n\n{planner_page(load_pretrained())}")


GROUPS: dict[str, Callable[[], Commands]] = {
    "demos": lambda: {"export": demos_export},
    "bench": lambda: {"envs": bench_envs, "planners": bench_planners},
    "train": _train,
    "evaluate": _evaluate,
    "suite": _suite,
    "leaderboard": _leaderboard,
}
COMMANDS: Commands = {
    "demo": demo, "envs": envs, "play": play, "render": render, "show": show, "tune": tune, "verify": verify,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line, and returns its exit status.

    0; 1, it failed; 2, it was misused; 130, it was interrupted.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words == ["--version"]:
        print(__version__)
        return 0
    commands, prog = {**COMMANDS, **{group: _group_help(group) for group in GROUPS}}, "conceptgym"
    try:
        if words and words[0] in GROUPS:
            commands, prog, words = GROUPS[words[0]](), f"conceptgym {words[0]}", words[1:]
        status = tyro.extras.subcommand_cli_from_dict(
            commands, prog=prog, args=words or ["--help"], description=_DESCRIPTION
        )
    except SystemExit as stop:
        return int(stop.code or 0)
    except (ValueError, TypeError) as error:
        print(f"conceptgym: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        hint = "pip install 'conceptgym[train]'" if "conceptgym[" not in str(error) else ""
        print(f"conceptgym: {error} {hint}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("conceptgym: interrupted; what was finished and written is kept", file=sys.stderr)
        return 130
    except (OSError, FloatingPointError, gymnasium.error.Error) as error:
        print(f"conceptgym: {error}", file=sys.stderr)
        return 1
    return status if isinstance(status, int) else 0


def _group_help(group: str) -> Callable[[], None]:
    def show() -> None:
        """."""

    show.__doc__ = {
        "train": "Train an energy: tiny, cpu, gpu; or its rival, a policy.",
        "evaluate": f"Measure: {', '.join(GROUPS[group]())}.",
    }.get(group) or (f"Commands: {', '.join(GROUPS[group]())}.")
    return show


if __name__ == "__main__":
    sys.exit(main())
