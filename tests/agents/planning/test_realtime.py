"""Planning against the clock: in time, late, and failing."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
import torch
from conceptgym.agents.planning import Context, Plan, Trajectory
from conceptgym.agents.planning.realtime import RealTimePlanner
from conceptgym.agents.planning.samplers import Distribution
from conceptgym.concepts import get

EVENT = get("near").demonstrations(1, 0, mode="generate")[0]


@dataclass
class Slow:
    """Plans whose actions say when they were made, and that take as long as they are told."""

    gate: threading.Event = field(default_factory=threading.Event)
    fails: bool = False

    def plan(
        self,
        state: object,
        context: Context,
        generator: torch.Generator,
        last: Plan | None = None,
    ) -> Plan:
        self.gate.wait(5.0)
        if self.fails:
            raise ArithmeticError("the model broke")
        actions = context.seconds + 0.1 * torch.arange(5.0)[:, None]
        belief = Distribution(actions, actions, actions[None])
        path = Trajectory({}, actions[None], torch.ones(1, dtype=torch.bool))
        return Plan(actions, belief, context.seconds, 0.0, torch.zeros(1), 7, path)


def at(step: int) -> Context:
    return Context(EVENT, 0.1 * step, 0.1)


def test_a_plan_in_time_is_followed() -> None:
    planner = Slow()
    planner.gate.set()
    with RealTimePlanner(planner, 1.0, 1, 0.1) as real:
        assert [round(float(real.act(None, at(step))[0]), 4) for step in range(3)] == [0.0, 0.1, 0.2]
        assert (real.misses, real.asked, real.model_steps) == (0, 3, 21)


def test_a_late_plan_is_counted_and_used_when_it_comes() -> None:
    planner = Slow()
    with RealTimePlanner(planner, 0.05, 1, 0.1) as real:
        begun = time.perf_counter()
        assert float(real.act(None, at(0))[0]) == 0.0, "nothing is done before there is a plan"
        assert time.perf_counter() - begun < 0.5
        assert real.misses == 1
        planner.gate.set()
        time.sleep(0.2)
        planner.gate.clear()
        # The plan of step 0 is there; that of step 2 is late: the former's action for now is taken.
        assert float(real.act(None, at(2))[0]) == pytest.approx(0.2)
        assert (real.misses, real.asked) == (2, 2)
        planner.gate.set()


def test_an_episode_begins_without_the_last_ones_plans() -> None:
    planner = Slow()
    planner.gate.set()
    with RealTimePlanner(planner, 0.05, 1, 0.1) as real:
        real.act(None, at(30))
        with pytest.raises(ValueError, match="call reset first"):
            real.act(None, at(0))
        planner.gate.clear()
        real.act(None, at(31))
        planner.gate.set()
        real.reset(seed=1)
        assert real.model_steps == 14, "what was being made is waited for"
        planner.gate.clear()
        assert float(real.act(None, at(0))[0]) == 0.0, "late, and nothing is known yet"
        planner.gate.set()


def test_failures_are_told() -> None:
    planner = Slow(fails=True)
    planner.gate.set()
    with RealTimePlanner(planner, 1.0, 1, 0.1) as real, pytest.raises(ArithmeticError, match="broke"):
        real.act(None, at(0))
    with pytest.raises(ValueError, match="positive seconds"):
        RealTimePlanner(planner, 0.0, 1, 0.1)
