"""The U-shaped trap: whoever goes straight is caught, and there is a way round."""

import gymnasium as gym
import numpy as np
import pytest
from conceptgym.agents.planning.samplers import MPPI
from conceptgym.agents.planning_agent import Settings, oracle_agent
from conceptgym.envs.particle.env import ParticleEnv, ParticleVectorEnv
from conceptgym.envs.particle.layout import TRAP_ENTITIES
from conceptgym.evaluation.episodes import enact
from gymnasium.utils.env_checker import check_env


def straight(env: ParticleEnv, seed: int) -> tuple[bool, float]:
    """Success of full thrust towards the goal, and the least distance from it."""
    seen, info = env.reset(seed=seed)
    least, over = np.inf, False
    while not over:
        way = (seen["positions"] * (seen["attention"] - seen["marker"])[:, None]).sum(0)
        least = min(least, float(np.linalg.norm(way)))
        action = np.clip(4 * way - 1.5 * (seen["velocities"] * seen["marker"][:, None]).sum(0), -1, 1)
        seen, _, terminated, truncated, info = env.step(action.astype(np.float32))
        over = terminated or truncated
    return bool(info["is_success"]), least


def test_whoever_goes_straight_is_caught_and_a_planner_is_not() -> None:
    env = ParticleEnv("near", layout="trap")
    tries = [straight(env, seed) for seed in range(12)]
    assert not any(success for success, _ in tries)
    assert min(least for _, least in tries) > 0.2, "nobody slips through the wall"
    free = ParticleEnv("near", n_entities=4)
    assert sum(straight(free, seed)[0] for seed in range(12)) >= 10
    far = Settings(
        MPPI(deviation=1.0, temperature=0.1), horizon=40, knots=6, samples=256, full=0.01, least=1.0
    )
    assert enact(env, oracle_agent(far), 500_000, None).success


def test_a_row_of_a_batch_is_the_single_environment() -> None:
    batch = ParticleVectorEnv(3, "near", layout="trap")
    seen, _ = batch.reset(seed=[4, 5, 6])
    for row, seed in enumerate((4, 5, 6)):
        own, _ = ParticleEnv("near", layout="trap").reset(seed=seed)
        assert all(np.array_equal(own[name], seen[name][row]) for name in own)
    assert seen["present"].sum(1).tolist() == [TRAP_ENTITIES] * 3
    assert (np.abs(seen["positions"]) < 0.95).all()
    assert not np.allclose(seen["positions"][0], seen["positions"][1])


def test_the_checker_has_nothing_to_complain_of() -> None:
    check_env(gym.make("conceptgym/ParticleNear-v0", layout="trap").unwrapped, skip_render_check=True)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        ParticleEnv("near", layout="maze")
    with pytest.raises(ValueError, match="not 'square'"):
        ParticleEnv("square", layout="trap")
    with pytest.raises(ValueError, match="needs n_entities=13"):
        ParticleEnv("near", layout="trap", n_entities=6)
