"""Reinforcement learning by stable-baselines3: told the reward, and charged for every step.

What is not said here is the library's default, which is that of the papers. What is said is for practice
of 16,000 steps in place of a million: two layers of 128, a rate of 1e-3 (3e-4 for PPO, its default), 500
random steps at first, and a discount of 0.95 for episodes of 60 steps. Discount and entropy of the
maximum-entropy learners were chosen among eight settings by the success of "between" with particles, from
starts that no suite has; so was an update every other step, which does as well as one every step. All but
those with hindsight or demonstrations were tuned after that (``conceptgym tune``), and nothing better by
more than noise was found.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.error import DependencyNotInstalled
from jaxtyping import Float
from safetensors.torch import load_file, save_file

from ...concepts.event import Event
from ...concepts.files import written_atomically
from ...envs.single import ConceptEnv
from ..agent import Agent, Given
from ..lesson import Lesson, Metered, Track
from .canonical import READING, SHOWN, Canonical, Reading, order_of
from .hindsight import CanonicalGoal, GoalView

_WINDOW = 50
"""Episodes over which the curve's success is a mean."""

_POINTS = 60
"""Points of a curve at most."""


ALGORITHMS = {**dict.fromkeys(("PPO", "SAC", "TD3"), "stable_baselines3"), "TQC": "sb3_contrib"}
"""Where each algorithm comes from."""


