from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from conceptgym import concepts
from conceptgym.agents import expert_actions
from conceptgym.envs.particle import Physics, make_bodies, step
from gymnasium.spaces.utils import flatten
from hypothesis import given
from hypothesis import strategies as st

PHYSICS = Physics()


def make(env_id: str, **arguments: Any) -> Any:  # noqa: ANN401
    return gym.make(f"conceptgym/{env_id}", **arguments).unwrapped


def world(seed: int, count: int = 5, radius: float = 0.1) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    x, v = rng.uniform(-0.5, 0.5, (2, count, 2)), rng.uniform(-0.5, 0.5, (2, count, 2))
    everybody = np.ones((2, count), dtype=bool)
    bodies = make_bodies(np.full((2, count), radius), everybody, everybody, everybody, PHYSICS)
    return x, v, rng.uniform(-1, 1, (2, count, 2)), bodies


@given(st.integers(0, 10**6))
def test_contacts_conserve_momentum(seed: int) -> None:
    x, v, _, _ = world(seed)
    x = x * 0.5
    still = Physics(drag=0.0, friction=0.0, max_speed=100.0, stiffness=20.0)
    everybody = np.ones(x.shape[:-1], dtype=bool)
    bodies = make_bodies(np.full(x.shape[:-1], 0.2), everybody, everybody, everybody, still)
    _, after = step(x, v, np.zeros_like(x), bodies, still, contacts=True)
    assert np.allclose(after.sum(1), v.sum(1), atol=1e-12)


def test_head_on_collision_swaps_the_velocities() -> None:
    frictionless = Physics(drag=0.0, friction=0.0)
    x, v = np.array([[[-0.15, 0.0], [0.15, 0.0]]]), np.array([[[0.4, 0.0], [-0.4, 0.0]]])
    both = np.ones((1, 2), dtype=bool)
    bodies = make_bodies(np.full((1, 2), 0.1), both, both, both, frictionless)
    for _ in range(30):
        x, v = step(x, v, np.zeros_like(x), bodies, frictionless, contacts=True)
    assert x[0, 0, 0] < -0.1 < 0.1 < x[0, 1, 0]
    assert np.allclose(v[0, :, 0], [-0.4, 0.4], atol=0.06)


@given(st.integers(0, 10**6))
def test_damping_never_adds_energy(seed: int) -> None:
    x, v, _, bodies = world(seed)
    energy = (v**2).sum()
    for _ in range(20):
        x, v = step(x, v, np.zeros_like(x), bodies, PHYSICS)
        assert (v**2).sum() <= energy + 1e-12
        energy = (v**2).sum()


def test_one_step_by_hand() -> None:
    body = make_bodies(np.array([[0.1]]), np.array([[True]]), np.array([[True]]), np.array([[True]]), PHYSICS)
    x, v = step(np.array([[[0.0, 0.0]]]), np.array([[[0.5, 0.0]]]), np.array([[[0.0, 1.0]]]), body, PHYSICS)
    # v = 0.5 (1 - 0.05 * 1) and 6 * 0.05; x moves by 0.05 v.
    assert np.allclose(v, [[[0.475, 0.3]]])
    assert np.allclose(x, [[[0.02375, 0.015]]])


@given(st.integers(0, 10**6))
def test_speed_limit_and_walls(seed: int) -> None:
    x, v, a, bodies = world(seed)
    for _ in range(60):
        x, v = step(x, v, np.sign(a), bodies, PHYSICS)
        assert np.sqrt((v**2).sum(-1)).max() <= PHYSICS.max_speed + 1e-9
        assert np.abs(x).max() <= 0.9 + 1e-12
    assert np.allclose(np.abs(x), 0.9)  # everybody ended in a corner,
    assert np.allclose(v, 0)  # at rest


