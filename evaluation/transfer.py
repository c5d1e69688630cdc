"""Learned on particles, enacted by robots: the concept agent beside the oracle, cell by cell.

A cell is a task, a body and an agent. Each start has demonstrations of its own, five of them, drawn
from the particle world. Starts of the evaluation are never those that planners were tuned with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from tqdm import tqdm

from ..agents.agent import Agent
from ..agents.concept_agent import CANDIDATES, concept_agent
from ..agents.mission import DRAFTS
from ..agents.planning_agent import PLANNING, oracle_agent
from ..concepts.catalogue import CATALOGUE
from ..concepts.concept import Concept
from ..concepts.model import ConceptModel
from ..concepts.task import Task, make_task, pairs
from .bodies import make_body
from .energy_report import weights_digest
from .episodes import Summary, restored, run_episode, stored, summary
from .keeping import kept, remembered
from .markdown import markdown_table
from .reacher import CONCEPTS as REACHABLE
from .reacher import reacher_episode

FIRST_START = 1_000_000
"""Seed of the first start of an evaluation; planners were tuned with starts from 500,000 on."""

# What objects do on a table is measured with the first of them alone.
ROBOTS = ("arm", "arm, wall", "planar", "point", "arm, randomised")
STRANGER = "Reacher-v5"
"""Somebody else's environment, see ``reacher``."""

BY_BODY = ("particle", *ROBOTS, STRANGER)
TABLES = (*BY_BODY, "held-out concepts", "held-out pairs")
"""All tables: by body, and of what was held out."""

AGENTS: dict[str, Callable[[ConceptModel], Agent]] = {
    "concept": concept_agent,
    "oracle": lambda model: oracle_agent(),
}
"""Who plans: with the energy of inferred codes, or with the true error; the planner is the same."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        body: A name in ``bodies.BODIES``, or that of the stranger.
        action: Name of the concept that is enacted.
        argument: Name of the concept that says about whom, or None.
        agent: A name in ``AGENTS``.
    """

    body: str
    action: str
    argument: str | None
    agent: str

    @property
    def task(self) -> Task:
        """What is to be done."""
        return make_task(CATALOGUE[self.action], CATALOGUE[self.argument] if self.argument else None)

    @property
    def name(self) -> str:
        """For instance "arm-near-red-concept"."""
        parts = (self.body, self.action, self.argument or "", self.agent)
        return "-".join(part.replace(", ", "_").replace(" ", "_") for part in parts if part)


def measure(cell: Cell, model: ConceptModel, starts: int, first: int = FIRST_START) -> Summary:
    """Runs the episodes of a cell."""
    if cell.body == STRANGER:
        told = model if cell.agent == "concept" else None
        return summary([reacher_episode(CATALOGUE[cell.action], told, first + i) for i in range(starts)])
    env, agent = make_body(cell.body, cell.action, cell.argument), AGENTS[cell.agent](model)
    k = 0 if cell.agent == "oracle" else 5
    episodes = [run_episode(env, agent, first + index, k=k) for index in range(starts)]
    env.close()
    return summary(episodes)


def concepts_for(body: str, split: str) -> list[Concept]:
    """The concepts of a split that a body enacts, in the catalogue's order."""
    if body == STRANGER:
        return [CATALOGUE[name] for name in REACHABLE] if split == "train" else []
    chosen = []
    for concept in CATALOGUE.values():
        part = concept.generation
        if part is None or concept.split != split:
            continue
        if body != "particle" and part.actor == "pusher":
            continue
        if body in ROBOTS[1:] and part.actor != "agent":
            continue
        chosen.append(concept)
    return chosen


