"""Domain randomisation of the arm worlds: exactly nothing by default, exactly what it says otherwise."""

import math
from itertools import pairwise

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from conceptgym.envs.arm.env import ArmEnv, ArmVectorEnv
from conceptgym.envs.arm.machine import DT
from conceptgym.envs.arm.randomisation import (
    Factors,
    Latency,
    ObservationNoise,
    Randomisation,
    check_randomisation,
    friction,
    gains,
    masses,
)

ALL = (masses(), gains(), ObservationNoise(0.02), Latency(3))
CARRYING = (*ALL, friction())


def actions(count: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, size)).astype(np.float32)


def followed(randomisation: tuple[Randomisation, ...], sequence: np.ndarray, seed: int = 3) -> np.ndarray:
    """Joint positions, true ones, along a sequence of actions, (S, J)."""
    env = ArmEnv("near", randomisation=randomisation)
    env.reset(seed=seed)
    places = []
    for action in sequence:
        env.step(action)
        places.append(env.state.joints[0, 0].copy())
    return np.array(places)


def test_factors_of_one_change_nothing() -> None:
    ones = (masses(1, 1), gains(1, 1), ObservationNoise(0.0))
    sequence = actions(30, 7)
    assert np.array_equal(followed(ones, sequence), followed((), sequence))


@pytest.mark.parametrize("part", [masses(4, 4), gains(0.25, 0.25)])
def test_the_robot_lags_behind_with_heavier_links_or_weaker_motors(part: Factors) -> None:
    push = np.zeros((12, 7), dtype=np.float32)
    push[:, 0] = 1.0
    start = followed((), push * 0)[0, 0]
    nominal, changed = (abs(followed(p, push)[0, 0] - start) for p in ((), (part,)))
    assert changed < 0.95 * nominal


def slid(factor: float, steps: int = 20, speed: float = 0.3) -> tuple[float, float]:
    """How far an object slides that has a speed at first; and inertia by damping, in seconds."""
    env = ArmEnv("line")
    env.reset(seed=0)
    machine, model, data = env.world.machine, env.model, env.data
    joint = model.joint("object0_x")
    place, dof = int(joint.qposadr[0]), int(joint.dofadr[0])
    data.qvel[:] = 0
    data.qvel[dof] = speed
    spec = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    physics = np.zeros((1, mujoco.mj_stateSize(model, spec)))
    mujoco.mj_getState(model, data, physics[0], spec)
    before, fields = float(data.qpos[place]), {"dof_frictionloss": (model.dof_frictionloss * factor)[None]}
    for _ in range(steps):
        still = np.zeros((1, machine.joints))
        physics = machine.step(physics, still, env.state.held, env.state.positions, None, fields).physics
    mujoco.mj_setState(model, data, physics[0], spec)
    inertia = float(model.body("object0").mass[0] + model.dof_armature[dof])
    return float(data.qpos[place]) - before, inertia / float(model.dof_damping[dof])


def test_friction_of_objects_is_what_the_factors_say() -> None:
    far, lasting = slid(1e-9)
    # Viscous damping alone: v = v0 exp(-t c / m).
    assert far == pytest.approx(0.3 * lasting * (1 - math.exp(-20 * DT / lasting)), rel=0.05)
    distances = [slid(factor)[0] for factor in (1e-9, 0.5, 1.0, 2.0, 8.0)]
    assert all(near < 0.95 * far for far, near in pairwise(distances))


def test_late_actions_are_those_of_some_steps_ago() -> None:
    sequence, delays = actions(15, 7), set()
    for seed in range(6):
        env = ArmEnv("near", randomisation=(Latency(2),))
        env.reset(seed=seed)
        delay = int(env.state.episode.drawn.delay[0])
        delays.add(delay)
        shifted = np.concatenate([np.zeros((delay, 7), dtype=np.float32), sequence[: 15 - delay]])
        late, nominal = followed((Latency(2),), sequence, seed), followed((), shifted, seed)
        assert np.array_equal(late, nominal)
    assert delays == {0, 1, 2}


def test_noise_is_on_what_is_seen_and_on_nothing_else() -> None:
    noisy, plain = (ArmEnv("near", randomisation=p) for p in ((ObservationNoise(0.02),), ()))
    gaps: dict[str, list[np.ndarray]] = {"positions": [], "joints": [], "velocities": []}
    for seed in range(20):
        noisy.reset(seed=seed)
        plain.reset(seed=seed)
        for action in actions(5, 7, seed):
            (seen, reward, *_, info), (truth, fair, *_, told) = noisy.step(action), plain.step(action)
            assert reward == fair and info == told
            for name, values in gaps.items():
                values.append((seen[name] - truth[name]).ravel())
            assert np.array_equal(seen["colors"], truth["colors"])
    for name, deviation in (("positions", 0.02), ("joints", 0.02), ("velocities", 0.2)):
        gap = np.concatenate(gaps[name])
        assert gap.std() == pytest.approx(deviation, rel=0.1) and abs(gap.mean()) < deviation / 10
    assert not np.array_equal(gaps["positions"][0], gaps["positions"][1])


@pytest.mark.parametrize("concept", ["near", "line", "follow"])
def test_a_row_of_a_batch_is_the_single_environment_with_everything_randomised(concept: str) -> None:
    seeds = [3, 4, 5]
    everything = CARRYING if concept == "line" else ALL
    batch = ArmVectorEnv(3, concept, randomisation=everything)
    singles = [ArmEnv(concept, randomisation=everything) for _ in seeds]
    seen, _ = batch.reset(seed=seeds)
    first = [env.reset(seed=seed)[0] for env, seed in zip(singles, seeds, strict=True)]
    assert all(np.array_equal(seen[key][i], first[i][key]) for i in range(3) for key in first[i])
    factors = batch.state.episode.drawn.factors
    assert not np.allclose(factors[0], factors[1])
    size = batch.world.action_space.shape[0]
    for step in range(8):
        chosen = actions(3, size, step)
        seen, rewards, *_ = batch.step(chosen)
        for i, env in enumerate(singles):
            own, reward, *_ = env.step(chosen[i])
            assert reward == rewards[i]
            assert all(np.array_equal(seen[key][i], own[key]) for key in own)


def test_the_checker_has_nothing_to_complain_of() -> None:
    from gymnasium.utils.env_checker import check_env

    env = gym.make("conceptgym/ArmNear-v0", randomisation=ALL)
    check_env(env.unwrapped, skip_render_check=True)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="0 < low <= high"):
        masses(2, 1)
    with pytest.raises(ValueError, match="not negative"):
        ObservationNoise(-1.0)
    with pytest.raises(ValueError, match="one step at least"):
        Latency(0)
    with pytest.raises(TypeError, match="randomisation holds 'masses'"):
        check_randomisation(("masses",), ArmEnv("near").model)
    with pytest.raises(ValueError, match=r"friction are factors of .* all zero in this world"):
        ArmEnv("near", randomisation=(friction(),))
    with pytest.raises(ValueError, match="one thing twice"):
        ArmEnv("near", randomisation=(masses(), masses(0.1, 0.2)))