@given(st.integers(0, 10**6))
def test_permutation_and_translation_equivariance(seed: int) -> None:
    x, v, a, bodies = world(seed)
    after, _ = step(x, v, a, bodies, PHYSICS, contacts=True)
    order = np.random.default_rng(seed).permutation(x.shape[1])
    assert np.allclose(
        step(x[:, order], v[:, order], a[:, order], bodies, PHYSICS, contacts=True)[0], after[:, order]
    )
    shifted, _ = step(x * 0.5 + 0.1, v, a, bodies, PHYSICS)
    plain, _ = step(x * 0.5, v, a, bodies, PHYSICS)
    assert np.allclose(shifted, plain + 0.1)


def test_torch_runs_the_same_kernel_and_differentiates_it() -> None:
    x, v, a, _ = world(0)
    everybody = torch.ones(2, 5, dtype=torch.bool)
    radii = torch.full((2, 5), 0.1, dtype=torch.float64)
    bodies = make_bodies(radii, everybody, everybody, everybody, PHYSICS)
    force = torch.tensor(a, requires_grad=True)
    position, velocity = torch.tensor(x), torch.tensor(v)
    numpy_bodies = world(0)[3]
    y, w = x, v
    for _ in range(5):
        position, velocity = step(position, velocity, force, bodies, PHYSICS, contacts=True)
        y, w = step(y, w, a, numpy_bodies, PHYSICS, contacts=True)
    assert np.allclose(position.detach().numpy(), y, atol=1e-12)
    position.sum().backward()  # type: ignore[no-untyped-call]
    assert force.grad is not None
    # Without contacts and limits, five steps move each coordinate by dt * gain * (sum of kept shares).
    keep, gain = 1 - 0.05, 6 * 0.05
    free = 0.05 * gain * sum(sum(keep**k for k in range(n + 1)) for n in range(5))
    assert np.isclose(force.grad.numpy().mean(), free, rtol=0.25)


def test_moving_towards_the_goal_never_lowers_the_reward() -> None:
    for name in ("Near", "At", "LeftOf", "Between", "Square", "Line"):
        env = make(f"Particle{name}-v0")
        for seed in range(5):
            env.reset(seed=seed)
            scene, solution = env.event, env.state.episode.solution[0, -1]
            for share in np.linspace(0, 0.9, 10):
                place = scene.initial + share * (solution - scene.initial)
                nearer = scene.initial + (share + 0.1) * (solution - scene.initial)
                error = [
                    float(env.task.error(scene.replace(positions=np.stack([scene.initial, p]))))
                    for p in (place, nearer)
                ]
                assert error[1] <= error[0] + 1e-5


def test_return_of_the_dense_reward_telescopes() -> None:
    env = make("ParticleSquare-v0")
    _, info = env.reset(seed=3)
    first, total = info["concept_error"], 0.0
    for _ in range(30):
        *_, info = env.step(env.action_space.sample())
        total += info["reward_progress"]
    assert np.isclose(total, 10 * (first - info["concept_error"]), atol=1e-4)


def test_grab_takes_carries_and_lets_go() -> None:
    env = make("ParticleSquare-v0", control="grab")
    env.reset(seed=0)
    carried, touched = 0, {env.world.width}
    for _ in range(env.world.horizon):
        before = env.state.positions[0].copy()
        *_, over, info = env.step(expert_actions(env.world, env.state)[0])
        held = np.flatnonzero(env.state.held[0])
        carried += len(held)
        moved = np.flatnonzero(np.abs(env.state.positions[0] - before).max(-1) > 1e-9)
        touched.update(held.tolist())
        assert set(moved) <= touched  # nothing moves but the hand, what it holds, and what it let go
    assert carried > 20
    assert info["is_success"]
    assert over


