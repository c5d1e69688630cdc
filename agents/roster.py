"""Who can be on the board, by name: ours, those of other packages, and any class by its path."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import get_args

from .lesson import Contestant, Track

LONGEST_NAME = 60
"""Characters of a name, as records have it."""

GROUP = "conceptgym.agents"
"""Entry points of this group add contestants: ``name = "module:Class"``."""

CONTESTANTS: dict[str, str] = {
    "random": "baselines.floors:Random",
    "idle": "baselines.floors:Idle",
    "replay": "baselines.floors:Replay",
    "oracle": "baselines.floors:Oracle",
    "concept": "baselines.few_shot:ConceptContestant",
    "goal-average": "baselines.goals:goal_average",
    "nearest": "baselines.goals:nearest_demonstration",
    "cloning": "baselines.cloning:Cloning",
    "chunked-cloning": "baselines.cloning:ChunkedCloning",
    "implicit-cloning": "baselines.implicit:ImplicitCloning",
    "diffusion": "baselines.cloning:DiffusionCloning",
    "conditional": "baselines.conditional:Conditional",
    "gail": "baselines.adversarial:Adversarial",
    "ppo": "baselines.reinforcement:ppo",
    "sac": "baselines.reinforcement:sac",
    "td3": "baselines.reinforcement:td3",
    "tqc": "baselines.reinforcement:tqc",
    "sac-her": "baselines.reinforcement:sac_her",
    "tqc-her": "baselines.reinforcement:tqc_her",
    "sac-demonstrations": "baselines.reinforcement:sac_demonstrations",
}
"""Ours: module within this folder, and class."""


def names() -> list[str]:
    """Names of all contestants that are installed."""
    return [*CONTESTANTS, *sorted(point.name for point in entry_points(group=GROUP))]


def find(name: str) -> Contestant:
    """Makes a contestant, by a name of ours, by an entry point's name, or by "module:Class".

    Raises:
        ValueError: There is none of that name, or it is no contestant.
    """
    factory = _factory(name)
    try:
        made = factory()
    except Exception as error:  # of somebody else's code: whose, and that it was called, is what matters
        raise ValueError(f"{name} could not be made, called without arguments: {error}") from error
    if not isinstance(made, Contestant):
        raise ValueError(
            f"{name} gives a {type(made).__name__}, expected name, track, config and learn(lesson)"
        )
    return _declared(made, name)


def _declared(made: Contestant, source: str) -> Contestant:
    """A contestant whose declaration fits into a record: better now than after hours of learning.

    Raises:
        ValueError: Name, track or configuration does not.
    """
    if not isinstance(made.name, str) or not 1 <= len(made.name) <= LONGEST_NAME:
        raise ValueError(f"{source} has the name {made.name!r}, expected 1 to {LONGEST_NAME} characters")
    if made.track not in get_args(Track):
        raise ValueError(f"{source} has the track {made.track!r}, expected one of {get_args(Track)}")
    try:
        told = json.loads(json.dumps(dict(made.config), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source} has a config that is no JSON object: {error}") from error
    if set(told) != set(made.config):
        raise ValueError(f"{source} has a config with keys that are no text: {list(made.config)}")
    return made


def _factory(name: str) -> Callable[[], object]:
    if name in CONTESTANTS:
        return _attribute(f"{__package__}.{CONTESTANTS[name]}")
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name in points:
        return _attribute(points[name].value)
    if ":" in name:
        return _attribute(name)
    raise ValueError(f"there is no agent {name!r}: name one of {', '.join(names())}, or a path module:Class")


def _attribute(path: str) -> Callable[[], object]:
    module, _, name = path.partition(":")
    try:
        found: Callable[[], object] = getattr(import_module(module), name)
    except Exception as error:  # a module of somebody else's may raise anything
        raise ValueError(f"cannot load {path}: {type(error).__name__}: {error}") from error
    return found
