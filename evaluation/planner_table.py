"""Planners side by side: the same tasks, with and without a trap, with the true error or a learned energy.

All samplers have the same deviation, knots and number of plans an action; none was tuned beyond that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from ..agents.agent import Agent
from ..agents.concept_agent import concept_agent
from ..agents.planning.samplers import CEM, ICEM, MPPI, PredictiveSampling
from ..agents.planning_agent import Settings, oracle_agent
from ..concepts.model import ConceptModel
from ..envs.particle.env import ParticleEnv
from .episodes import Summary, run_episode, summary
from .transfer import FIRST_START

_NEAR, _FAR = 15, 40

SAMPLERS: dict[str, Settings] = {
    "predictive": Settings(PredictiveSampling(deviation=0.5), knots=5, samples=128, leads=False),
    "MPPI": Settings(MPPI(deviation=0.5, temperature=0.1), knots=5, samples=128, leads=False),
    "CEM": Settings(CEM(deviation=0.5), knots=5, samples=64, iterations=2, leads=False),
    "iCEM": Settings(ICEM(deviation=0.5), knots=5, samples=64, iterations=2, leads=False),
    "gradient": Settings(knots=5, samples=8, iterations=15, planner="gradient"),
    "iLQG": Settings(iterations=2, planner="ilqg"),
}
"""Planners on their own: samplers and gradients with 128 plans an action each; iLQG rolls out 21."""

HORIZONS: dict[str, Callable[[Settings], Settings]] = {
    "0.75 s": lambda settings: replace(settings, horizon=_NEAR),
    "2 s": lambda settings: replace(
        settings,
        horizon=_FAR,
        knots=6,
        full=0.01,
        least=1.0,
        sampler=replace(settings.sampler, deviation=1.0),  # type: ignore[type-var]
    ),
}
"""Short plans whose noise shrinks near the goal, and long plans whose noise does not."""

WORLDS: dict[str, Callable[[], ParticleEnv]] = {
    "near": partial(ParticleEnv, "near"),
    "between": partial(ParticleEnv, "between"),
    "near, trap": partial(ParticleEnv, "near", layout="trap"),
}
"""What is to be done."""


@dataclass(frozen=True)
class PlannerRow:
    """One row of the table.

    Attributes:
        world: What is to be done.
        sampler: Who samples.
        horizon: How far plans reach.
        cost: "oracle" or "energy".
        found: What came of it.
    """

    world: str
    sampler: str
    horizon: str
    cost: str
    found: Summary


def planner_rows(model: ConceptModel | None, starts: int) -> Iterator[PlannerRow]:
    """Measures all planners; with the learned energy, too, where a model is given."""
    for world, make in WORLDS.items():
        for sampler, settings in SAMPLERS.items():
            for horizon, stretched in HORIZONS.items():
                agents: dict[str, Agent] = {"oracle": oracle_agent(stretched(settings))}
                if model is not None:
                    agents["energy"] = concept_agent(model, stretched(settings))
                for cost, agent in agents.items():
                    env = make()
                    k = 5 if cost == "energy" else 0
                    episodes = [run_episode(env, agent, FIRST_START + i, k=k) for i in range(starts)]
                    yield PlannerRow(world, sampler, horizon, cost, summary(episodes))


def planner_table(rows: Iterator[PlannerRow]) -> str:
    """The rows as Markdown."""
    heads = (
        "world",
        "planner",
        "horizon",
        "cost",
        "success",
        "95% interval",
        "ms a plan",
        "model steps an episode",
    )
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        one = row.found
        low, high = one.interval
        parts = (
            row.world, row.sampler, row.horizon, row.cost, f"{one.hits} of {one.of}",
            f"{low:.0%} to {high:.0%}", f"{1000 * one.median:.1f}", f"{one.model_steps:,.0f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(parts)} |")
    return "\n".join(lines) + "\n"