def test_push_moves_pucks_by_contact_only() -> None:
    env = make("ParticleHelp-v0")
    env.reset(seed=1)
    scene = env.state.episode.scene
    patient = int(np.flatnonzero(scene.movable[0] & (scene.attention[0] > 0.5))[0])
    agent = int(np.flatnonzero(scene.marker[0])[0])
    touched = False
    for _ in range(env.world.horizon):
        before = env.state.positions[0].copy()
        *_, info = env.step(expert_actions(env.world, env.state)[0])
        reach = scene.sizes[0, patient] + scene.sizes[0, agent]
        touched |= bool(np.hypot(*(before[patient] - before[agent])) < reach)
        if not touched:
            assert np.array_equal(env.state.positions[0, patient], before[patient])
    assert touched
    assert info["is_success"]


def test_collisions_keep_discs_apart() -> None:
    with_, without = (make("ParticleCluster-v0", collisions=flag) for flag in (True, False))
    gaps = []
    for env in (with_, without):
        env.reset(seed=2)
        for _ in range(50):
            env.step(expert_actions(env.world, env.state)[0])
        places = env.event.final[env.event.present]
        difference = np.hypot(*(places[:, None] - places[None]).T) + 9 * np.eye(len(places))
        gaps.append(difference.min())
    assert gaps[0] > gaps[1]


def test_goal_variant_follows_the_goal_interface() -> None:
    for reward in ("dense", "sparse"):
        env = make("ParticleSquare-v0", goal=True, reward=reward)
        observation, _ = env.reset(seed=0)
        seen = [observation]
        for _ in range(env.world.horizon):
            observation, value, *_, info = env.step(expert_actions(env.world, env.state)[0])
            assert value == env.compute_reward(
                observation["achieved_goal"], observation["desired_goal"], info
            )
            seen.append(observation)
        assert info["is_success"]
        achieved = np.stack([part["achieved_goal"] for part in seen])
        # Hindsight: what was achieved in the end, taken as the goal, is reached in the end.
        relabelled = env.compute_reward(achieved, np.broadcast_to(achieved[-1], achieved.shape), {})
        assert relabelled.shape == (len(seen),)
        assert relabelled[-1] == 0 > relabelled[0]
    assert not hasattr(make("ParticleSquare-v0"), "compute_reward")  # how learners tell goal environments


def test_goal_vector_environment() -> None:
    env: Any = gym.make_vec("conceptgym/ParticleAt-v0", num_envs=3, goal=True)
    observation, _ = env.reset(seed=0)
    observation, reward, *_ = env.step(env.action_space.sample())
    assert np.array_equal(
        reward, env.compute_reward(observation["achieved_goal"], observation["desired_goal"], {})
    )


def test_starting_from_a_given_scene() -> None:
    env = make("ParticleNear-v0")
    scene = concepts.get("near").demonstrations(1, 5)[0]
    single = scene.map(lambda a: a[:1] if a.ndim == 3 else a)
    observation, info = env.reset(options={"scene": single})
    count = len(scene.sizes)
    assert np.allclose(observation["positions"][:count], scene.initial, atol=1e-6)
    assert info["concept_error"] > 0
    # The given scene takes the place of one episode of the seed's sequence, no more.
    env.reset(seed=4)
    env.reset()
    expected = env.reset()[0]
    env.reset(seed=4)
    env.reset(options={"scene": single.map(torch.as_tensor)})
    assert np.array_equal(env.reset()[0]["positions"], expected["positions"])


def test_setting_a_task() -> None:
    env = make("Particle-v0", max_entities=8)
    env.reset(options={"task": "left_of"})
    assert env.task.name == "left_of"
    env.reset(options={"task": ("above", "closest")})
    assert env.task.name == "above(closest)"
    with pytest.raises(ValueError, match="use 'all' or 'grab'"):
        env.reset(options={"task": "square"})
    with pytest.raises(ValueError, match="make an environment of its own"):
        env.reset(options={"task": "follow"})
    with pytest.raises(TypeError, match="expected a name"):
        env.reset(options={"task": 3})
    hidden = make("Particle-v0", concept="above", argument="closest")
    with pytest.raises(ValueError, match="has no argument"):
        hidden.reset(options={"task": "above"})
    identify = make("Identify-v0", max_entities=9)
    identify.reset(options={"task": "leftmost"})
    assert identify.task.name == "leftmost"
    with pytest.raises(ValueError, match="its modes are"):
        identify.reset(options={"task": "between"})


