"""A film for each row of the board: an episode of a task at which the agent is as good as on the whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..agents import roster
from ..agents.agent import Agent
from ..concepts.event import Event
from ..envs.viewer import save_webp
from .bodies import make_body
from .episodes import Camera, enact
from .rows import Row, film_path
from .runner import Cell, lesson_of, slug
from .verify import check_installed

_WIDEST = 420
_FPS = 8
_FRAMES = 24


def typical_task(row: Row) -> int:
    """Number of the task whose success is nearest to that of the row."""
    scores, tasks = row.scores()
    if not len(scores):
        return row.tasks()[0]
    each = scores.mean((0, 2))
    return tasks[int(np.abs(each - each.mean()).argmin())]


def learned_agent(row: Row, index: int, records: Path, shown: Event) -> tuple[Agent, Event | None]:
    """The agent of a row for a task, and what it is shown; it reads what it learned where that was kept.

    What it learns again it learns as in its cell, with one thread.

    Raises:
        ValueError: The agent of that name is configured in another way by now.
    """
    import torch

    torch.set_num_threads(1)
    suite, source = row.suite, str(row.agent["source"])
    cell, contestant = Cell(suite.name, suite.version, index, source, 0, 0, str(records)), roster.find(source)
    check_installed(row)
    folder = records / f"{suite.name}-v{suite.version}" / slug(contestant.name)
    lesson = lesson_of(cell, suite, contestant, folder, shown)
    return contestant.learn(lesson), lesson.demonstrations


def film(row: Row, records: Path, index: int | None = None) -> list[np.ndarray]:
    """Pictures of the first start of a task, by default a typical one, (H, W, 3) each.

    Raises:
        ValueError: The agent of that name is configured in another way by now.
    """
    index = typical_task(row) if index is None else index
    item = row.suite.items[index]
    env = make_body(item.body, item.action, item.argument, render_mode="rgb_array")
    agent, told = learned_agent(row, index, records, env.demonstrations(row.suite.k, row.suite.shown[0]))
    camera = Camera(-(-env.world.horizon // _FRAMES), _WIDEST)
    enact(env, agent, row.suite.starts[0], told, watch=camera)
    camera.look(env)
    env.close()
    return [*camera.frames, camera.frames[-1]]


def write_film(row: Row, records: Path, films: Path) -> Path:
    """Films a row.

    Raises:
        ValueError: The agent of that name is configured in another way by now.
    """
    films.mkdir(parents=True, exist_ok=True)
    path = film_path(row, films)
    save_webp(film(row, records), str(path), fps=_FPS)
    return path


def forgotten(rows: Sequence[Row], films: Path) -> list[Path]:
    """Films of agents in suites of the rows, by whoever is configured in another way now."""
    wanted = {film_path(row, films) for row in rows}
    stems = {path.stem.rpartition("-")[0] for path in wanted}
    every = sorted(films.glob("*.webp"))
    return [path for path in every if path not in wanted and path.stem.rpartition("-")[0] in stems]
