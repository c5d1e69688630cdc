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
from ..envs.viewer import save_gif, save_png
from .demo import mosaic
from .episodes import Camera, run_episode, summary
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
        residual: Mean energy of the demonstrations under the inferred code, median over the starts.
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
    cameras, told = (Camera(_EVERY, most=_FRAMES), Camera(_EVERY, most=_FRAMES)), []
    for camera, env in zip(cameras, (particles, machine), strict=True):
        agent = concept_agent(model)
        episodes = [run_episode(env, agent, seed + i, watch=None if i else camera) for i in range(starts)]
        told.append(summary(episodes))
        env.close()
    height = max(len(camera.frames[0]) for camera in cameras)
    films = [[_sized(frame, height) for frame in camera.frames] for camera in cameras]
    both = mosaic(films, columns=2)
    path = out / f"{job.name.replace('(', '-').rstrip(')')}-{robot}.gif"
    save_gif(both, str(path), fps=8)
    save_png(both[-1], str(path.with_suffix(".png")))
    ours, robots = told
    return Enacted(job.name, robots.residual, ours.hits, robots.hits, starts, 1000 * robots.median, path)


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