def test_arguments_hide_the_attention() -> None:
    assert "attention" not in make("Particle-v0", concept="square", argument="red").reset(seed=0)[0]
    assert "attention" in make("Particle-v0", concept="square").reset(seed=0)[0]
    assert (
        "attention"
        in make("Particle-v0", concept="square", argument="red", show_attention=True).reset(seed=0)[0]
    )


def test_temporal_concepts_are_judged_when_the_time_is_over() -> None:
    env = make("ParticleFollow-v0")
    env.reset(seed=0)
    for step_ in range(env.world.horizon):
        _, _, _, over, info = env.step(expert_actions(env.world, env.state)[0])
        assert info["is_success"] == (step_ == env.world.horizon - 1)
    assert over
    # The recorded frames are where the discs were, frame by frame.
    assert env.event.positions.shape == (17, env.world.width, 2)
    assert np.allclose(env.event.final, env.state.positions[0], atol=1e-6)


def test_nothing_tells_the_sceneries_future() -> None:
    env = make("ParticleFollow-v0")
    observation, _ = env.reset(seed=0)
    assert np.ptp(observation["history"], axis=0).max() == 0
    for _ in range(12):
        observation, *_ = env.step(np.zeros(2, dtype=np.float32))
    count = env.world.width
    assert np.ptp(observation["history"][3:], axis=0).max() == 0  # twelve steps are 2.4 frames
    assert np.array_equal(observation["history"][3], observation["positions"][:count])
    assert np.ptp(observation["history"][:3], axis=0).max() > 0


def test_a_hand_that_carries_comes_to_rest_among_solid_discs() -> None:
    env = make("ParticleSquare-v0", control="grab", collisions=True)
    env.reset(seed=3)
    while not env.state.held.any():
        env.step(expert_actions(env.world, env.state)[0])
    for _ in range(40):
        env.step(np.array([0.0, 0.0, 1.0], dtype=np.float32))
    assert np.abs(env.state.velocities[0, -1]).max() < 0.2


def test_scenery_runs_its_script() -> None:
    env = make("ParticleFollow-v0")
    env.reset(seed=0)
    scene = env.state.episode.scene
    mover = int(np.flatnonzero(scene.attention[0] > 0.5)[0])
    for _ in range(20):
        env.step(np.zeros(2, dtype=np.float32))
    assert np.allclose(env.state.positions[0, mover], scene.positions[0, 4, mover], atol=1e-6)


def test_flattened_observations_hold_everything() -> None:
    env = gym.wrappers.FlattenObservation(gym.make("conceptgym/ParticleNear-v0"))
    observation, _ = env.reset(seed=0)
    plain = make("ParticleNear-v0")
    expected: Any = flatten(plain.observation_space, plain.reset(seed=0)[0])
    assert np.array_equal(observation, expected)


def test_demonstrations_of_an_environment() -> None:
    env = make("ParticleSquare-v0")
    event = env.demonstrations(5, 1)
    assert event.positions.shape[0] == 5
    assert env.task.satisfied(event).all()
    assert np.array_equal(event.positions, env.demonstrations(5, 1).positions)


def test_seeded_rows_go_on_with_their_own_scenes() -> None:
    env: Any = gym.make_vec("conceptgym/ParticleNear-v0", num_envs=3)
    first, _ = env.reset(seed=[3, 4, 5])
    second, _ = env.reset(seed=[3, None, 9])
    assert np.array_equal(first["positions"][0], second["positions"][0])
    assert not np.array_equal(first["positions"][1], second["positions"][1])
    with pytest.raises(gym.error.Error, match="Seed"):
        env.reset(seed=[5, -1, 5])
    same, _ = env.reset(seed=3)
    assert np.array_equal(same["positions"], first["positions"])
