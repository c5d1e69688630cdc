"""Stepping speed of two peer libraries, mpe2 and VMAS, on one core.

A stand-alone script for an environment of its own, where the peers are installed; it needs nothing of
conceptgym. How to make that environment, and what was measured, is in `peers.md` beside it.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import vmas  # type: ignore[import-not-found, import-untyped, unused-ignore]
from mpe2 import simple_spread_v3  # type: ignore[import-not-found, import-untyped, unused-ignore]

EPISODE = 25
"""Steps between two resets: mpe2's default, and short enough that agents do not drift out of reach."""
SECONDS = 3.0
"""Time to measure for each row, resets not counted."""


class Row(NamedTuple):
    """One line of the table."""

    library: str
    world: str
    num_envs: int
    step_ms: float
    physics: str


def time_steps(reset: Callable[[], object], steps: list[Callable[[], object]]) -> float:
    """Time whole episodes until `SECONDS` have been measured, after one which is not.

    Args:
        reset: Starts an episode. It is not timed.
        steps: The calls of one episode, in order.

    Returns:
        Seconds per step.
    """
    measured, count = 0.0, 0
    for episode in range(sys.maxsize):
        reset()
        start = time.perf_counter()
        for step in steps:
            step()
        if episode > 0:
            measured += time.perf_counter() - start
            count += len(steps)
        if measured >= SECONDS:
            break
    return measured / count


def bench_mpe2() -> Row:
    """Measure `simple_spread_v3` with its default discrete actions through the parallel API."""
    env: Any = simple_spread_v3.parallel_env(N=3, max_cycles=EPISODE)
    env.reset(seed=0)
    drawn = np.random.default_rng(0).integers(5, size=(EPISODE, len(env.agents)))
    actions = [dict(zip(env.agents, map(int, row), strict=True)) for row in drawn]
    seconds = time_steps(env.reset, [partial(env.step, a) for a in actions])
    return Row("mpe2", "simple_spread_v3, 3 agents", 1, 1e3 * seconds, "-")


def bench_vmas(n_agents: int, num_envs: int) -> Row:
    """Measure a batch of VMAS `simple_spread` worlds, whose agents collide, on the CPU.

    Args:
        n_agents: Agents of a world, which has as many landmarks.
        num_envs: Worlds stepped together.

    Returns:
        The table's line, with the share of the time that the physics took.
    """
    env: Any = vmas.make_env("simple_spread", num_envs=num_envs, device="cpu", seed=0, n_agents=n_agents)
    actions = [env.get_random_actions() for _ in range(EPISODE)]
    total = time_steps(env.reset, [partial(env.step, a) for a in actions])
    physics, world_step = [0.0, 0], env.world.step

    def timed_world_step() -> None:
        start = time.perf_counter()
        world_step()
        physics[0] += time.perf_counter() - start
        physics[1] += 1

    env.world.step = timed_world_step
    share = 1 / time_steps(env.reset, [partial(env.step, a) for a in actions])
    share *= physics[0] / physics[1]
    return Row("VMAS", f"simple_spread, {n_agents} agents", num_envs, 1e3 * total, f"{share:.0%}")


def describe_machine() -> str:
    """Name the processor, the cores this process may use, and the versions."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "unknown CPU")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "mpe2", "vmas"))
    cores = f"{len(os.sched_getaffinity(0))} core(s), {torch.get_num_threads()} torch thread(s)"
    return f"{cpu}, {cores}; Python {platform.python_version()}, {libraries}"


def main() -> None:
    """Measure every row, one after the other, and print the Markdown table."""
    torch.set_num_threads(1)
    print(describe_machine(), end="\n\n")
    print("| library | world | environments | ms per step | env-steps/s | of it physics |")
    print("| --- | --- | ---: | ---: | ---: | ---: |", flush=True)
    sizes = [(4, 1), (4, 64), (4, 1024), (4, 8192), (8, 1024), (8, 8192)]
    cases: list[Callable[[], Row]] = [bench_mpe2, *(partial(bench_vmas, n, b) for n, b in sizes)]
    for case in cases:
        row = case()
        rate = 1e3 * row.num_envs / row.step_ms
        figures = (f"{row.num_envs:,}", f"{row.step_ms:.3f}", f"{rate:,.0f}", row.physics)
        print("|", " | ".join((row.library, row.world, *figures)), "|", flush=True)


if __name__ == "__main__":
    main()
