from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conceptgym.concepts import Event
from conceptgym.envs.play import drag_action, entity_at, play, to_plane
from conceptgym.envs.viewer import Viewer
from gymnasium.error import DependencyNotInstalled

pygame = pytest.importorskip("pygame")

SIZE = 105
Script = dict[int, list[tuple[int, dict[str, object]]]]
"""What a person does, by frame: kinds and attributes of pygame's events."""


def pixel(point: np.ndarray) -> tuple[int, int]:
    return round((1.05 + point[0]) / 2.1 * SIZE), round((1.05 - point[1]) / 2.1 * SIZE)


def press(point: np.ndarray) -> tuple[int, dict[str, object]]:
    return pygame.MOUSEBUTTONDOWN, {"button": 1, "pos": pixel(point)}


def release(point: np.ndarray) -> tuple[int, dict[str, object]]:
    return pygame.MOUSEBUTTONUP, {"button": 1, "pos": pixel(point)}


def move(point: np.ndarray) -> tuple[int, dict[str, object]]:
    return pygame.MOUSEMOTION, {"rel": (0, 0), "buttons": (0, 0, 0), "pos": pixel(point)}


def key(name: str) -> tuple[int, dict[str, object]]:
    return pygame.KEYDOWN, {"key": getattr(pygame, f"K_{name}")}


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], list[str]]:
    """Plays a script in the window, as fast as possible; returns the labels that it reads there."""

    def follow(script: Script) -> list[str]:
        labels: list[str] = []
        show = Viewer.show

        def shown(viewer: Viewer, frame: np.ndarray) -> None:
            viewer.fps = 0
            show(viewer, frame)
            for kind, attributes in script.get(len(labels), []):
                pygame.event.post(pygame.event.Event(kind, attributes))

        def captioned(label: str) -> None:
            labels.append(label)

        monkeypatch.setattr(Viewer, "show", shown)
        monkeypatch.setattr(pygame.display, "set_caption", captioned)
        return labels

    return follow


def started(env_id: str, **arguments: Any) -> Any:  # noqa: ANN401
    env = gym.make(env_id, **arguments).unwrapped
    env.reset(seed=0)
    return env


def test_pixels_and_points() -> None:
    for at, point in (
        ((0, 0), (-1.05, 1.05)),
        ((320, 320), (0, 0)),
        ((640, 640), (1.05, -1.05)),
        ((480, 160), (0.525, 0.525)),
    ):
        np.testing.assert_allclose(to_plane(at, 640), point, atol=1e-12)


def test_the_entity_under_a_point() -> None:
    event = started("conceptgym/ParticleSquare-v0").event
    for i in np.flatnonzero(event.present):
        assert entity_at(event, event.final[i].astype(float)) == i
        assert entity_at(event, event.final[i].astype(float), among=np.arange(len(event.sizes)) != i) is None
    assert entity_at(event, np.array([5.0, 5.0])) is None
    nobody = event.replace(present=np.zeros_like(event.present))
    assert entity_at(nobody, event.final[0].astype(float)) is None


@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        ("conceptgym/ParticleSquare-v0", {"control": "all"}),
        ("conceptgym/ParticleNear-v0", {"control": "one"}),
        ("conceptgym/ParticleNear-v0", {"control": "push"}),
        ("conceptgym/ParticleNear-v0", {"control": "grab"}),
    ],
)
@pytest.mark.parametrize("target", [(0.8, -0.8), (-0.5, 0.6)])
def test_a_drag_arrives(env_id: str, arguments: dict[str, str], target: tuple[float, float]) -> None:
    env = started(env_id, **arguments)
    driven = np.flatnonzero(env.state.episode.controlled[0])
    body, others = int(driven[0]), driven[1:]
    before = env.state.positions[0].copy()
    for _ in range(60):
        action = drag_action(env.world, env.state, body, np.array(target), grip=False)
        assert env.action_space.contains(action)
        env.step(action)
    assert np.hypot(*(env.state.positions[0, body] - target)) < 0.02
    if arguments["control"] == "all":
        np.testing.assert_array_equal(env.state.positions[0, others], before[others])


def test_the_grip_follows_the_button_and_nobody_moves_unasked() -> None:
    env = started("conceptgym/ParticleNear-v0", control="grab")
    for grip in (False, True):
        action = drag_action(env.world, env.state, None, np.zeros(2), grip)
        np.testing.assert_array_equal(action, [0, 0, 1 if grip else -1])


def test_dragging_a_disc_home_is_counted_once(person: Callable[[Script], list[str]]) -> None:
    env = started("conceptgym/ParticleNear-v0")
    start, home = env.event.final, env.state.episode.solution[0, -1]
    disc = int(np.flatnonzero(env.event.movable)[0])
    labels = person(
        {1: [press(start[disc])], 2: [move(home[disc])], 60: [release(home[disc])], 62: [key("ESCAPE")]}
    )
    assert play("conceptgym/ParticleNear-v0", seed=0, size=SIZE, frames=100) == 1
    assert len(labels) == 63
    assert labels[0].startswith("near   error ")
    assert "satisfied" not in labels[0]
    assert labels[-1].endswith("satisfied")


@pytest.mark.parametrize(("env_id", "timed"), [("ParticleNear", False), ("ParticleFollow", True)])
def test_scenes_have_no_time_limit_but_events_do(
    env_id: str, timed: bool, person: Callable[[Script], list[str]]
) -> None:
    horizon = started(f"conceptgym/{env_id}-v0").world.horizon
    labels = person({})
    play(f"conceptgym/{env_id}-v0", size=SIZE, frames=horizon + 3)
    over = [label.endswith("R: next") for label in labels]
    assert over == [False] * horizon + [timed] * 3


def test_clicks_and_return_identify(person: Callable[[Script], list[str]]) -> None:
    env = started("conceptgym/IdentifyRed-v0")
    red = np.flatnonzero(env.state.scene.attention[0])
    other = np.flatnonzero(env.event.candidates & ~(env.state.scene.attention[0] > 0))[0]
    places = env.event.final
    clicks = [press(places[i]) for i in (*red, other, other)]
    labels = person(
        {0: clicks, 1: [key("RETURN")], 3: [key("r")], 4: [key("RETURN")], 5: [(pygame.QUIT, {})]}
    )
    assert play("conceptgym/IdentifyRed-v0", seed=0, size=SIZE) == 1
    assert labels[0] == "red: click on them, then Return"
    assert "right" in labels[2]
    assert "wrong" in labels[5]
    assert len(labels) == 6


def test_clicks_are_seen_as_golden_rings(
    person: Callable[[Script], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    draw = Viewer.draw

    def drawn(viewer: Viewer, event: Event, *args: Any, **kwargs: Any) -> np.ndarray:  # noqa: ANN401
        seen.append(event.attention.copy())
        return draw(viewer, event, *args, **kwargs)

    monkeypatch.setattr(Viewer, "draw", drawn)
    place = started("conceptgym/IdentifyRed-v0").event.final[0]
    person({0: [press(place)]})
    assert play("conceptgym/IdentifyRed-v0", seed=0, size=SIZE, frames=2) == 0
    np.testing.assert_array_equal(seen[0], 0)
    assert seen[1][0] == 1
    assert seen[1][1:].sum() == 0


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no environment of concepts"):
        play("CartPole-v1")
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(DependencyNotInstalled, match=r"conceptgym\[play\]"):
        play("conceptgym/ParticleNear-v0")
