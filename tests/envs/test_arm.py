"""The arm world: kinematics, physics, gripping, planes, robots, and what goes wrong."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from conceptgym.concepts import get
from conceptgym.envs.arm import kinematics
from conceptgym.envs.arm.env import ArmEnv, arm_world
from conceptgym.envs.arm.render import dress
from conceptgym.envs.arm.robots import ROBOTS
from conceptgym.envs.arm.scene import PLANES, build
from conceptgym.envs.arm.view import EntityView, Plane
from gymnasium.envs.mujoco.utils import check_mujoco_reset_state

# Modified Denavit-Hartenberg parameters of Franka Emika's Panda: a, alpha, d of joints 1 to 7.
DH = (
    (0.0, 0.0, 0.333),
    (0.0, -np.pi / 2, 0.0),
    (0.0, np.pi / 2, 0.316),
    (0.0825, np.pi / 2, 0.0),
    (-0.0825, -np.pi / 2, 0.384),
    (0.0, np.pi / 2, 0.0),
    (0.088, np.pi / 2, 0.0),
)
FLANGE = 0.107


def forward(angles: np.ndarray) -> np.ndarray:
    """Pose of the flange by the table, (4, 4): Craig, "Introduction to robotics", equation 3.6."""
    pose = np.eye(4)
    for (a, alpha, d), theta in zip(DH, angles, strict=True):
        c, s, ca, sa = np.cos(theta), np.sin(theta), np.cos(alpha), np.sin(alpha)
        link = [[c, -s, 0, a], [s * ca, c * ca, -sa, -d * sa], [s * sa, c * sa, ca, d * ca], [0, 0, 0, 1]]
        pose = pose @ np.array(link)
    pose[:3, 3] += pose[:3, 2] * FLANGE
    return pose


def test_forward_kinematics_are_those_of_the_table() -> None:
    model = build("arm", 0, "reach")
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    low, high = model.jnt_range.T
    for _ in range(50):
        data.qpos[:] = rng.uniform(low, high)
        mujoco.mj_kinematics(model, data)
        pose = forward(data.qpos)
        np.testing.assert_allclose(data.site("effector").xpos, pose[:3, 3], atol=1e-6)
        np.testing.assert_allclose(data.site("effector").xmat.reshape(3, 3), pose[:3, :3], atol=1e-6)


@pytest.mark.parametrize(("robot", "plane"), [(r, p) for r in ROBOTS for p in ROBOTS[r].planes])
def test_every_place_of_the_plane_can_be_reached(robot: str, plane: str) -> None:
    model, entry = build(robot, 0, "reach"), ROBOTS[robot]
    line = np.linspace(-0.97, 0.97, 5)
    site, home = int(model.site("effector").id), np.array(entry.home)
    for point in np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2):
        target = PLANES[plane].lift(point)
        places, left = kinematics.solve(model, site, target, home, np.array([1.0, 1.0, float(entry.lifts)]))
        assert left < 1e-3
        assert (places >= model.jnt_range[:, 0]).all() and (places <= model.jnt_range[:, 1]).all()


def test_damped_least_squares_by_hand() -> None:
    """J = diag(2, 1), e = (1, 1), d = 1: J^T (J J^T + I)^-1 e = (2/5, 1/2)."""
    change = kinematics.damped_step(np.diag([2.0, 1.0]), np.ones(2), 1.0)
    np.testing.assert_allclose(change, [0.4, 0.5])


def test_planes_project_what_they_lift() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (10, 2))
    for plane in PLANES.values():
        np.testing.assert_allclose(plane.project(plane.lift(points)), points, atol=1e-12)
    assert PLANES["wall"].lift(np.array([0.0, 1.0]))[2] > PLANES["wall"].lift(np.array([0.0, 0.0]))[2]
    with pytest.raises(ValueError, match="two different axes"):
        Plane((0, 0, 0), (1, 1), 1.0)


@pytest.mark.parametrize("env_id", ("ArmNear", "ArmFollow", "ArmSquare"))
def test_reset_restores_all_of_mujoco(env_id: str) -> None:
    env: Any = gym.make(f"conceptgym/{env_id}-v0").unwrapped
    check_mujoco_reset_state(env)


def test_the_arm_starts_where_the_scene_says() -> None:
    for seed in range(5):
        env = ArmEnv("near")
        env.reset(seed=seed)
        agent = env.event.marker & env.event.movable
        np.testing.assert_allclose(env.event.final[agent], env.event.initial[agent], atol=2e-3)
        assert np.abs(env.data.qvel).max() < 1e-9


def test_no_action_keeps_the_arm_where_it_is() -> None:
    env = ArmEnv("near")
    env.reset(seed=0)
    before = env.event.final.copy()
    for _ in range(20):
        env.step(np.zeros(7, dtype=np.float32))
    np.testing.assert_allclose(env.event.final, before, atol=1e-3)


def test_joints_move_by_the_action_and_stop_at_their_limits() -> None:
    env = ArmEnv("near")
    start = env.reset(seed=0)[0]["targets"]
    action = np.zeros(7, dtype=np.float32)
    action[0] = 0.5
    step = env.step(action)[0]["targets"] - start
    np.testing.assert_allclose(step, [0.5 * 2.0 * 0.05, 0, 0, 0, 0, 0, 0], atol=1e-6)
    action[0] = 1.0
    for _ in range(60):
        observation = env.step(action)[0]
    assert observation["targets"][0] == pytest.approx(2.8973, abs=1e-4)
    assert observation["joints"][0] <= 2.8973 + 0.05


def test_the_effector_goes_where_it_is_told() -> None:
    env = ArmEnv("near", control="effector")
    start = env.reset(seed=0)[0]["effector"]
    for _ in range(10):
        observation = env.step(np.array([0.2, -0.2, 0.1], dtype=np.float32))[0]
    for _ in range(10):
        observation = env.step(np.zeros(3, dtype=np.float32))[0]
    wanted = 10 * 0.5 * 0.05 * np.array([0.2, -0.2, 0.1])
    np.testing.assert_allclose(observation["effector"] - start, wanted, atol=6e-3)


def carry(env: ArmEnv, on: bool) -> tuple[np.ndarray, np.ndarray]:
    """Goes to the nearest object by inverse kinematics, grips or not, and carries it away."""
    env.reset(seed=0)
    hand = env.world.hand(env.state)
    assert hand is not None
    places = env.event.final
    movable = np.flatnonzero(env.event.movable)
    job = int(movable[((places[movable] - hand[0]) ** 2).sum(-1).argmin()])
    start = places[job].copy()
    for goal, steps in ((start, 30), (start + np.array([0.2, 0.1]), 40)):
        for _ in range(steps):
            away = env.world.view.lift(goal)[:2] - env.state.effector[0, :2]
            action = np.zeros(4, dtype=np.float32)
            action[:2] = np.clip(away / (0.5 * 0.05) * 0.5, -1, 1)
            action[3] = 1.0 if on and goal is not start else -1.0
            if goal is start:
                height = 0.06 - env.state.effector[0, 2]
                action[2] = np.clip(height / (0.5 * 0.05) * 0.5, -1, 1)
            env.step(action)
    return start, env.event.final[job]


def test_suction_carries_what_it_holds_and_nothing_else() -> None:
    env = ArmEnv("square", control="effector", n_entities=4)
    start, end = carry(env, on=True)
    np.testing.assert_allclose(end - start, [0.2, 0.1], atol=0.03)
    held = env.state.held[0]
    assert held.sum() == 1
    others = env.event.movable & ~held
    np.testing.assert_allclose(env.event.final[others], env.event.initial[others], atol=1e-3)
    start, end = carry(env, on=False)
    np.testing.assert_allclose(end, start, atol=1e-3)
    assert not env.state.held.any()


@pytest.mark.parametrize(
    ("aside", "above", "holds"),
    ((0.0, 0.0, True), (0.019, 0.0, True), (0.021, 0.0, False), (0.0, 0.039, True), (0.0, 0.041, False)),
)
def test_suction_takes_what_is_near_and_under_it(aside: float, above: float, holds: bool) -> None:
    """2 cm sideways, and 4 cm over the object's top, which is 5 cm over the table; and as much under it."""
    machine = ArmEnv("square", n_entities=4).world.machine
    places = np.array([[[0.3, 0.2], [-0.5, 0.1]]])
    over = machine.view.lift(places[:, 0]) + np.array([[aside, 0.0, 0.0]])
    for sign in (1, -1):
        over[:, 2] = 0.05 + sign * above
        none, both, on = np.zeros((1, 2), bool), np.ones((1, 2), bool), np.ones(1, bool)
        assert machine.gripped(over, places, none, both, on).tolist() == [[holds, False]]
        assert not machine.gripped(over, places, none, both, ~on).any()
    assert machine.gripped(over + 1.0, places, both & [True, False], both, on).tolist() == [[True, False]]


