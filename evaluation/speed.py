"""Speed: steps per second of the environments, on one core."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

BATCHES: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096, 8192, 16384, 65536)


@dataclass(frozen=True)
class Speed:
    """One measured cell.

    Attributes:
        what: What was stepped.
        rows: Environments stepped at once.
        median: Environment steps per second, median over the windows.
        best: The same in the fastest window.
    """

    what: str
    rows: int
    median: float
    best: float


def machine() -> str:
    """Processor and versions, in one line."""
    cpu = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if "model name" in line]
        if cpu.exists()
        else []
    )
    name = names[0] if names else platform.processor() or platform.machine()
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, Gymnasium {gym.__version__}"
    return f"{name}, one core; {versions}"


def timed(what: str, rows: int, step: Callable[[], None], seconds: float, windows: int = 5) -> Speed:
    """Calls ``step`` over and over for ``seconds``, in windows, and takes the rates."""
    step()
    rates = []
    for _ in range(windows):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds / windows:
            step()
            count += 1
        rates.append(rows * count / (time.perf_counter() - start))
    return Speed(what, rows, float(np.median(rates)), max(rates))


def single(env_id: str, seconds: float = 1.0, **arguments: Any) -> Speed:  # noqa: ANN401
    """Steps of a single environment as ``gymnasium.make`` gives it, resets included."""
    env = gym.make(env_id, disable_env_checker=True, **arguments)
    env.reset(seed=0)
    env.action_space.seed(0)
    action = env.action_space.sample()

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()

    return timed(env_id.split("/")[-1], 1, step, seconds)


def batched(env_id: str, rows: int, seconds: float = 2.0, **arguments: Any) -> Speed:  # noqa: ANN401
    """Steps of a vector environment, resets included (next-step autoreset)."""
    env: Any = gym.make_vec(env_id, num_envs=rows, **arguments)
    env.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, env.action_space.shape).astype(np.float32)

    def step() -> None:
        env.step(actions)

    def episode() -> None:  # whole ones, so that resets carry their weight
        for _ in range(length):
            step()

    length = env.world.horizon + 1
    label = ", ".join(f"{key}={value}" for key, value in arguments.items())
    per_episode = timed(f"{env_id.split('/')[1]} {label}", rows, episode, seconds)
    return replace(per_episode, median=length * per_episode.median, best=length * per_episode.best)


def env_speeds(seconds: float = 1.0, largest: int = 65536) -> Iterator[Speed]:
    """All cells of the table of environments."""
    for name in ("Near", "Between", "Square", "Follow"):
        yield single(f"conceptgym/Particle{name}-v0", seconds, n_entities=5 if name == "Square" else 4)
    yield single("conceptgym/IdentifyRed-v0", seconds, n_entities=4)
    for rows in (b for b in BATCHES if b <= largest):
        yield batched("conceptgym/ParticleNear-v0", rows, seconds, n_entities=4)
    for rows in (64, 1024, 8192):
        if rows <= largest:
            yield batched("conceptgym/ParticleNear-v0", rows, seconds, n_entities=8, collisions=True)
    if find_spec("mujoco") is not None:
        yield from arm_speeds(seconds, largest)


def arm_speeds(seconds: float = 1.0, largest: int = 65536) -> Iterator[Speed]:
    """The arm: to reach, with four objects to carry, and in batches; Gymnasium's Pusher beside it."""
    yield single("conceptgym/ArmNear-v0", seconds, n_entities=5)
    yield single("conceptgym/ArmSquare-v0", seconds, n_entities=4, max_entities=4)
    for rows in (b for b in (16, 64, 1024) if b <= largest):
        yield batched("conceptgym/ArmNear-v0", rows, seconds, n_entities=5)
    if find_spec("imageio") is not None:  # which Gymnasium's MuJoCo environments import
        yield single("Pusher-v5", seconds)
