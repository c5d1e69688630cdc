"""Arguments, actions and scenes that make no sense are refused, and told why."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conceptgym import concepts


def make(env_id: str, **arguments: Any) -> Any:  # noqa: ANN401
    return gym.make(f"conceptgym/{env_id}", **arguments).unwrapped


BAD_ARGUMENTS: list[tuple[str, dict[str, Any], str]] = [
    ("Particle", {"concept": "sqare"}, "did you mean 'square'"),
    ("Particle", {"concept": "red"}, "no mode 'generate'"),
    ("Particle", {"concept": "near", "argument": "between"}, "no mode 'identify'"),
    ("Particle", {"control": "fly"}, "expected one of"),
    ("Particle", {"reward": "rich"}, "expected one of"),
    ("Particle", {"concept": "square", "control": "one"}, "use 'all' or 'grab'"),
    ("Particle", {"concept": "follow", "goal": True}, "about a trajectory"),
    ("Particle", {"n_entities": 2}, "takes 3 to 16"),
    ("Particle", {"n_entities": 17}, "takes 3 to 16"),
    ("Particle", {"max_entities": 3}, "max_entities is 3"),
    ("Particle", {"n_entities": (7, 4)}, "smaller number comes first"),
    ("Particle", {"discount": 0.0}, "discount is 0.0"),
    ("Particle", {"render_mode": "ascii"}, "render_mode is 'ascii'"),
    ("Identify", {"concept": "between"}, "its modes are"),
    ("Identify", {"concept": "square", "n_entities": 16}, "takes 5 to 10"),
    ("Identify", {"reward": "rich"}, "expected one of"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), BAD_ARGUMENTS)
@pytest.mark.filterwarnings("ignore:.*render_mode.*not in the possible render_modes.*")
def test_bad_arguments(kind: str, arguments: dict[str, Any], message: str) -> None:
    mode = arguments.get("render_mode")
    for build in (gym.make, gym.make_vec):
        with pytest.raises((ValueError, TypeError), match=message if mode is None else f"{message}|expected"):
            build(f"conceptgym/{kind}-v0", **arguments)


def test_unknown_arguments() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'gravity'"):
        gym.make("conceptgym/Particle-v0", gravity=9.81)


@pytest.mark.parametrize("env_id", ["ParticleNear-v0", "IdentifyRed-v0"])
def test_bad_actions_and_options(env_id: str) -> None:
    env = make(env_id)
    size = env.action_space.shape[0]
    with pytest.raises(gym.error.ResetNeeded, match="before step"):
        env.step(np.zeros(size, dtype=np.float32))
    env.reset(seed=0)
    for bad, message in (
        (np.full(size, np.nan, dtype=np.float32), "holds NaN"),
        (np.full(size, np.inf, dtype=np.float32), "holds inf"),
        (np.full(size, 1.5, dtype=np.float32), r"holds 1\.5"),
        (np.zeros(size + 1, dtype=np.float32), f"expected \\({size},\\)"),
        (np.float32(0.0), f"expected \\({size},\\)"),
    ):
        with pytest.raises(ValueError, match=message):
            env.step(bad)
    for bad in (np.array(["a"] * size), np.zeros(size, dtype=complex), np.zeros(size, dtype=bool)):
        with pytest.raises(TypeError, match="expected float32"):
            env.step(bad)
    with pytest.raises(ValueError, match=r"unknown reset options \['sceen'\]"):
        env.reset(options={"sceen": 1})
    over = False
    while not over:
        _, _, terminated, truncated, _ = env.step(np.zeros(size, dtype=np.float32))
        over = terminated or truncated
    with pytest.raises(gym.error.ResetNeeded, match="is over"):
        env.step(np.zeros(size, dtype=np.float32))


def test_bad_scenes() -> None:
    env = make("ParticleNear-v0")
    scene = concepts.get("near").demonstrations(1, 5, 5)[0].map(lambda a: a[:1] if a.ndim == 3 else a)
    nan = scene.positions.copy()
    nan[0, 0, 0] = np.nan
    far = scene.positions.copy()
    far[0, 0, 0] = 1.5
    for bad, message in (
        (scene.replace(positions=nan), "positions holds NaN"),
        (scene.replace(positions=far), "beyond the walls"),
        (concepts.get("near").demonstrations(1, 0, 12)[0], "has room for 7"),
        (concepts.get("follow").demonstrations(1, 0, 5)[0], "expected 1 or 2"),
    ):
        with pytest.raises(ValueError, match=message):
            env.reset(options={"scene": bad})
    with pytest.raises(TypeError, match="expected an Event"):
        env.reset(options={"scene": {"positions": nan}})
    nobody = np.zeros_like(scene.movable)
    for bad, message in (
        (scene.replace(movable=nobody), "both movable and the marker"),
        (
            scene.replace(attention=nobody.astype(float)),
            r"attends \[0\] entities, but 'near' is about 1 to 1",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            env.reset(options={"scene": bad})
    vector: Any = gym.make_vec("conceptgym/ParticleNear-v0", num_envs=2)
    vector.reset(options={"scene": scene})
    with pytest.raises(ValueError, match="3 seeds for 2 rows"):
        vector.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="batch shape"):
        vector.reset(options={"scene": scene.map(lambda a: np.stack([a] * 3))})
