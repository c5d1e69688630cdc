"""Costs: exact values, sums, and what is made of an event's frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from conceptgym.agents.planning import (
    Collisions,
    Context,
    Effort,
    Limits,
    Obstacles,
    Speed,
    Trajectory,
    conditional_risk,
    mean_risk,
    oracle_cost,
    weighted,
    worst_risk,
)
from conceptgym.agents.planning.adam import Adam
from conceptgym.agents.planning.concept_cost import events_of, judged_steps, spread
from conceptgym.agents.planning.cost import Sum
from conceptgym.agents.planning.lift import Lift, level
from conceptgym.agents.planning.path import Track
from conceptgym.agents.planning.trajectory import event_frames
from conceptgym.concepts import get
from conceptgym.concepts.event import Event
from conceptgym.envs.arm.env import ArmEnv
from conceptgym.envs.particle.env import ParticleEnv


def scene(frames: int = 1, entities: int = 3) -> Event:
    """An agent at the origin, an attended disc at (0.5, 0), and another one."""
    places = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.8]])[:entities]
    flags = np.zeros(entities, dtype=bool)
    agent, attended = flags.copy(), np.zeros(entities)
    agent[0], attended[1] = True, 1.0
    return Event(
        positions=np.repeat(places[None], frames + 1, axis=0),
        colors=np.eye(3)[np.zeros(entities, dtype=int)],
        sizes=np.full(entities, 0.1),
        present=~flags,
        movable=agent,
        marker=agent,
        attention=attended,
    )


def along(event: Event, path: list[tuple[float, float]]) -> Trajectory:
    """One rollout in which the agent goes along a path, whose first place is the present."""
    places = torch.as_tensor(event.positions[-1]).float().repeat(len(path), 1, 1)
    places[:, 0] = torch.tensor(path)
    actions = torch.zeros(1, len(path) - 1, 2)
    return Trajectory({"entities": places[None]}, actions, torch.ones(1, dtype=torch.bool))


def test_the_oracle_is_the_catalogues_error_at_every_step() -> None:
    event = scene()
    cost = oracle_cost(get("at")).prepare(Context(event, 0.0, 0.05))
    values = cost.evaluate(along(event, [(0, 0), (0.2, 0), (0.5, 0.4), (0.5, 0)]))
    torch.testing.assert_close(values, torch.tensor([[0.3, 0.4, 0.0]]), atol=2e-4, rtol=0)


def test_a_costly_cost_is_looked_at_now_and_then() -> None:
    assert judged_steps(15, None) == list(range(1, 16))
    assert judged_steps(15, 3) == [5, 10, 15] and judged_steps(15, 1) == [15] and judged_steps(2, 9) == [1, 2]
    values = spread(torch.tensor([1.0, 2.0, 3.0, 4.0]), 2, 5, [2, 5])
    torch.testing.assert_close(values, torch.tensor([[1.0, 1, 2, 2, 2], [3, 3, 4, 4, 4]]))
    torch.testing.assert_close(spread(torch.tensor([2.0]), 1, 3, [3]), torch.tensor([[0.0, 0, 6]]))
    with pytest.raises(ValueError, match="points is 0"):
        judged_steps(5, 0)


def test_a_cost_that_was_not_bound_says_so() -> None:
    with pytest.raises(ValueError, match="call prepare"):
        oracle_cost(get("at")).evaluate(along(scene(), [(0, 0), (0.1, 0)]))


def test_frames_are_past_plan_and_standstill() -> None:
    """At 0.6 s the frames at 0, 0.25 and 0.5 s are past; a plan of 0.5 s says those at 0.75 and 1.0 s."""
    event = scene(frames=6)
    past = event.positions.copy()
    past[:3, 0, 0] = [0.0, 0.1, 0.2]
    past[3:, 0, 0] = 0.22
    context = Context(event.replace(positions=past), 0.6, 0.05)
    entities = torch.as_tensor(past[-1]).float().repeat(1, 11, 1, 1)
    entities[0, :, 0, 0] = 0.22 + 0.01 * torch.arange(11)
    frames = event_frames(context, entities)[0, :, 0, 0]
    expected = [0.0, 0.1, 0.2, 0.22 + 0.03, 0.22 + 0.08, 0.32, 0.32]
    torch.testing.assert_close(frames, torch.tensor(expected))


def test_events_carry_everything_but_the_positions() -> None:
    event = scene()
    made = events_of(Context(event, 0.0, 0.05), along(event, [(0, 0), (0.1, 0), (0.2, 0)]), [1, 2])
    assert made.positions.shape == (2, 2, 3, 2)
    torch.testing.assert_close(made.final[:, 0, 0], torch.tensor([0.1, 0.2]))
    assert bool((made.attention == torch.as_tensor(event.attention)).all())


def test_small_terms_by_hand() -> None:
    event = scene()
    walk = along(event, [(0, 0), (0.3, 0), (0.38, 0)])
    walk = replace(walk, actions=torch.tensor([[[1.0, 0.5], [0.0, 0.0]]]))
    context = Context(event, 0.0, 0.05)
    torch.testing.assert_close(Effort().evaluate(walk), torch.tensor([[1.25, 0.0]]))
    speeds = Trajectory({"velocities": torch.ones(1, 3, 2, 2)}, walk.actions, walk.valid)
    torch.testing.assert_close(Speed().evaluate(speeds), torch.tensor([[4.0, 4.0]]))
    joints = Trajectory({"qpos": torch.tensor([[[0.0, 0], [0.95, 0], [0, -1.2]]])}, walk.actions, walk.valid)
    limits = Limits((-1.0, -1.0), (1.0, 1.0), margin=0.1)
    torch.testing.assert_close(limits.evaluate(joints), torch.tensor([[0.05**2, 0.3**2]]))
    wall = Obstacles(((0.4, 0.0),), (0.05,)).prepare(context)
    torch.testing.assert_close(wall.evaluate(walk), torch.tensor([[0.05**2, 0.13**2]]))
    # The agent's and the attended disc's radii add up to 0.2; 0.12 are left between their centres.
    touch = Collisions(margin=0.0).prepare(context)
    torch.testing.assert_close(touch.evaluate(walk), torch.tensor([[0.0, 0.08**2]]), atol=1e-7, rtol=1e-4)


def test_sums_are_costs_again() -> None:
    event = scene()
    walk = replace(along(event, [(0, 0), (0.3, 0)]), actions=torch.ones(1, 1, 2))
    both = weighted({"goal": oracle_cost(get("at")), "effort": Effort()}, effort=0.1)
    assert both.fields == ("entities", "actions")
    bound = both.prepare(Context(event, 0.0, 0.05))
    torch.testing.assert_close(bound.evaluate(walk), torch.tensor([[0.4]]), atol=2e-4, rtol=0)
    assert bound.each(walk).keys() == {"goal", "effort"}
    for terms, weights, message in (({}, {}, "one term"), ({"a": Effort()}, {"b": 1.0}, "weights of")):
        with pytest.raises(ValueError, match=message):
            weighted(terms, **weights)
    with pytest.raises(ValueError, match="finite"):
        weighted({"a": Effort()}, a=float("nan"))


def test_what_was_not_recorded_is_named() -> None:
    with pytest.raises(KeyError, match="'qpos' was not recorded"):
        Limits((0.0,), (1.0,)).evaluate(along(scene(), [(0, 0), (0, 0)]))


def test_tracking_is_distance_from_the_path_at_the_time() -> None:
    event = scene(frames=4)
    path = torch.as_tensor(event.positions).float()
    path[:, 0, 0] = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    bound = Track(path).prepare(Context(event, 0.25, 0.125))
    values = bound.evaluate(along(event, [(0.25, 0), (0.375, 0), (0.5, 0.3)]))
    torch.testing.assert_close(values, torch.tensor([[0.0, 0.3]]), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("plane", "axis", "height"), (("table", 2, 0.08), ("wall", 1, 0.0)))
def test_leaving_the_plane_costs_its_distance(plane: str, axis: int, height: float) -> None:
    env = ArmEnv("near", plane=plane)
    env.reset(seed=0)
    assert env.state.effector[0, axis] == pytest.approx(height, abs=1e-3), "where episodes begin"
    effector = torch.zeros(1, 3, 3)
    effector[0, :, axis] = torch.tensor([9.0, height + 0.08, height - 0.04])
    rollout = Trajectory({"effector": effector}, torch.zeros(1, 2, 7), torch.ones(1, dtype=torch.bool))
    scale = env.world.view.scale
    torch.testing.assert_close(Lift.of(env.world).evaluate(rollout), torch.tensor([[0.08, 0.04]]) / scale)


def test_only_an_effector_that_can_leave_the_plane_is_charged() -> None:
    effort = Effort()
    for world in (ParticleEnv("near").world, ArmEnv("near", robot="planar").world):
        assert level(world, effort) is effort
    charged = level(ArmEnv("near").world, effort, 0.3)
    assert (
        isinstance(charged, Sum)
        and charged.weights == {"lift": 0.3}
        and charged.fields == ("actions", "effector")
    )


def test_risk_reduces_models() -> None:
    costs = torch.tensor([[1.0, 4.0], [3.0, 0.0], [5.0, 2.0], [7.0, 2.0]])
    torch.testing.assert_close(mean_risk(costs), torch.tensor([4.0, 2.0]))
    torch.testing.assert_close(worst_risk(costs), torch.tensor([7.0, 4.0]))
    torch.testing.assert_close(conditional_risk(0.5)(costs), torch.tensor([6.0, 3.0]))
    with pytest.raises(ValueError, match="share is 0"):
        conditional_risk(0)


def test_rollouts_are_charged_the_sum_of_their_steps_or_infinity() -> None:
    valid = torch.tensor([True, False, True])
    rollout = Trajectory({"entities": torch.zeros(3, 3, 1, 2)}, torch.zeros(3, 2, 1), valid)
    costs = torch.tensor([[1.0, 2.0], [0.0, 0.0], [torch.nan, 1.0]])
    assert rollout.charged(costs).tolist() == [3.0, torch.inf, torch.inf]
    barred = torch.tensor([[torch.inf, 0.0], [0.0, 0.0], [1.0, 1.0]])
    assert rollout.charged(barred).tolist() == [torch.inf, torch.inf, 2.0], "what is forbidden stays so"
    assert rollout.row(1).fields["entities"].shape == (1, 3, 1, 2) and not bool(rollout.row(1).valid)


def test_adams_first_step_has_length_one_and_the_slopes_sign() -> None:
    adam = Adam.at_rest(torch.zeros(3))
    adam, way = adam.moved(torch.tensor([2.0, -0.01, 0.0]))
    torch.testing.assert_close(way, torch.tensor([1.0, -1.0, 0.0]), atol=1e-4, rtol=0)
    # Second slopes of zero: moments .9 * .1 g and .99 * .01 g^2, corrected by 1 - .9^2 and 1 - .99^2.
    _, way = adam.moved(torch.zeros(3))
    expected = (0.09 / 0.19) / (0.0099 / 0.0199) ** 0.5
    assert float(way[0]) == pytest.approx(expected, rel=1e-4)