def test_a_pusher_pushes_by_contact() -> None:
    env = ArmEnv("square", gripper="pusher", control="effector", n_entities=4)
    env.reset(seed=0)
    job = int(np.flatnonzero(env.event.movable)[0])
    start = env.event.final[job].copy()
    side = start - np.array([0.25, 0.0])
    for goal, height, steps in ((side, 0.15, 60), (side, 0.03, 30), (start + np.array([0.1, 0]), 0.03, 60)):
        for _ in range(steps):
            target = env.world.view.lift(goal)
            target[2] = height
            away = (target - env.state.effector[0]) / (0.5 * 0.05) * 0.4
            env.step(np.clip(away, -0.6, 0.6).astype(np.float32))
    moved = env.event.final[job] - start
    assert moved[0] > 0.05 and abs(moved[1]) < 0.1


def test_success_has_to_last_for_five_steps() -> None:
    env = ArmEnv("near")
    env.reset(seed=0)
    world, state = env.world, env.state
    near = get("near").part("generate")
    scene = state.episode.scene
    solved = scene.replace(positions=np.repeat(state.episode.solution[:, -1:], 2, axis=1))
    assert near.error(solved)[0] <= near.tolerance
    env.reset(options={"scene": solved[0].replace(positions=solved.positions[0])})
    said = [env.step(np.zeros(7, dtype=np.float32))[4] for _ in range(6)]
    assert [one["is_success"] for one in said] == [False] * 4 + [True] * 2
    assert all(one["success_once"] for one in said)
    assert world.horizon == 80


