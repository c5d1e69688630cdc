"""Demonstrations in actions: the expert's episodes as Minari datasets, and back."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import DependencyNotInstalled
from jaxtyping import Float
from tqdm import tqdm

from ..envs.single import ConceptEnv
from .expert import expert_actions

_FOLDER = "MINARI_DATASETS_PATH"
_ID = re.compile(r"([-\w]+/)*[-\w]+-v\d+", re.ASCII)
_INFOS = ("is_success", "concept_error")


@dataclass(frozen=True, eq=False)
class EpisodeArrays:
    """One episode of S steps.

    Attributes:
        observations: Arrays by name, (S + 1, ...).
        actions: (S, A).
        rewards: (S,).
        seed: What ``env.reset(seed=...)`` needs for the episode to start as it did.
        terminated: Whether the task ended it, not the time.
    """

    observations: dict[str, np.ndarray]
    actions: Float[np.ndarray, "steps actions"]
    rewards: Float[np.ndarray, " steps"]
    seed: int
    terminated: bool = False

    def seen(self, step: int) -> dict[str, np.ndarray]:
        """What was observed before a step; S after the last one."""
        return {name: part[step] for name, part in self.observations.items()}


def dataset_id(env_id: str) -> str:
    """Default name of the expert's dataset: "conceptgym/particle-left-of-expert-v0" for ParticleLeftOf."""
    namespace, _, name = env_id.rpartition("/")
    name, _, version = name.partition("-v")
    words = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    return f"{namespace}/{words}-expert-v{version or 0}".lstrip("/")


def export(env_id: str, episodes: int, seed: int, out: str | Path, name: str | None = None) -> Path:
    """Lets the expert act, and writes its episodes as a Minari dataset, whole or not at all.

    Each step's "is_success" and "concept_error" are among the dataset's infos.

    Args:
        env_id: A registered id of this package.
        episodes: Number of episodes.
        seed: Seed of the first episode; the others take the following ones.
        out: Folder of datasets, as in Minari's variable MINARI_DATASETS_PATH.
        name: Id of the dataset, "namespace/name-v0"; by default ``dataset_id(env_id)``.

    Returns:
        The dataset's folder, ``out / name``.

    Raises:
        DependencyNotInstalled: Minari is not there.
        ValueError: Less than one episode, a malformed id, a dataset that exists already, or an
            environment that is none of this package's or has no expert.
    """
    minari = _import_minari()
    name = dataset_id(env_id) if name is None else name
    out = Path(out).resolve()  # Minari looks its folder up from elsewhere
    target = out / name
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}, expected at least one")
    if _ID.fullmatch(name) is None:
        raise ValueError(f"the dataset's id is {name!r}, expected something like 'namespace/name-v0'")
    if target.exists():
        raise ValueError(f"{target} exists already, and nothing is overwritten: choose another name")
    env = gym.make(env_id)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as stage:
            with _datasets_in(stage):
                dataset = _empty(minari, env, env_id, name)
                for i in tqdm(range(episodes), desc=name, unit="episode", disable=None):
                    dataset.update_dataset_from_buffer([_record(env, seed + i)])
            _publish(Path(stage), out, name)
    finally:
        env.close()
    return target


def load(out: str | Path, dataset_id: str) -> list[EpisodeArrays]:
    """Reads the episodes of a dataset that ``export`` wrote.

    Args:
        out: Folder of datasets.
        dataset_id: Id of the dataset in it.

    Raises:
        DependencyNotInstalled: Minari is not there.
        FileNotFoundError: There is no such dataset.
        ValueError: An episode was recorded without its seed.
    """
    minari = _import_minari()
    folder = Path(out) / dataset_id / "data"
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no dataset {dataset_id!r} in {out}")
    dataset = minari.MinariDataset(folder)
    facts = dataset.storage.get_episode_metadata(dataset.episode_indices)
    episodes = []
    for episode, fact in zip(dataset.iterate_episodes(), facts, strict=True):
        if "seed" not in fact:
            raise ValueError(f"episode {episode.id} of {dataset_id!r} has no seed, so it cannot be replayed")
        over = bool(episode.terminations[-1])
        parts = (episode.observations, episode.actions, episode.rewards, fact["seed"], over)
        episodes.append(EpisodeArrays(*parts))
    return episodes


def replay(env_id: str, episode: EpisodeArrays) -> Float[np.ndarray, " steps"]:
    """Takes an episode's actions again, from its seed, and returns the rewards, (S,)."""
    env = gym.make(env_id)
    env.reset(seed=episode.seed)
    rewards = [float(env.step(action)[1]) for action in episode.actions]
    env.close()
    return np.array(rewards, dtype=np.float64)


def _import_minari() -> Any:  # noqa: ANN401  (the module)
    try:
        import minari
    except ImportError as error:
        raise DependencyNotInstalled('datasets need Minari: pip install "conceptgym[demos]"') from error
    return minari


@contextmanager
def _datasets_in(folder: str) -> Iterator[None]:
    """Tells Minari where datasets are: it knows no other way than the process's variable."""
    before = os.environ.get(_FOLDER)
    os.environ[_FOLDER] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FOLDER]
        else:
            os.environ[_FOLDER] = before


def _empty(minari: Any, env: gym.Env[Any, Any], env_id: str, name: str) -> Any:  # noqa: ANN401  (a MinariDataset)
    """A dataset without episodes."""
    with warnings.catch_warnings():
        # Minari asks for a person to write to; whoever publishes a dataset can add one.
        warnings.filterwarnings(
            "ignore", "`(code_permalink|author|author_email)` is set to None", UserWarning
        )
        return minari.create_dataset_from_buffers(
            name,
            [],
            env=env,
            eval_env=env_id,
            algorithm_name="conceptgym.agents.expert_actions",
            description=f"Episodes of the analytic expert in {env_id}.",
            jpeg_encoding=False,
        )


def _record(env: gym.Env[Any, Any], seed: int) -> Any:  # noqa: ANN401  (an EpisodeBuffer)
    """One episode of the expert; buffers are filled here as Minari's own collector would need jax."""
    from minari.data_collector import EpisodeBuffer

    bare = env.unwrapped
    if not isinstance(bare, ConceptEnv):
        raise ValueError(f"there is no expert for a {type(bare).__name__}")
    observation, info = env.reset(seed=seed)
    observations, infos, actions, steps, over = [observation], [info], [], [], False
    while not over:
        actions.append(expert_actions(bare.world, bare.state)[0])
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        observations.append(observation)
        infos.append(info)
        steps.append((float(reward), terminated, truncated))
        over = terminated or truncated
    rewards, terminations, truncations = (list(column) for column in zip(*steps, strict=True))
    return EpisodeBuffer(
        seed=seed,
        observations={key: np.stack([o[key] for o in observations]) for key in observation},
        actions=np.stack(actions),
        rewards=rewards,
        terminations=terminations,
        truncations=truncations,
        infos={key: np.array([i[key] for i in infos]) for key in _INFOS},
    )


def _publish(stage: Path, out: Path, name: str) -> None:
    """Moves a finished dataset to its place, and tells Minari about the namespaces it is in."""
    for namespace in Path(name).parents:
        (out / namespace).mkdir(parents=True, exist_ok=True)
        for source in (stage / namespace).glob("*.json"):
            if not (out / namespace / source.name).exists():
                shutil.copyfile(source, out / namespace / source.name)
    os.rename(stage / name, out / name)
