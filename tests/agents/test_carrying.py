"""Carrying: what suction would take is what is wanted, or it stays off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from conceptgym.agents.carrying import Carrier
from conceptgym.agents.planning import Context
from conceptgym.agents.planning.arm_dynamics import ArmDynamics
from conceptgym.envs.arm.env import ArmEnv


@pytest.mark.parametrize(("nearest", "held", "on"), ((0, None, True), (1, None, False), (0, 1, False)))
def test_suction_is_on_where_it_takes_what_is_wanted(nearest: int, held: int | None, on: bool) -> None:
    """It would take another one that is nearer, and what it holds by mistake is let go."""
    env = ArmEnv("square", n_entities=4)
    env.reset(seed=0)
    movable = np.flatnonzero(env.event.movable)
    hand = env.world.view.project(env.state.effector[0])
    positions, gripped = env.state.positions.copy(), env.state.held.copy()
    positions[0, movable] = hand + np.array([[0.6, 0.0]])
    for place, who in enumerate((movable[nearest], movable[1 - nearest])):
        positions[0, who] = hand + np.array([0.01 * (place + 1), 0.0])
    if held is not None:
        gripped[0, movable[held]] = True
    state = replace(env.state, positions=positions, held=gripped)
    goals = positions[0].copy()
    goals[movable[0]] += 0.5
    carrier = Carrier(ArmDynamics(env.world), lambda event: goals, job=int(movable[0]))
    action, after, steps = carrier.act(state, Context(env.event, 0.0, 0.05), torch.Generator().manual_seed(0))
    assert (action[-1] > 0) == on and after.job == movable[0] and steps > 0
