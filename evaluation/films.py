"""A film for each row of the board: an episode of a task at which the agent is as good as on the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..agents import roster
from ..agents.agent import Agent
from ..concepts.event import Event
from ..envs.viewer import save_gif
from .bodies import make_body
from .demo_robot import Camera
from .episodes import enact
from .rows import Row
from .runner import Cell, lesson_of, slug

_WIDEST = 360
_FPS = 8


def typical_task(row: Row) -> int:
    """Number of the task whose success is nearest to that of the row."""
    scores, tasks = row.scores()
    if not len(scores):
        return row.tasks()[0]
    each = scores.mean(0)
    return tasks[int(np.abs(each - each.mean()).argmin())]


def learned_agent(row: Row, index: int, records: Path) -> tuple[Agent, Event | None]:
    """The agent of a row for a task, and what it is shown; it reads what it learned where that was kept."""
    suite, source = row.suite, str(row.agent["source"])
    cell = Cell(suite.name, suite.version, index, source, 0, 0, str(records))
    contestant = roster.find(source)
    folder = records / f"{suite.name}-v{suite.version}" / slug(contestant.name)
    lesson = lesson_of(cell, suite, contestant, folder)
    return contestant.learn(lesson), lesson.demonstrations


def film(row: Row, records: Path, index: int | None = None) -> list[np.ndarray]:
    """Pictures of the first start of a task, by default a typical one, (H, W, 3) each."""
    index = typical_task(row) if index is None else index
    agent, shown = learned_agent(row, index, records)
    item, more = row.suite.items[index], {"render_mode": "rgb_array"}
    robot: dict[str, Any] = {"view": "scene"} if item.body not in ("particle", "identify") else {}
    env, camera = make_body(item.body, item.action, item.argument, **more, **robot), Camera()
    enact(env, agent, row.suite.starts[0], shown, watch=camera)
    last = env.render()
    env.close()
    assert last is not None, "the environment draws arrays"
    frames = [*camera.frames, last, last]
    step = -(-max(frames[0].shape[:2]) // _WIDEST)
    return [frame[::step, ::step] for frame in frames]


def film_path(row: Row, films: Path) -> Path:
    """Where ``leaderboard build`` looks for the film of a row."""
    return films / f"{row.suite.name}--{slug(str(row.agent['name']))}.gif"


def write_film(row: Row, records: Path, films: Path) -> Path:
    """Films a row."""
    films.mkdir(parents=True, exist_ok=True)
    path = film_path(row, films)
    save_gif(film(row, records), str(path), fps=_FPS)
    return path
