"""Writes the generated pages of the documents: catalogue, one page a concept, rates, speed.

``python -m conceptgym.evaluation.pages docs`` measures everything anew (about five minutes), so no
number in those pages was typed by hand; ``python -m conceptgym.evaluation.pages docs speed`` only the speed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
from tqdm import tqdm

from ..concepts.catalogue import CATALOGUE
from ..concepts.concept import FAMILIES, Concept, Identification, Mode
from ..concepts.files import written_atomically
from ..concepts.release import load_pretrained
from ..concepts.sampling import least_entities, most_entities
from ..concepts.task import pairs
from ..envs.registration import identify_id, particle_id
from ..envs.viewer import draw_event, save_gif, save_png
from .demo import EIGHT, film, mosaic
from .planner_speed import planner_page
from .solvability import POLICIES, Rate, measure
from .speed import Speed, env_speeds, machine, single

EPISODES = 200
_PICTURES = 3


@dataclass(frozen=True)
class Measured:
    """What is known of one environment.

    Attributes:
        env_id: The environment.
        rates: Outcome of each policy.
        speed: Speed of the single environment.
    """

    env_id: str
    rates: dict[str, Rate]
    speed: Speed


def write(path: Path, text: str) -> None:
    """Writes a page, atomically."""
    with written_atomically(path) as temporary:
        Path(temporary).write_text(text)


def ids_of(concept: Concept) -> list[tuple[Mode, str]]:
    """Modes and environments of a concept."""
    makers = {"generate": particle_id, "identify": identify_id}
    return [(mode, makers[mode](concept.name)) for mode in concept.modes]


def measured(env_id: str) -> Measured:
    """Measures one environment: rates over ``EPISODES`` episodes from seed 0, and speed."""
    rates = {policy: measure(env_id, policy, EPISODES, seed=0) for policy in POLICIES}
    return Measured(env_id, rates, single(env_id, 0.3))


def pictures(concept: Concept, folder: Path) -> None:
    """Three events side by side for every mode, and a film of the expert."""
    for mode, env_id in ids_of(concept):
        events = concept.demonstrations(_PICTURES, 3, mode=mode)
        frames = [draw_event(events[i], 200) for i in range(_PICTURES)]
        save_png(np.concatenate(frames, axis=1), str(folder / f"{concept.name}-{mode}.png"))
        if mode == "generate":
            save_gif(film(env_id, seed=0, size=200)[::3], str(folder / f"{concept.name}.gif"), fps=7)


def _percent(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.at_end:.1%} ({low:.1%} to {high:.1%})"


def rate_rows(cells: list[Measured]) -> Iterator[str]:
    """Rows of the table of rates."""
    yield "| environment | expert at the end (95% interval) | expert once | random at the end | idle at the end |"
    yield "|---|---|---|---|---|"
    for cell in cells:
        expert, random, idle = (cell.rates[name] for name in ("expert", "random", "idle"))
        yield (
            f"| {cell.env_id} | {_percent(expert)} | {expert.once:.1%} | {random.at_end:.1%} | {idle.at_end:.1%} |"
        )


def rates_page(cells: list[Measured]) -> str:
    """The page of rates."""
    worst = min(cells, key=lambda cell: cell.rates["expert"].at_end)
    lines = [
        "# How often each environment is solved",
        "",
        f"Produced by `make docs`: {EPISODES} episodes a cell, each from a scene of its own (seed 0); satisfied",
        "in the last step, with Wilson's 95% interval. The expert knows a solution of the scene: it shows that",
        f"the environment can be solved, and competes with nobody. The lowest expert rate is {_percent(worst.rates['expert'])},",
        f"in {worst.env_id}.",
        "",
        *rate_rows(cells),
    ]
    return "\n".join(lines) + "\n"


def speed_page(cells: list[Speed], planners: str, peers: str) -> str:
    """The page of speed: of the environments, of the planners, and of other libraries."""
    rows = [f"| {c.what} | {c.rows:,} | {c.median:,.0f} | {c.best:,.0f} |" for c in cells]
    lines = [
        "# Speed",
        "",
        "Produced by `make docs`; `conceptgym bench envs` prints the same table for your machine. Environment",
        "steps per second through Gymnasium's interface, resets, observations and rewards included: the median",
        "over five windows, and the fastest one. A single environment is what `gymnasium.make` gives without",
        "its passive checker.",
        "",
        f"Machine: {machine()}.",
        "",
        "| environment | rows | env-steps/s (median) | best window |",
        "|---|---:|---:|---:|",
        *rows,
        "",
        "## Planners",
        "",
        "`conceptgym bench planners`, with pytorch_mppi in the same run; its network is asked one step at a time,",
        "ours in blocks of 128 samples. The arm plans with the shipped energy, as the concept agent does.",
        "",
        planners,
        "",
        "## Peers",
        "",
        "Made with `taskset -c 1 ../peers-venv/bin/python bench/peers.py`; `bench/peers.md` says how.",
        "",
        peers.strip() or "Run `bench/peers.py` as `bench/peers.md` says.",
    ]
    return "\n".join(lines) + "\n"


def catalogue_page() -> str:
    """The page of all concepts."""
    lines = [
        "# The catalogue",
        "",
        f"{len(CATALOGUE)} concepts in {len(FAMILIES)} families; {len(pairs())} tasks pair an action with an",
        "argument. Produced by `make docs`. In the pictures, golden rings mark the attended entities, a dark ring",
        "with a white dot the marker, dark rims the movable discs, and pale rings and lines where they came from.",
        "",
        "Relations of an agent to one entity can be joined by name, each over an argument of its own:",
        '`task("near(red) & left_of(blue)")`. The truth of a joint concept is the largest of its terms\' errors;',
        "its demonstrations show each term on its own.",
    ]
    for family in FAMILIES:
        lines += [
            "",
            f"## {family.capitalize()}",
            "",
            "| concept | means | modes | split | picture |",
            "|---|---|---|---|---|",
        ]
        for concept in (c for c in CATALOGUE.values() if c.family == family):
            shown = f"![{concept.name}](pictures/{concept.name}-{concept.modes[0]}.png)"
            lines.append(
                f"| [{concept.name}](concepts/{concept.name}.md) | {concept.description} | "
                f"{', '.join(concept.modes)} | {concept.split.replace('_', ' ')} | {shown} |"
            )
    return "\n".join(lines) + "\n"


def _facts(concept: Concept) -> Iterator[str]:
    yield f"- Family: {concept.family}; split: {concept.split.replace('_', ' ')}"
    yield f"- The truth is invariant under: {', '.join(sorted(concept.invariances)) or 'nothing but permutation'}"
    if concept.parameters:
        given = ", ".join(f"`{key}={value!r}`" for key, value in concept.parameters.items())
        yield f"- Parameters, with their defaults: {given}"
    for mode in concept.modes:
        part = concept.part(mode)
        span = f"{least_entities(part)} to {most_entities(part)} entities"
        if isinstance(part, Identification):
            unique = "one mask satisfies" if part.unique else "several masks satisfy"
            low, high = part.counts
            yield f"- To identify: {span}; {low} to {high} of them meant; {unique}; tolerance: half an entity"
        else:
            low, high = part.references
            yield f"- To generate: {span}; {low} to {high} attended; tolerance {part.tolerance}: {part.why}"


def concept_page(concept: Concept, cells: list[Measured]) -> str:
    """The page of one concept and its environments."""
    lines = [
        f"# {concept.name}",
        "",
        f"{concept.description[0].upper()}{concept.description[1:]}.",
        "",
        *_facts(concept),
    ]
    for (mode, env_id), cell in zip(ids_of(concept), cells, strict=True):
        lines += ["", f"## {env_id}", "", f"![{mode}](../pictures/{concept.name}-{mode}.png)"]
        if mode == "generate":
            lines += [f"![an expert's episode](../pictures/{concept.name}.gif)"]
        lines += ["", *_environment(env_id, cell)]
    return "\n".join(lines) + "\n"


def _environment(env_id: str, cell: Measured) -> Iterator[str]:
    env = gym.make(env_id).unwrapped
    world = env.get_wrapper_attr("world")
    yield "| observation | shape | range |"
    yield "|---|---|---|"
    for key, space in world.observation_space.items():
        yield f"| {key} | {space.shape} | [{space.low.min():g}, {space.high.max():g}] |"
    yield ""
    control = f", control `{world.control}`" if hasattr(world, "control") else ""
    yield f"Action: {env.action_space.shape} in [-1, 1]{control}. Steps: {world.horizon} of {world.dt} s. Version: v0, the first."
    kind = "ParticleEnv" if "Particle" in env_id else "IdentifyEnv"
    yield f"What the keys mean, the reward and all arguments: see `{kind}` in [environments](../environments.md)."
    yield ""
    yield "| policy | satisfied at the end (95% interval) | once | mean return |"
    yield "|---|---|---|---|"
    for name, rate in cell.rates.items():
        yield f"| {name} | {_percent(rate)} | {rate.once:.1%} | {rate.mean_return:.1f} |"
    yield ""
    yield f"Speed of the single environment: {cell.speed.median:,.0f} steps/s. Figures from `make docs`, {EPISODES} episodes."


def environments_page() -> str:
    """The docstrings of the environments."""
    from inspect import getdoc

    from ..envs.arm.env import ArmEnv
    from ..envs.identify import IdentifyEnv
    from ..envs.particle.env import ParticleEnv

    parts = ["# The environments", "", "Generated from the docstrings by `make docs`."]
    for env in (ParticleEnv, IdentifyEnv, ArmEnv):
        parts += ["", f"## {env.__name__}", "", getdoc(env) or ""]
    return "\n".join(parts) + "\n"


def write_pages(folder: Path, peers: Path = Path("bench/peers.md")) -> None:
    """Measures everything, and writes all generated pages under a folder."""
    every: list[Measured] = []
    for concept in tqdm(CATALOGUE.values(), unit="concept"):
        cells = [measured(env_id) for _, env_id in ids_of(concept)]
        pictures(concept, folder / "pictures")
        write(folder / "concepts" / f"{concept.name}.md", concept_page(concept, cells))
        every += cells
    eight = [film(particle_id(name), seed=0, size=180)[::3] for name in EIGHT]
    save_gif(mosaic(eight, columns=4), str(folder / "pictures" / "demo.gif"), fps=7)
    write(folder / "catalogue.md", catalogue_page())
    write(folder / "environments.md", environments_page())
    write(folder / "rates.md", rates_page(every))
    write_speed(folder, peers)


def write_speed(folder: Path, peers: Path = Path("bench/peers.md")) -> None:
    """Measures environments and planners, and writes the page of speed."""
    table = peers.read_text() if peers.exists() else ""
    cells = list(tqdm(env_speeds(2.0), unit="cell"))
    page = speed_page(cells, planner_page(load_pretrained()), table.partition("\n## Measured\n")[2])
    write(folder / "speed.md", page)


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    (write_speed if sys.argv[2:] == ["speed"] else write_pages)(where)
