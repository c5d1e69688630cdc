"""Planners side by side: the same tasks, with and without a trap, with the true error or a learned energy.

Equal care: each planner has four settings to choose from, at each horizon, and takes the one that solves
most of the same tuning starts; all of them roll out as many plans an action, but iLQG.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..agents.agent import Agent
from ..agents.concept_agent import concept_agent
from ..agents.planning.samplers import CEM, ICEM, MPPI, PredictiveSampling
from ..agents.planning_agent import Settings, oracle_agent
from ..concepts.model import ConceptModel
from ..envs.particle.env import ParticleEnv
from .episodes import Summary, restored, run_episode, stored, summary
from .keeping import kept
from .markdown import markdown_table
from .transfer import FIRST_START

FIRST_TUNING = 500_000
"""Seed of the first start that planners are tuned with."""

_DEVIATIONS = (0.3, 0.5, 0.8, 1.2)


def _by_noise(sampler: Any, samples: int, iterations: int) -> tuple[Settings, ...]:  # noqa: ANN401
    return tuple(
        Settings(
            replace(sampler, deviation=deviation),
            knots=5,
            samples=samples,
            iterations=iterations,
            leads=False,
        )
        for deviation in _DEVIATIONS
    )


CHOICES: dict[str, tuple[Settings, ...]] = {
    "predictive": _by_noise(PredictiveSampling(), 128, 1),
    "MPPI": _by_noise(MPPI(temperature=0.1), 128, 1),
    "CEM": _by_noise(CEM(), 64, 2),
    "iCEM": _by_noise(ICEM(), 64, 2),
    "gradient": tuple(
        Settings(knots=5, samples=count, iterations=128 // count - 1, planner="gradient")
        for count in (4, 8, 16, 32)
    ),
    "iLQG": tuple(Settings(iterations=count, planner="ilqg") for count in (1, 2, 4, 8)),
}
"""Planners on their own, with what they choose from: how far to look about, how to spend 128 plans an action,
and, for iLQG, how often to linearise: 11 to 81 plans."""

HORIZONS: dict[str, Callable[[Settings], Settings]] = {
    "0.75 s": lambda settings: replace(settings, horizon=15),
    "2 s": lambda settings: replace(settings, horizon=40, knots=6, full=0.01, least=1.0),
}
"""Short plans whose noise shrinks near the goal, and long plans whose noise does not."""

WORLDS: dict[str, Callable[[], ParticleEnv]] = {
    "near": partial(ParticleEnv, "near"),
    "between": partial(ParticleEnv, "between"),
    "near, trap": partial(ParticleEnv, "near", layout="trap"),
}
"""What is to be done."""


@dataclass(frozen=True)
class PlannerCell:
    """One row of the table.

    Attributes:
        world: What is to be done.
        planner: Who plans.
        horizon: How far plans reach.
        cost: "oracle" or "energy".
    """

    world: str
    planner: str
    horizon: str
    cost: str

    @property
    def name(self) -> str:
        """For files."""
        parts = (self.world, self.planner, self.horizon, self.cost)
        return "-".join(part.replace(", ", "_").replace(" ", "") for part in parts)


def told(settings: Mapping[str, Any]) -> str:
    """What was chosen, as a dictionary, in words."""
    if settings["planner"] == "ilqg":
        return f"{settings['iterations']} iterations"
    if settings["planner"] == "gradient":
        return f"{settings['samples']} plans, {settings['iterations']} steps"
    return f"deviation {settings['sampler']['deviation']}"


def _solved(world: str, agent: Agent, first: int, starts: int, k: int) -> Summary:
    env = WORLDS[world]()
    found = summary([run_episode(env, agent, first + index, k=k) for index in range(starts)])
    env.close()
    return found


def tuned(planner: str, horizon: str, folder: Path, starts: int) -> Settings:
    """The planner's choice: most successes with the true error over all worlds, then fewest model steps.

    Args:
        planner: A name in ``CHOICES``.
        horizon: A name in ``HORIZONS``.
        folder: For a JSON file of the trials; what is there is read.
        starts: Tuning starts of each world.
    """
    choices = [HORIZONS[horizon](settings) for settings in CHOICES[planner]]

    def trial(settings: Settings) -> tuple[int, float]:
        agent = oracle_agent(settings)
        found = [_solved(world, agent, FIRST_TUNING, starts, 0) for world in WORLDS]
        return sum(one.hits for one in found), sum(one.model_steps for one in found)

    def make() -> dict[str, object]:
        return {"trials": [[told(asdict(settings)), *trial(settings)] for settings in choices]}

    path = folder / f"tuned-{planner}-{horizon.replace(' ', '')}.json"
    trials = kept(path, {"choices": [asdict(c) for c in choices], "starts": starts}, make)["trials"]
    best = max(range(len(choices)), key=lambda index: (trials[index][1], -trials[index][2]))
    return choices[best]


def planner_rows(
    model: ConceptModel | None,
    folder: Path,
    starts: int = 20,
    tuning: int = 8,
    planners: Iterable[str] = (),
    worlds: Iterable[str] = (),
    horizons: Iterable[str] = (),
) -> Iterator[tuple[PlannerCell, Settings, Summary]]:
    """Tunes and measures planners; with the learned energy, too, where a model is given.

    Args:
        model: The model, or None.
        folder: For one JSON file a cell; what is there is read.
        starts: Starts of a cell, none of which was tuned with.
        tuning: Tuning starts of each world and choice.
        planners: Names in ``CHOICES``; all if there are none.
        worlds: Names in ``WORLDS``; all if there are none. Planners are tuned on all in any case.
        horizons: Names in ``HORIZONS``; all if there are none.

    Raises:
        ValueError: An unknown planner, world or horizon.
    """
    named, places = _chosen("planners", planners, CHOICES), _chosen("worlds", worlds, WORLDS)
    reaches = _chosen("horizons", horizons, HORIZONS)
    costs = ("oracle", "energy") if model is not None else ("oracle",)
    chosen = {
        (planner, horizon): tuned(planner, horizon, folder, tuning)
        for planner in tqdm(named, desc="tuning", unit="planner", leave=False)
        for horizon in reaches
    }
    cells = [PlannerCell(w, p, h, c) for w in places for p in named for h in reaches for c in costs]
    for cell in tqdm(cells, desc="planners", unit="cell", leave=False):
        settings = chosen[cell.planner, cell.horizon]
        yield cell, settings, _measured(cell, settings, model, folder, starts)


def _chosen(kind: str, wanted: Iterable[str], known: Mapping[str, object]) -> list[str]:
    names = set(wanted) or set(known)
    if names - set(known):
        raise ValueError(f"no {kind} {sorted(names - set(known))}, there are {list(known)}")
    return [name for name in known if name in names]


def _measured(
    cell: PlannerCell, settings: Settings, model: ConceptModel | None, folder: Path, starts: int
) -> Summary:
    def make() -> dict[str, object]:
        learned = model if cell.cost == "energy" else None
        agent = oracle_agent(settings) if learned is None else concept_agent(learned, settings)
        return {
            "summary": stored(_solved(cell.world, agent, FIRST_START, starts, 0 if learned is None else 5))
        }

    weights = "" if model is None or cell.cost == "oracle" else model.digest
    key = {"cell": asdict(cell), "settings": asdict(settings), "weights": weights, "starts": starts}
    return restored(kept(folder / f"{cell.name}.json", key, make)["summary"])


def measured_rows(folder: Path) -> list[tuple[PlannerCell, Mapping[str, Any], Summary]]:
    """All cells of a folder with the settings that were chosen, in the order of the tables."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        known = json.loads(path.read_text())
        if "summary" in known:
            key = known["key"]
            rows.append((PlannerCell(**key["cell"]), key["settings"], restored(known["summary"])))
    orders = {name: place for table in (WORLDS, CHOICES, HORIZONS) for place, name in enumerate(table)}

    def order(cell: PlannerCell) -> tuple[int, int, int, bool]:
        return orders[cell.world], orders[cell.planner], orders[cell.horizon], cell.cost == "energy"

    return sorted(rows, key=lambda row: order(row[0]))


def planner_table(folder: Path) -> str:
    """The cells of a folder as Markdown."""
    heads = (
        "world", "planner", "horizon", "chosen", "cost", "success", "95% interval", "ms a plan",
        "model steps an episode",
    )  # fmt: skip
    lines = []
    for cell, settings, one in measured_rows(folder):
        low, high = one.interval
        lines.append((
            cell.world, cell.planner, cell.horizon, told(settings), cell.cost, f"{one.hits} of {one.of}",
            f"{low:.0%} to {high:.0%}", f"{1000 * one.median:.1f}", f"{one.model_steps:,.0f}",
        ))  # fmt: skip
    return markdown_table(heads, lines) + "\n"
