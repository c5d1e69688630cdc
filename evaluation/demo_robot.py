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
from .landscape import Landscape

JOBS: tuple[tuple[str, str | None], ...] = (
    ("near", "red"),
    ("left_of", "largest"),
    ("follow", None),
    ("cluster", "red"),
)
"""What is shown unless told otherwise: (action, argument)."""

_FRAMES, _FPS = 40, 8
"""Of a film: short ones show every step, long ones some. All wait a second at their end."""


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


def together(films: list[list[np.ndarray]]) -> list[np.ndarray]:
    """Films side by side, (H, W, 3) a picture: of one height, thinned alike, each with its last picture."""
    height, longest = max(len(film[0]) for film in films), max(map(len, films))
    stride = -(-longest // _FRAMES)
    thinned = [[*film[:-1:stride], film[-1]] for film in films]
    both = mosaic([[_sized(frame, height) for frame in film] for film in thinned], columns=2)
    return [*both, *[both[-1]] * _FPS]


def run_job(model: ConceptModel, job: Task, robot: str, out: Path, seed: int, starts: int) -> Enacted:
    """Enacts one task with particles and with a robot, and films the first start of each."""
    code = model.infer(job.demonstrations(5, seed))
    heat = Landscape(model, code)
    particles = ParticleEnv(job, render_mode="rgb_array", heatmap=heat)
    machine = ArmEnv(job, robot=robot, render_mode="rgb_array", view="scene")
    films, told = [], []
    for env in (particles, machine):
        agent, camera = concept_agent(model), Camera(1)
        first = run_episode(env, agent, seed, watch=camera)
        camera.look(env)
        films.append(camera.frames)
        told.append(summary([first, *(run_episode(env, agent, seed + i) for i in range(1, starts))]))
        env.close()
    both = together(films)
    path = out / f"{job.name.replace('(', '-').rstrip(')')}-{robot}.gif"
    save_gif(both, str(path), fps=_FPS)
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
