"""The main job, shown: five demonstrations of particles, enacted by particles and by a robot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..agents.concept_agent import concept_agent
from ..concepts.model import ConceptModel
from ..concepts.release import load_pretrained
from ..concepts.task import Task, task
from ..envs.arm.env import ArmEnv
from ..envs.particle.env import ParticleEnv
from ..envs.single import ConceptEnv
from ..envs.viewer import save_gif, save_png
from .showing import landscape

JOBS: tuple[tuple[str, str | None], ...] = (
    ("near", "red"),
    ("left_of", "largest"),
    ("follow", None),
    ("cluster", "red"),
)
"""What is shown unless told otherwise: (action, argument)."""

_EVERY = 3
_FRAMES = 60


@dataclass(frozen=True)
class Enacted:
    """What came of one task.

    Attributes:
        task: Its name.
        residual: Mean energy of the demonstrations under the inferred code.
        particle: Starts that the particles brought to success.
        robot: Starts that the robot did.
        starts: Starts of each.
        milliseconds: Median time of one of the robot's plans.
        film: Where the film is.
    """

    task: str
    residual: float
    particle: int
    robot: int
    starts: int
    milliseconds: float
    film: Path


def enact(
    model: ConceptModel, env: ConceptEnv, start: int, filmed: bool
) -> tuple[bool, float, list[float], list[np.ndarray]]:
    """Lets the concept agent act from one start.

    Returns:
        Whether the concept held in the end, the residual energy, seconds of each action, and pictures.
    """
    import time

    agent = concept_agent(model)
    observation, info = env.reset(seed=start)
    agent.reset(env, env.demonstrations(5, start), start)
    seconds: list[float] = []
    frames: list[np.ndarray] = []
    over = False
    while not over:
        if filmed and len(seconds) % _EVERY == 0 and len(frames) < _FRAMES:
            frame = env.render()
            assert frame is not None
            frames.append(frame)
        begun = time.perf_counter()
        action = agent.act(observation)
        seconds.append(time.perf_counter() - begun)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated or (env.world.frames == 1 and bool(info["is_success"]))
    return bool(info["is_success"]), float(agent.info["residual"]), seconds, frames


def _sized(frame: np.ndarray, height: int) -> np.ndarray:
    """The picture with white above and below, (height, W, 3)."""
    missing = height - len(frame)
    return np.pad(frame, ((missing // 2, missing - missing // 2), (0, 0), (0, 0)), constant_values=255)


def run_job(model: ConceptModel, job: Task, robot: str, out: Path, seed: int, starts: int) -> Enacted:
    """Enacts one task with particles and with a robot, and films the first start of each."""
    code = model.infer(job.demonstrations(5, seed))
    heat = landscape(model, code)
    particles = ParticleEnv(job, render_mode="rgb_array", heatmap=heat)
    machine = ArmEnv(job, robot=robot, render_mode="rgb_array", view="scene")
    hits, films, residual, times = [0, 0], [], 0.0, []
    for index, env in enumerate((particles, machine)):
        for number in range(starts):
            good, residual, seconds, frames = enact(model, env, seed + number, filmed=number == 0)
            hits[index] += good
            times += seconds if index else []
            films += [frames] if number == 0 else []
        env.close()
    height = max(len(film[0]) for film in films)
    films = [[_sized(frame, height) for frame in film] for film in films]
    length = max(len(film) for film in films)
    films = [film + [film[-1]] * (length - len(film)) for film in films]
    both = [np.concatenate(pair, axis=1) for pair in zip(*films, strict=True)]
    path = out / f"{job.name.replace('(', '-').rstrip(')')}-{robot}.gif"
    save_gif(both, str(path), fps=8)
    save_png(both[-1], str(path.with_suffix(".png")))
    return Enacted(job.name, residual, hits[0], hits[1], starts, 1000 * float(np.median(times)), path)


def run_robot(
    out: Path,
    concept: str | None = None,
    argument: str | None = None,
    robot: str = "arm",
    seed: int = 0,
    starts: int = 3,
) -> Iterator[Enacted]:
    """Enacts the given task, or a few.

    Raises:
        ValueError: Unknown names, or no task.
    """
    jobs = JOBS if concept is None else ((concept, argument),)
    model = load_pretrained()
    for action, over in jobs:
        yield run_job(model, task(action, over), robot, out, seed, starts)
