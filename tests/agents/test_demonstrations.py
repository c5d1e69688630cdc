from __future__ import annotations

import os
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from conceptgym.agents.demonstrations import dataset_id, export, load, replay
from gymnasium.error import DependencyNotInstalled

minari = pytest.importorskip("minari")

NEAR = "conceptgym/ParticleNear-v0"
RED = "conceptgym/IdentifyRed-v0"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_names() -> None:
    assert dataset_id(NEAR) == "conceptgym/particle-near-expert-v0"
    assert dataset_id("conceptgym/ParticleLeftOf-v0") == "conceptgym/particle-left-of-expert-v0"


@pytest.mark.parametrize(("env_id", "episodes"), [(NEAR, 3), (RED, 1)])
def test_exported_episodes_replay_exactly(
    env_id: str, episodes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", "elsewhere")
    folder = export(env_id, episodes, seed=7, out=tmp_path)
    assert os.environ["MINARI_DATASETS_PATH"] == "elsewhere"
    assert folder == tmp_path / dataset_id(env_id)
    loaded = load(tmp_path, dataset_id(env_id))
    assert [episode.seed for episode in loaded] == list(range(7, 7 + episodes))
    env = gym.make(env_id)
    for episode in loaded:
        start, _ = env.reset(seed=episode.seed)
        assert start.keys() == episode.observations.keys()
        for key, values in episode.observations.items():
            assert len(values) == len(episode.actions) + 1
            np.testing.assert_array_equal(values[0], start[key])
        np.testing.assert_array_equal(replay(env_id, episode), episode.rewards)


@pytest.mark.parametrize(("env_id", "episodes"), [(NEAR, 3), (RED, 1)])
def test_minari_reads_them_and_the_expert_succeeds(
    env_id: str, episodes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(env_id, episodes, seed=0, out=tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert list(minari.list_local_datasets()) == [dataset_id(env_id)]
    dataset = minari.load_dataset(dataset_id(env_id))
    assert dataset.total_episodes == episodes
    assert dataset.recover_environment().unwrapped.task.name in ("near", "red")
    for episode in dataset:
        assert episode.infos["is_success"][-1]
        assert episode.terminations[-1] or episode.truncations[-1]
        assert len(episode.infos["concept_error"]) == len(episode) + 1


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    export(NEAR, 1, 0, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="nothing is overwritten"):
        export(NEAR, 2, 5, tmp_path)
    assert contents(tmp_path) == before
    export(NEAR, 2, 5, tmp_path, name="conceptgym/other-v0")
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before
    assert len(load(tmp_path, "conceptgym/other-v0")) == 2


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINARI_DATASETS_PATH", raising=False)
    with pytest.raises(ValueError, match="no expert for a CartPole"):
        export("CartPole-v1", 1, 0, tmp_path)
    assert contents(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
    assert "MINARI_DATASETS_PATH" not in os.environ


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="episodes is 0"):
        export(NEAR, 0, 0, tmp_path)
    for name in ("no-version", "../outside-v0", "a b-v0", "/rooted-v0"):
        with pytest.raises(ValueError, match="expected something like"):
            export(NEAR, 1, 0, tmp_path, name=name)
    with pytest.raises(FileNotFoundError, match="no dataset 'conceptgym/none-v0'"):
        load(tmp_path, "conceptgym/none-v0")
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(DependencyNotInstalled, match=r"conceptgym\[demos\]"):
        export(NEAR, 1, 0, tmp_path)
    with pytest.raises(DependencyNotInstalled, match=r"conceptgym\[demos\]"):
        load(tmp_path, "conceptgym/none-v0")


def test_a_relative_folder_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = export("conceptgym/IdentifyRed-v0", 1, 0, "demos")
    assert folder.is_dir()
    assert folder.is_relative_to(tmp_path.resolve())