def table_cells(table: str) -> list[Cell]:
    """The cells of a table.

    Raises:
        ValueError: There is no table of that name.
    """
    both = tuple(AGENTS)
    if table in BY_BODY:
        return [Cell(table, c.name, None, agent) for c in concepts_for(table, "train") for agent in both]
    if table == "held-out concepts":
        bodies = ("particle", "arm")
        return [Cell(b, c.name, None, a) for b in bodies for c in concepts_for(b, "held_out") for a in both]
    if table == "held-out pairs":
        names = {concept.name for concept in concepts_for("arm", "train")}
        chosen = [t for t in pairs("held_out_pair") if t.action.name in names]
        some = chosen[:: max(1, len(chosen) // 24)]
        return [Cell("arm", t.action.name, t.argument.name, a) for t in some if t.argument for a in both]
    raise ValueError(f"there is no table {table!r}, only {TABLES}")


def _worked(item: tuple[Cell, str, int, str]) -> None:
    """Measures one cell, unless its file is there; in a process of its own."""
    torch.set_num_threads(1)
    cell, weights, starts, folder = item

    def make() -> dict[str, object]:
        return {"cell": asdict(cell), "summary": stored(measure(cell, ConceptModel.load(weights), starts))}

    kept(Path(folder) / f"{cell.name}.json", _key(cell, weights, starts), make)


def _key(cell: Cell, weights: str, starts: int) -> str:
    digest = weights_digest(Path(weights)) if cell.agent == "concept" else ""
    # Counts up when agents change, where that changes anything: paths are walked since the third, and
    # places behind walls, which particles alone have, are looked for again since the fourth.
    version = f"planning {PLANNING}"
    if cell.body == "particle":
        version = "3" if cell.task.generation.frames > 1 else "4"
    if cell.agent == "concept" and cell.body != STRANGER:
        version = f"{version}, drafts {DRAFTS}, candidates {CANDIDATES}"
    return f"{version}/{digest}/{starts}"


def evaluate_transfer(
    weights: Path,
    folder: Path,
    *,
    tables: Iterable[str] = (),
    concepts: Iterable[str] = (),
    agents: Iterable[str] = (),
    starts: int = 100,
    jobs: int = 1,
) -> str:
    """Measures tables, and returns all of a folder as Markdown; cells that are there already are read.

    What is not asked for, but was measured in the same way, stands in the tables, too.

    Args:
        weights: The model's file.
        folder: For one JSON file a cell.
        tables: Names of tables; all if there are none.
        concepts: Names of the actions; all if there are none.
        agents: Names of the agents; all if there are none.
        starts: Starts of a cell.
        jobs: Processes.

    Raises:
        ValueError: An unknown table or agent.
    """
    named, wanted, who = tuple(tables) or TABLES, set(concepts), set(agents) or set(AGENTS)
    if who - set(AGENTS):
        raise ValueError(f"no agents {sorted(who - set(AGENTS))}, there are {list(AGENTS)}")
    for table in named:
        asked = [cell for cell in table_cells(table) if cell.agent in who]
        asked = [cell for cell in asked if not wanted or cell.action in wanted]
        _done([(cell, str(weights), starts, str(folder)) for cell in asked], jobs, table)
    parts = []
    for table in TABLES:
        cells = [(cell, _known(cell, weights, starts, folder)) for cell in table_cells(table)]
        lines = [(cell, one) for cell, one in cells if one is not None]
        if lines:
            parts.append(f"## {table.capitalize()}\n\n{_markdown(lines)}\n")
    return "\n".join(parts)


def _known(cell: Cell, weights: Path, starts: int, folder: Path) -> Summary | None:
    """What came of a cell, if its file is there and of the same weights, starts and agents."""
    known = remembered(folder / f"{cell.name}.json", _key(cell, str(weights), starts))
    return None if known is None else restored(known["summary"])


def _done(work: list[tuple[Cell, str, int, str]], jobs: int, label: str) -> None:
    """Sees to it that every cell has its file."""
    if jobs == 1:
        for item in tqdm(work, desc=label, unit="cell", leave=False):
            _worked(item)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as executor:
        list(tqdm(executor.map(_worked, work), total=len(work), desc=label, unit="cell", leave=False))


def _markdown(found: list[tuple[Cell, Summary]]) -> str:
    heads = (
        "body", "task", "agent", "success", "95% interval", "starts", "steps", "median ms", "p95 ms",
        "model steps",
    )  # fmt: skip
    lines = []
    for cell, one in found:
        low, high = one.interval
        task = cell.action if cell.argument is None else f"{cell.action}({cell.argument})"
        steps = "" if math.isnan(one.steps) else f"{one.steps:.0f}"
        lines.append((
            cell.body, task, cell.agent, f"{one.rate:.0%}", f"{low:.0%} to {high:.0%}", str(one.of), steps,
            f"{1000 * one.median:.1f}", f"{1000 * one.p95:.1f}", f"{one.model_steps:,.0f}",
        ))  # fmt: skip
    return markdown_table(heads, lines)