@dataclass(frozen=True)
class ReinforcementConfig:
    """How a policy is learned from the reward.

    Attributes:
        algorithm: "PPO" (Schulman et al., 2017), "SAC" (Haarnoja et al., 2018), "TD3" (Fujimoto et al.,
            2018) or "TQC" (Kuznetsov et al., 2020).
        steps: Steps in the environment.
        rate: Learning rate.
        discount: Discount of rewards to come.
        width: Width of the two layers of each network.
        batch: Steps in a batch.
        start: Random steps at first; off-policy only.
        every: Steps in the environment from one update to the next; off-policy only.
        goal: Whether to learn in the goal variant, with hindsight (Andrychowicz et al., "Hindsight
            experience replay", 2017); the agent is told the goal, and rewards are sparse.
        episodes: Expert's episodes that are put into the replay buffer at first; off-policy only.
        noise: Deviation of the noise on the actions of practice; for learners whose policy has none.
        extra: Further arguments of the algorithm.
    """

    algorithm: str
    steps: int = 16_000
    rate: float = 1e-3
    discount: float = 0.95
    width: int = 128
    batch: int = 256
    start: int = 500
    every: int = 2
    goal: bool = False
    episodes: int = 0
    noise: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks that the settings go together.

        Raises:
            ValueError: They do not.
        """
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm is {self.algorithm!r}, expected one of {', '.join(ALGORITHMS)}")
        if self.episodes < 0 or (self.episodes and (self.goal or self.algorithm == "PPO")):
            raise ValueError(
                f"episodes is {self.episodes}: an expert's episodes go into the buffer of an off-policy "
                "learner that is not told a goal"
            )


@dataclass
class Policy:
    """A learned policy.

    Attributes:
        predict: Maps an observation to an action.
        given: What it was given.
        info: The learning curve, pairs of steps and success, and how many seconds learning took.
        goal: Whether it reads the goal variant's observations.
    """

    predict: Callable[[Any], np.ndarray]
    given: Given
    info: dict[str, Any]
    goal: bool = False
    _env: ConceptEnv | None = None
    _view: GoalView | None = None
    _order: np.ndarray | None = None

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Begins an episode."""
        self._env, self._view = env, GoalView.of(env.world)
        self._order = self._view.order(env.state)

    def act(self, observation: Mapping[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The policy's mean action, in [-1, 1]."""
        assert self._env and self._view and self._order is not None, "reset comes first"
        order, reading = self._order, self._view.reading
        told = self._view.seen(self._env.state, order) if self.goal else reading.vector(observation, order)
        action = np.clip(self.predict(told), -1, 1).astype(np.float32)
        return reading.restored(action, order)


def _learner(algorithm: str) -> Any:  # noqa: ANN401  (a class of BaseAlgorithm)
    try:
        return getattr(import_module(ALGORITHMS[algorithm]), algorithm)
    except ImportError as error:
        raise DependencyNotInstalled(
            'reinforcement learning needs stable-baselines3: pip install "conceptgym[baselines]"'
        ) from error


@dataclass(frozen=True)
class Reinforcement:
    """A contestant of the reward track.

    Attributes:
        settings: How it learns.
        name: As it stands on the board.
    """

    settings: ReinforcementConfig
    name: str
    track: Track = "reward"

    @property
    def config(self) -> Mapping[str, object]:
        """All settings."""
        return {**asdict(self.settings), **(SHOWN if self.settings.episodes else {"reading": READING})}

    def learn(self, lesson: Lesson) -> Agent:
        """Learns in the environment, or, where it has done so before, reads what it learned."""
        settings = self.settings
        arguments = {"goal": True, "reward": "sparse"} if settings.goal else {}
        practice = lesson.env(**arguments)
        env = CanonicalGoal(practice) if settings.goal else Canonical(practice)
        model = make_learner(settings, env, lesson)

        def practise() -> list[list[float]]:
            if settings.episodes:
                remember(model, lesson, settings.episodes)
            return practised(model, settings.steps, lesson.seed, won=_succeeded(practice))

        learned = kept(model, lesson.folder, practise)
        told = {"reward": True, "goal": settings.goal}
        given = Given(environment_steps=learned.steps, episodes=settings.episodes, **told)
        return policy_of(model, given, learned, settings.goal)


def _succeeded(practice: Metered) -> Callable[[Mapping[str, Any]], bool]:
    """Whether an episode ended with the concept satisfied: the goal variant itself asks for one solution."""
    env: Any = practice.unwrapped
    tolerance = env.world.task.generation.tolerance if env.world.goal else None

    def won(info: Mapping[str, Any]) -> bool:
        return bool(info["is_success"] if tolerance is None else info["concept_error"] <= tolerance)

    return won


@dataclass(frozen=True)
class Learned:
    """What came of a learner's practice, beside its policy.

    Attributes:
        curve: Pairs of steps and success.
        steps: Steps it took in its environment: those of a last rollout may exceed what was asked for.
        seconds: How long it took.
    """

    curve: list[list[float]]
    steps: int
    seconds: float


def policy_of(model: Any, given: Given, learned: Learned, goal: bool = False) -> Policy:  # noqa: ANN401
    """What a learner does after its learning."""

    def predict(observation: Any) -> np.ndarray:  # noqa: ANN401  (a vector, or a goal variant's dictionary)
        return np.asarray(model.predict(observation, deterministic=True)[0])

    return Policy(predict, given, {"curve": learned.curve, "learning": learned.seconds}, goal)


def kept(model: Any, folder: Path | None, learn: Callable[[], list[list[float]]]) -> Learned:  # noqa: ANN401
    """Lets a learner learn and keeps what it learned, or reads what it learned before."""
    path = folder and folder / "policy.safetensors"
    if path and path.is_file() and path.with_suffix(".json").is_file():
        model.policy.load_state_dict(load_file(str(path)))
        return Learned(**json.loads(path.with_suffix(".json").read_text()))
    begun = time.perf_counter()
    curve = learn()
    learned = Learned(curve, int(model.num_timesteps), round(time.perf_counter() - begun, 3))
    if path:
        tensors = {name: part.contiguous().clone() for name, part in model.policy.state_dict().items()}
        with written_atomically(path.with_suffix(".json")) as temporary:
            Path(temporary).write_text(json.dumps(asdict(learned)))
        with written_atomically(path) as temporary:  # the last one: where it is, the other one is
            save_file(tensors, temporary)
    return learned


def make_learner(settings: ReinforcementConfig, env: gym.Env[Any, Any], lesson: Lesson) -> Any:  # noqa: ANN401  (a BaseAlgorithm)
    """The library's learner in an environment."""
    arguments: dict[str, Any] = {
        "learning_rate": settings.rate,
        "gamma": settings.discount,
        "batch_size": settings.batch,
        "policy_kwargs": {"net_arch": [settings.width] * 2},
        "seed": lesson.seed % 2**31,
        "device": "cpu",
        "tensorboard_log": str(lesson.folder) if lesson.folder else None,
    }
    if settings.algorithm != "PPO":
        arguments |= {"learning_starts": settings.start, "buffer_size": settings.steps}
        arguments |= {"train_freq": settings.every, "gradient_steps": 1}
    if settings.goal:
        from stable_baselines3 import HerReplayBuffer

        arguments |= {"replay_buffer_class": HerReplayBuffer, "buffer_size": settings.steps}
        arguments["learning_starts"] = max(settings.start, lesson.make().world.horizon + 1)
    if settings.noise:
        from stable_baselines3.common.noise import NormalActionNoise

        size = env.action_space.shape or ()
        arguments["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, settings.noise))
    kind = "MultiInputPolicy" if settings.goal else "MlpPolicy"
    told = arguments | dict(settings.extra)
    told["policy_kwargs"] = arguments["policy_kwargs"] | told["policy_kwargs"]  # beside the width
    return _learner(settings.algorithm)(kind, env, **told)


def practised(
    model: Any,  # noqa: ANN401  (a BaseAlgorithm)
    steps: int,
    seed: int,
    between: Callable[[], None] = lambda: None,
    won: Callable[[Mapping[str, Any]], bool] = lambda info: bool(info["is_success"]),
) -> list[list[float]]:
    """Lets a learner practise, and returns its curve.

    Args:
        model: The learner.
        steps: Steps in its environment.
        seed: Seeds torch.
        between: Is called at the end of each rollout, before the learner learns from it.
        won: Whether an episode with this last ``info`` counts as a success.
    """
    from stable_baselines3.common.callbacks import BaseCallback

    ends: list[tuple[int, bool]] = []

    class Watch(BaseCallback):
        """Notes how every episode ended."""

        def _on_step(self) -> bool:
            for over, info in zip(self.locals["dones"], self.locals["infos"], strict=True):
                if over:
                    ends.append((self.num_timesteps, won(info)))
            return True

        def _on_rollout_end(self) -> None:
            between()

    torch.manual_seed(seed)
    model.learn(steps, callback=Watch())
    return curve_of(ends)


def remember(model: Any, lesson: Lesson, count: int) -> None:  # noqa: ANN401  (an off-policy algorithm)
    """Puts an expert's episodes into the replay buffer, after Vecerik et al. (2017).

    There they are kept and drawn by priority; here they are drawn like all others, until practice comes
    round to their places.
    """
    reading = Reading.of(lesson.make().world)
    for episode in lesson.episodes(count):
        last = len(episode.actions) - 1
        order = order_of(episode.seen(0))
        for step, action in enumerate(episode.actions):
            now, then = (reading.vector(episode.seen(i), order)[None] for i in (step, step + 1))
            action = reading.sorted(action, order)
            reward, over = np.array([episode.rewards[step]]), np.array([step == last])
            told = [{"TimeLimit.truncated": step == last and not episode.terminated}]
            model.replay_buffer.add(now, then, action[None], reward, over, told)


def curve_of(ends: list[tuple[int, bool]]) -> list[list[float]]:
    """Success over fifty episodes of practice, and steps in their middle: some points of the learning curve.

    With fewer episodes in all it is one point.
    """
    width = min(_WINDOW, len(ends))
    chosen = sorted({int(index) for index in np.linspace(0, len(ends) - width, _POINTS)}) if ends else []
    return [
        [
            float(ends[index + (width - 1) // 2][0]),
            float(np.mean([won for _, won in ends[index : index + width]])),
        ]
        for index in chosen
    ]


def ppo() -> Reinforcement:
    """Proximal policy optimisation."""
    settings = ReinforcementConfig(
        "PPO", 100_000, rate=3e-4, discount=0.95, batch=64, extra={"n_steps": 1024, "ent_coef": 0.0}
    )
    return Reinforcement(settings, "PPO")


_SOFT: Mapping[str, Any] = {"discount": 0.8, "extra": {"ent_coef": 0.02}}
"""Of the maximum-entropy learners of dense rewards: adapting the entropy takes most of so few steps."""


def sac() -> Reinforcement:
    """Soft actor-critic."""
    return Reinforcement(ReinforcementConfig("SAC", **_SOFT), "SAC")


def td3() -> Reinforcement:
    """Twin delayed deep deterministic policy gradient; noise as in the paper."""
    return Reinforcement(ReinforcementConfig("TD3", noise=0.1), "TD3")


def tqc() -> Reinforcement:
    """Truncated quantile critics."""
    return Reinforcement(ReinforcementConfig("TQC", **_SOFT), "TQC")


def sac_her() -> Reinforcement:
    """Soft actor-critic with hindsight, in the goal variant."""
    return Reinforcement(ReinforcementConfig("SAC", goal=True), "SAC + HER")


def tqc_her() -> Reinforcement:
    """Truncated quantile critics with hindsight, in the goal variant."""
    return Reinforcement(ReinforcementConfig("TQC", goal=True), "TQC + HER")


def sac_demonstrations() -> Reinforcement:
    """Soft actor-critic with the expert's episodes in its buffer."""
    return Reinforcement(ReinforcementConfig("SAC", episodes=5, **_SOFT), "SAC + demonstrations")
