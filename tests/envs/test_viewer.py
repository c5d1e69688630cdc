from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conceptgym import concepts
from conceptgym.envs.viewer import PALETTE, draw_event, reduced, save_gif, save_png, save_webp
from PIL import Image


def pixel(image: np.ndarray, point: np.ndarray) -> np.ndarray:
    size = image.shape[0]
    column = round(size / 2 + float(point[0]) * size / 2.1)
    row = round(size / 2 - float(point[1]) * size / 2.1)
    return image[row, column].astype(int)


def test_discs_are_where_they_should_be_in_their_colours() -> None:
    event = concepts.get("red").demonstrations(1, 3, 4, mode="identify")[0]
    image = draw_event(event, 400)
    assert image.shape == (400, 400, 3)
    assert image.dtype == np.uint8
    for i in np.flatnonzero(event.present):
        expected = np.array(PALETTE[int(np.argmax(event.colors[i]))])
        assert np.abs(pixel(image, event.final[i]) - expected).max() < 12
        ring = pixel(image, event.final[i] + [0, event.sizes[i] + 0.03])
        golden = ring[0] > 200 and ring[2] < 120
        assert golden == (event.attention[i] > 0.5)


def test_heatmap_lies_underneath() -> None:
    env: Any = gym.make(
        "conceptgym/ParticleNear-v0", render_mode="rgb_array", heatmap=lambda points, event: points[:, 0] ** 2
    )
    env.reset(seed=0)
    image = env.render()
    edge, middle = pixel(image, np.array([0.97, 0.97])), pixel(image, np.array([0.0, 0.97]))
    assert edge[0] - edge[2] > 100  # warm
    assert middle[2] - middle[0] > 50  # cold
    env = gym.make(
        "conceptgym/ParticleNear-v0", render_mode="rgb_array", heatmap=lambda points, event: points
    )
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"heatmap returned shape \(4096, 2\)"):
        env.render()


def test_render_modes() -> None:
    env = gym.make("conceptgym/ParticleNear-v0", render_mode="rgb_array_list")
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    frames: Any = env.render()
    assert len(frames) == 4
    assert not np.array_equal(frames[0], frames[-1])
    human = gym.make("conceptgym/ParticleNear-v0", render_mode="human")
    human.reset(seed=0)
    human.step(human.action_space.sample())
    human.close()
    human.close()
    many: Any = gym.make_vec("conceptgym/ParticleNear-v0", num_envs=2, render_mode="rgb_array")
    many.reset(seed=0)
    assert [image.shape for image in many.render()] == [(320, 320, 3)] * 2
    silent = gym.make("conceptgym/ParticleNear-v0", disable_env_checker=True).unwrapped
    silent.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode='rgb_array'"):
        assert silent.render() is None


def test_drawing_changes_nothing() -> None:
    watched, blind = (
        gym.make("conceptgym/ParticleSquare-v0", render_mode=mode) for mode in ("rgb_array", None)
    )
    for env in (watched, blind):
        env.reset(seed=0)
        env.action_space.seed(0)
    for _ in range(5):
        watched.render()
        a, b = watched.step(watched.action_space.sample()), blind.step(blind.action_space.sample())
        assert np.array_equal(a[0]["positions"], b[0]["positions"])


def test_files_are_written_whole(tmp_path: Path) -> None:
    frames = [np.full((32, 32, 3), value, dtype=np.uint8) for value in (10, 120, 250)]
    save_gif(frames, str(tmp_path / "deep" / "a.gif"), fps=20)
    with Image.open(tmp_path / "deep" / "a.gif") as image:
        assert (image.n_frames, image.size, image.info["duration"]) == (3, (32, 32), 50)  # type: ignore[attr-defined]
    save_webp(frames, str(tmp_path / "deep" / "a.webp"), fps=20)
    with Image.open(tmp_path / "deep" / "a.webp") as image:
        assert (image.n_frames, image.size) == (3, (32, 32))  # type: ignore[attr-defined]
        image.seek(2)
        assert abs(int(np.asarray(image.convert("RGB")).mean()) - 250) <= 2
        assert image.info["duration"] == 50
    save_png(frames[1], str(tmp_path / "b.png"))
    with Image.open(tmp_path / "b.png") as image:
        assert (np.asarray(image.convert("RGB")) == 120).all()
    with pytest.raises(ValueError, match="no frames"):
        save_gif([], str(tmp_path / "c.gif"), fps=20)
    with pytest.raises(ValueError, match="no frames"):
        save_webp([], str(tmp_path / "c.webp"), fps=20)
    with pytest.raises(ValueError, match=r"c\.gif', expected a name that ends in \.webp"):
        save_webp(frames, str(tmp_path / "c.gif"), fps=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "deep"]


def test_a_smaller_picture_is_a_mean_of_its_pixels() -> None:
    chessboard = np.repeat(255 * (np.indices((40, 60)).sum(0) % 2)[..., None], 3, axis=2).astype(np.uint8)
    small = reduced(chessboard, 30)
    assert small.shape == (20, 30, 3)
    assert np.abs(small.astype(int) - 127).max() <= 1
    assert np.array_equal(reduced(chessboard, 60), chessboard)
