"""The demonstration: an expert brings eight concepts about, seen and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from ..agents.expert import expert_actions
from ..concepts.catalogue import get
from ..envs.registration import particle_id
from ..envs.viewer import save_gif, save_png
from .solvability import Rate, measure

EIGHT: tuple[str, ...] = (
    "near",
    "between",
    "square",
    "circle",
    "evenly_spaced_line",
    "follow",
    "orbit",
    "help",
)


@dataclass(frozen=True)
class Shown:
    """One concept of the demonstration.

    Attributes:
        concept: Its name.
        description: What it means.
        expert: How often the expert satisfies it.
        random: How often random actions do.
    """

    concept: str
    description: str
    expert: Rate
    random: Rate


def film(
    env_id: str,
    seed: int = 0,
    size: int = 320,
    policy: str = "expert",
    **arguments: Any,  # noqa: ANN401
) -> list[np.ndarray]:
    """Frames, (H, W, 3) each, of one episode.

    Args:
        env_id: A registered id.
        seed: Seeds the scene and the random policy.
        size: Width and height, in pixels.
        policy: "expert" or "random".
        **arguments: For the environment.

    Raises:
        ValueError: An unknown policy, or there is no expert for this environment.
    """
    if policy not in ("expert", "random"):
        raise ValueError(f"policy is {policy!r}, expected 'expert' or 'random'")
    env: Any = gym.make(env_id, render_mode="rgb_array", disable_env_checker=True, **arguments).unwrapped
    env.viewer.size = size
    observation, _ = env.reset(seed=seed)
    env.action_space.seed(seed)
    act = _acting(env, policy, seed)
    frames, over = [env.render()], False
    while not over:
        observation, _, terminated, truncated, _ = env.step(act(observation))
        frames.append(env.render())
        over = terminated or truncated
    env.close()
    return frames


def _acting(env: Any, policy: str, seed: int) -> Callable[[Any], np.ndarray]:  # noqa: ANN401
    """The policy as a function of observations; a robot's expert plans with the true error."""
    if policy == "random":
        return lambda observation: env.action_space.sample()
    if "/Arm" not in env.spec.id:
        return lambda observation: expert_actions(env.world, env.state)[0]
    from ..agents.planning_agent import oracle_agent

    agent = oracle_agent()
    agent.reset(env, None, seed)
    return agent.act


def mosaic(films: list[list[np.ndarray]], columns: int) -> list[np.ndarray]:
    """Films side by side; a shorter one waits at its last frame."""
    length = max(map(len, films))
    padded = [frames + [frames[-1]] * (length - len(frames)) for frames in films]
    rows = [padded[i : i + columns] for i in range(0, len(padded), columns)]
    return [
        np.concatenate([np.concatenate([frames[t] for frames in row], axis=1) for row in rows])
        for t in range(length)
    ]


@dataclass(frozen=True)
class Learned:
    """What the shipped energy makes of one concept.

    Attributes:
        concept: Its name.
        mode: "generate" or "identify".
        success: Share of fresh scenes in which the truth is satisfied.
        residual: Mean energy of the demonstrations under the inferred code.
    """

    concept: str
    mode: str
    success: float
    residual: float


INFERRED: tuple[tuple[str, str], ...] = (
    ("near", "generate"),
    ("between", "generate"),
    ("cluster", "generate"),
    ("near", "identify"),
    ("red", "identify"),
    ("closest", "identify"),
)
"""Concepts that the shipped energy infers from five demonstrations in the demonstration."""


def run_learned(out: Path, seed: int = 0) -> Iterator[Learned]:
    """Infers each concept from five demonstrations, acts or points, and writes a PNG and a GIF of it."""
    from ..concepts.release import load_pretrained
    from .showing import exhibit, write_exhibit

    model = load_pretrained()
    for name, mode in INFERRED:
        made = exhibit(model, get(name), mode, seed=seed, size=150)
        write_exhibit(made, out, f"learned-{name}-{mode}")
        yield Learned(name, mode, made.success, made.residual)


def run_demo(out: Path, seed: int = 0, episodes: int = 100) -> Iterator[Shown]:
    """Films and counts the eight concepts, and writes pictures and a GIF under ``out``."""
    films = []
    for name in EIGHT:
        env_id = particle_id(name)
        frames = film(env_id, seed, size=240)
        save_png(frames[-1], str(out / f"{name}.png"))
        films.append(frames[::2])
        expert, random = (measure(env_id, policy, episodes, seed) for policy in ("expert", "random"))
        yield Shown(name, get(name).description, expert, random)
    save_gif(mosaic(films, 4), str(out / "demo.gif"), fps=10)
