"""One file over every registered environment."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conceptgym.concepts import CATALOGUE
from conceptgym.envs import arm_id, identify_id, particle_id
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_sb3

IDS = [env_id for env_id in gym.registry if env_id.startswith("conceptgym/")]
SHOWN = ("conceptgym/ArmNear-v0", "conceptgym/ArmFollow-v0", "conceptgym/ArmSquare-v0")
GOLDEN = Path(__file__).with_name("golden.json")


def make(env_id: str, **arguments: Any) -> Any:  # noqa: ANN401
    return gym.make(env_id, **arguments).unwrapped


def rollout(env: Any, seed: int | None, steps: int) -> list[Any]:  # noqa: ANN401
    """Everything that an environment says, under actions that depend on the step alone."""
    rng = np.random.default_rng(0)
    said: list[Any] = [env.reset(seed=seed)]
    for _ in range(steps):
        said.append(env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)))
        if said[-1][2] or said[-1][3]:
            said.append(env.reset())
    return said


def flat(said: Any) -> list[np.ndarray]:  # noqa: ANN401
    if isinstance(said, dict):
        return [array for key in sorted(said) for array in flat(said[key])]
    if isinstance(said, (list, tuple)):
        return [array for part in said for array in flat(part)]
    return [np.asarray(said)]


def same(a: Any, b: Any) -> bool:  # noqa: ANN401
    return len(flat(a)) == len(flat(b)) and all(map(np.array_equal, flat(a), flat(b)))


def test_every_concept_and_mode_has_its_id() -> None:
    for name, concept in CATALOGUE.items():
        assert (particle_id(name) in IDS) == ("generate" in concept.modes)
        assert (identify_id(name) in IDS) == ("identify" in concept.modes)
        part = concept.generation
        assert (arm_id(name) in IDS) == (part is not None and part.actor != "pusher")
    assert {"conceptgym/Particle-v0", "conceptgym/Identify-v0", "conceptgym/Arm-v0"} <= set(IDS)
    env = gym.make("conceptgym:conceptgym/ParticleSquare-v0")
    task: Any = env.unwrapped.get_wrapper_attr("task")
    assert task.name == "square"


@pytest.mark.parametrize("env_id", IDS)
def test_gymnasium_checker_has_no_complaint(env_id: str) -> None:
    # The checker opens renderers several times over: the arm's 3D pictures, and some others, will do.
    drawn = env_id in SHOWN or ("/Arm" not in env_id and IDS.index(env_id) % 4 == 0)
    check_env(make(env_id, render_mode="rgb_array"), skip_render_check=not drawn)


@pytest.mark.parametrize("env_id", IDS[::3])
def test_sb3_checker_has_no_complaint(env_id: str) -> None:
    env = gym.make(env_id)
    check_sb3(gym.wrappers.FlattenObservation(env))


def test_sb3_checker_on_dictionaries_and_goals() -> None:
    import warnings

    with warnings.catch_warnings():
        # SB3 flattens two-dimensional boxes itself, and says so.
        warnings.filterwarnings("ignore", message=".*unconventional shape.*")
        check_sb3(gym.make("conceptgym/ParticleNear-v0"))
        check_sb3(gym.make("conceptgym/ParticleSquare-v0", goal=True).unwrapped)


@pytest.mark.parametrize("env_id", IDS)
def test_determinism_memory_and_interleaving(env_id: str) -> None:
    env, twin = make(env_id), make(env_id)
    first = rollout(env, 7, 8)
    # The twin, and again the first one, with steps of another environment in between.
    other = make(env_id)
    other.reset(seed=1)
    assert same(first, rollout(twin, 7, 8))
    other.step(np.zeros(other.action_space.shape, dtype=np.float32))
    assert same(first, rollout(env, 7, 8))
    assert not same(first, rollout(env, 8, 8))
    observations = [part[0] for part in first]
    for a, b in pairwise(observations):
        assert not any(np.shares_memory(a[key], b[key]) for key in a)


@pytest.mark.parametrize("env_id", IDS)
def test_interface_details(env_id: str) -> None:
    env = make(env_id)
    assert env.metadata["render_fps"] == round(1 / env.world.dt)
    assert env.action_space.dtype == np.float32
    assert (env.action_space.low == -1).all()
    assert (env.action_space.high == 1).all()
    total = 0.0
    for part in rollout(env, 3, 8):
        if len(part) == 5:
            terms = [value for key, value in part[4].items() if key.startswith("reward_")]
            assert part[1] == sum(terms)
            total += abs(part[1])
        assert {"is_success", "concept_error"} <= set(part[-1])
        assert isinstance(part[-1]["is_success"], bool)
    assert np.isfinite(total)
    env.close()
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_observations_vary(env_id: str) -> None:
    """No element of the observation is the same in all scenes, but for what the concept itself fixes."""
    count = 100 if "/Arm" in env_id else 300
    env: Any = gym.make_vec(env_id, num_envs=count)
    rng = np.random.default_rng(0)
    seen: list[dict[str, np.ndarray]] = [env.reset(seed=0)[0]]
    for _ in range(3):
        seen.append(env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))[0])
    world: Any = env.unwrapped.world
    least = world.entities[0]
    for key in seen[0]:
        values = np.concatenate([part[key] for part in seen])
        constant = np.ptp(values, axis=0) == 0
        if key == "marker" and not values.any():
            continue  # no entity says "me"
        if key == "present":
            constant[:least] = False  # always there
        if key == "movable" and (values.sum(-1) == values[0].sum()).all() and values.all():
            continue
        if key == "attention" and (values == seen[0]["present"][0]).all():
            continue
        if key in ("velocities", "held") and getattr(world, "kind", "reach") != "reach":
            continue  # three random steps of a robot carry nothing
        assert not constant.any(), (key, constant)
    starts = np.unique(seen[0]["positions"].reshape(count, -1), axis=0)
    assert len(starts) == count


@pytest.mark.parametrize("env_id", IDS)
def test_rows_of_a_batch_equal_single_environments(env_id: str) -> None:
    seeds = [11, 5, 8]
    env: Any = gym.make_vec(env_id, num_envs=3, autoreset_mode=AutoresetMode.SAME_STEP)
    singles = [make(env_id) for _ in seeds]
    rng = np.random.default_rng(1)
    observation, info = env.reset(seed=seeds)
    alone = [single.reset(seed=seed) for single, seed in zip(singles, seeds, strict=True)]
    horizon = singles[0].world.horizon
    # Across a reset: one of each of the arm's kinds is followed to its end, and every eighth of the others.
    short = env_id not in SHOWN and ("/Arm" in env_id or IDS.index(env_id) % 8 > 0)
    for step in range(15 if short else horizon + 3):
        for i, (single_observation, *_) in enumerate(alone):
            assert all(np.array_equal(observation[key][i], single_observation[key]) for key in observation), (
                step
            )
        actions = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        observation, reward, terminated, truncated, info = env.step(actions)
        for i, single in enumerate(singles):
            said = single.step(actions[i])
            assert (said[1], said[2], said[3]) == (reward[i], terminated[i], truncated[i])
            last = info["final_info"] if said[2] or said[3] else info
            assert last["concept_error"][i] == said[4]["concept_error"]
            assert last["is_success"][i] == said[4]["is_success"]
            if said[2] or said[3]:
                assert all(np.array_equal(info["final_obs"][i][key], said[0][key]) for key in said[0])
                alone[i] = single.reset()
            else:
                alone[i] = said


@pytest.mark.parametrize("env_id", ["conceptgym/ParticleNear-v0", "conceptgym/IdentifyRed-v0"])
def test_next_step_autoreset(env_id: str) -> None:
    env: Any = gym.make_vec(env_id, num_envs=2)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    single = make(env_id)
    env.reset(seed=[4, 9])
    single.reset(seed=9)
    horizon, over = single.world.horizon, False
    action = np.full(env.action_space.shape or (), 0.5, dtype=np.float32)
    for _ in range(horizon):
        assert not over
        observation, _, terminated, truncated, info = env.step(action)
        last = single.step(action[1])
        over = bool(terminated[1] or truncated[1])
    assert over
    assert all(np.array_equal(observation[key][1], last[0][key]) for key in observation)
    observation, reward, terminated, truncated, info = env.step(action)
    fresh, fresh_info = single.reset()
    assert all(np.array_equal(observation[key][1], fresh[key]) for key in observation)
    assert reward[1] == 0
    assert not terminated.any()
    assert not truncated.any()
    assert info["concept_error"][1] == fresh_info["concept_error"]
    assert not info["_reward_success"].any()


def test_disabled_autoreset_and_reset_mask() -> None:
    env: Any = gym.make_vec("conceptgym/IdentifyRed-v0", num_envs=3, autoreset_mode=AutoresetMode.DISABLED)
    before, _ = env.reset(seed=0)
    action = np.zeros(env.action_space.shape or (), dtype=np.float32)
    env.step(action)
    with pytest.raises(gym.error.ResetNeeded, match="reset_mask"):
        env.step(action)
    after, info = env.reset(options={"reset_mask": np.array([False, True, True])})
    assert np.array_equal(after["positions"][0], before["positions"][0])
    assert not np.array_equal(after["positions"][1], before["positions"][1])
    assert info["_is_success"].tolist() == [False, True, True]
    with pytest.raises(gym.error.ResetNeeded):
        env.step(action)
    env.reset(options={"reset_mask": np.array([True, False, False])})
    env.step(action)
    for bad in (np.array([True, False]), np.zeros(3, dtype=bool)):
        with pytest.raises(ValueError, match="reset_mask"):
            env.reset(options={"reset_mask": bad})
    with pytest.raises(TypeError, match="reset_mask"):
        env.reset(options={"reset_mask": [True, False, True]})


def fingerprint(env_id: str) -> list[float]:
    """The sum of rewards and errors of a rollout, and the mean of every observed array over it."""
    said = rollout(make(env_id), 2024, 40)
    steps = [part for part in said if len(part) == 5]
    numbers = [sum(part[1] for part in steps), sum(part[4]["concept_error"] for part in steps)]
    for key in sorted(said[0][0]):
        numbers.append(float(np.mean([part[0][key].astype(np.float64) ** 2 for part in said])))
    return [round(float(number), 5) for number in numbers]


@pytest.mark.parametrize("env_id", IDS)
def test_golden_rollouts(env_id: str) -> None:
    """A change of dynamics, reward or starts has to bump the id: then write the file anew.

    ``python tests/envs/write_golden.py`` does.
    """
    assert np.allclose(json.loads(GOLDEN.read_text())[env_id], fingerprint(env_id), rtol=1e-3, atol=1e-3)