def test_the_wall_is_upright() -> None:
    env = ArmEnv("above", plane="wall")
    env.reset(seed=0)
    data = env.data
    places = env.event.final
    agent = env.event.marker
    np.testing.assert_allclose(
        PLANES["wall"].project(data.site("effector").xpos), places[agent][0], atol=1e-5
    )
    others = np.flatnonzero(~agent & env.event.present)
    for index in others:
        np.testing.assert_allclose(
            data.body(f"object{index}").xpos, PLANES["wall"].lift(places[index]), atol=1e-6
        )


def test_a_view_of_somebody_elses_model() -> None:
    env = gym.make("Reacher-v5").unwrapped
    env.reset(seed=0)
    inner: Any = env
    view = EntityView(("fingertip", "target"), Plane((0.0, 0.0, 0.0), (0, 1), 0.2))
    positions = view.positions(inner.model, inner.data)
    np.testing.assert_allclose(positions[0], inner.get_body_com("fingertip")[:2] / 0.2)
    np.testing.assert_allclose(positions[1], inner.get_body_com("target")[:2] / 0.2)
    event = view.event(
        inner.model, inner.data, movable=["fingertip"], marker="fingertip", attention=["target"]
    )
    gap = np.linalg.norm(positions[0] - positions[1])
    assert get("at").error(event) == pytest.approx(gap, abs=1e-6)
    with pytest.raises(ValueError, match="no site, body or geom 'elbow'"):
        EntityView(("elbow",), view.plane).positions(inner.model, inner.data)
    with pytest.raises(ValueError, match="no entities of this view"):
        view.event(inner.model, inner.data, movable=["elbow"])
    with pytest.raises(TypeError, match="expected several names"):
        view.event(inner.model, inner.data, movable="fingertip")


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        ({"robot": "hexapod"}, "robot is 'hexapod'"),
        ({"plane": "wall", "robot": "planar"}, "cannot reach on the plane 'wall'"),
        ({"concept": "help"}, "casts a pusher of its own|is for kind="),
        ({"gripper": "magnet"}, "gripper is 'magnet'"),
        ({"control": "torque"}, "control is 'torque'"),
        ({"concept": "follow", "goal": True}, "about a trajectory"),
        ({"concept": "square", "plane": "wall"}, "cannot suction on the plane"),
    ),
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arm_world(**arguments)


def test_robots_share_one_interface() -> None:
    for robot in ROBOTS:
        env = ArmEnv("between", robot=robot, render_mode="rgb_array", view="scene")
        observation, _ = env.reset(seed=3)
        assert observation["joints"].shape == (len(ROBOTS[robot].home),)
        first = env.render()
        assert first is not None and first.shape == (320, 400, 3) and first.std() > 10
        env.close()
        env.close()


def test_on_the_wall_the_field_is_drawn_upright_and_the_world_is_left_alone() -> None:
    env = ArmEnv("near", plane="wall")
    env.reset(seed=0)
    world, state = env.world, env.state
    before = world.machine.model.geom("field").size.copy()
    drawn = copy.copy(world.machine.model)
    dress(drawn, world, state)
    scale = PLANES["wall"].scale
    assert drawn.geom("field").size[[0, 2]].tolist() == [scale, scale] and drawn.geom("field").size[1] < 0.01
    assert drawn.geom("field").pos.tolist() == list(PLANES["wall"].origin)
    assert np.array_equal(world.machine.model.geom("field").size, before) and before[2] < 0.01


def test_a_goal_that_lies_behind_the_wall_is_refused() -> None:
    env = ArmEnv("left_of", goal=True)
    env.reset(seed=0)
    positions, before = env.event.positions[:1].copy(), env.event.positions.copy()
    positions[:, env.event.attention > 0.5, 0] = -0.93
    with pytest.raises(ValueError, match="found no goal within the walls that satisfies 'left_of'"):
        env.reset(options={"scene": env.event.replace(positions=positions)})
    assert np.array_equal(env.event.positions, before), "nothing was changed"
