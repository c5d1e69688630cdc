"""Adversarial imitation: a judge learns to tell the expert's steps; who deceives it is rewarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from ..agent import Agent, Given
from ..demonstrations import EpisodeArrays
from ..lesson import Lesson, Track
from .canonical import Canonical, Reading
from .reinforcement import ReinforcementConfig, kept, make_learner, policy_of, practised
from .supervised import TAUGHT, dataset, mlp

_POLICY: Mapping[str, Any] = {"log_std_init": -1.0}
"""From the library's deviation of one on, the expert is told from the learner by the latter's noise alone."""

_LEARNER = ReinforcementConfig(
    "PPO",
    40_000,
    rate=3e-4,
    discount=0.9,
    batch=64,
    extra={"n_steps": 1024, "ent_coef": 0.0, "policy_kwargs": _POLICY},
)

_VERSION = 2
"""Counts up with what the judge sees, and is part of what results depend on."""


@dataclass(frozen=True)
class JudgeConfig:
    """How the judge learns.

    Attributes:
        episodes: Expert's episodes.
        width: Width of its two layers.
        rate: Learning rate.
        updates: Updates after each rollout of the learner.
        batch: Steps of the expert, and as many of the learner, in an update.
        penalty: Weight of the squared deviation of its slope from one, between the two: without it
            five episodes are told by heart (Kostrikov et al., "Discriminator-actor-critic", 2019,
            after Gulrajani et al., 2017).
        reward: What a step is worth: "softplus", -log(1 - D), or "logit", log D - log(1 - D).
    """

    episodes: int = 5
    width: int = 128
    rate: float = 3e-4
    updates: int = 20
    batch: int = 256
    penalty: float = 10.0
    reward: str = "softplus"

    def __post_init__(self) -> None:
        """Checks the reward.

        Raises:
            ValueError: There is no such reward.
        """
        if self.reward not in ("softplus", "logit"):
            raise ValueError(f"reward is {self.reward!r}, expected 'softplus' or 'logit'")


class Judge:
    """Tells steps of the expert from steps of the learner."""

    def __init__(self, lesson: Lesson, config: JudgeConfig) -> None:
        """Looks at the expert's episodes, which are charged."""
        self.config = config
        reading = Reading.of(lesson.make().world)
        shown = [_executed(one, reading) for one in lesson.episodes(config.episodes)]
        self.data = dataset(shown, reading)
        self.expert = torch.cat([self.data.observations, self.data.chunks[:, 0]], dim=1)
        with torch.random.fork_rng():
            torch.manual_seed(lesson.seed)
            self.network = mlp(self.expert.shape[1], config.width, 1)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=config.rate)
        self.generator = torch.Generator().manual_seed(lesson.seed)
        self.seen: list[Tensor] = []

    def reward(self, observation: np.ndarray, action: np.ndarray) -> float:
        """What a step is worth, which is noted: Ho and Ermon (2016), algorithm 1, as a reward.

        Args:
            observation: Before the step.
            action: What the environment makes of the action: else those are told apart, too, that come to
                the same.
        """
        step = torch.cat(
            [self.data.standardised(observation), torch.from_numpy(np.asarray(action, dtype=np.float32))]
        )
        self.seen.append(step)
        with torch.no_grad():
            logit = self.network(step)
        return float(logit if self.config.reward == "logit" else softplus(logit))

    def learn(self) -> None:
        """Learns from the expert's steps and those of the learner since the last time."""
        fresh, self.seen = torch.stack(self.seen), []
        for _ in range(self.config.updates):
            expert, learner = self._drawn(self.expert), self._drawn(fresh)
            loss = self._loss(expert, learner)
            self.optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self.optimiser.step()

    def _drawn(self, steps: Tensor) -> Tensor:
        return steps[torch.randint(len(steps), (self.config.batch,), generator=self.generator)]

    def _loss(self, expert: Tensor, learner: Tensor) -> Tensor:
        """Cross-entropy, and the penalty on slopes."""
        logits = self.network(torch.cat([expert, learner]))[:, 0]
        labels = torch.cat([torch.ones(len(expert)), torch.zeros(len(learner))])
        share = torch.rand(len(expert), 1, generator=self.generator)
        between = (share * expert + (1 - share) * learner).requires_grad_()
        (slope,) = torch.autograd.grad(self.network(between).sum(), between, create_graph=True)
        steep = ((slope.norm(dim=1) - 1) ** 2).mean()
        return binary_cross_entropy_with_logits(logits, labels) + self.config.penalty * steep


def _executed(episode: EpisodeArrays, reading: Reading) -> EpisodeArrays:
    """An episode with what its actions came to."""
    actions = [reading.executed(one, episode.seen(step)) for step, one in enumerate(episode.actions)]
    return replace(episode, actions=np.stack(actions))


class Judged(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose reward is a judge's."""

    def __init__(self, env: Canonical, judge: Judge) -> None:
        """Wraps an environment of vectors."""
        super().__init__(env)
        self.judge, self._inner = judge, env
        self._seen = np.zeros(0, dtype=np.float32)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:  # noqa: ANN401
        """Starts an episode."""
        self._seen, info = self.env.reset(**arguments)
        return self._seen, info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """A step, judged."""
        reward = self.judge.reward(self._seen, self._inner.executed(action))
        self._seen, _, terminated, truncated, info = self.env.step(action)
        return self._seen, reward, terminated, truncated, info


@dataclass(frozen=True)
class Adversarial:
    """Generative adversarial imitation learning (Ho and Ermon, 2016), with PPO as its learner.

    The judge learns after each rollout; the learner learns from that rollout as it was judged before.

    Attributes:
        settings: How the learner learns, from the judge's reward alone.
        judge: How the judge learns.
    """

    settings: ReinforcementConfig = _LEARNER
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    name: str = "GAIL"
    track: Track = "few-shot"

    @property
    def config(self) -> Mapping[str, object]:
        """All settings."""
        return {"learner": asdict(self.settings), "judge": asdict(self.judge), **TAUGHT, "version": _VERSION}

    def learn(self, lesson: Lesson) -> Agent:
        """Learns in the environment, or, where it has done so before, reads what it learned."""
        judge = Judge(lesson, self.judge)
        model = make_learner(self.settings, Judged(Canonical(lesson.env()), judge), lesson)
        steps, seed = self.settings.steps, lesson.seed

        def won(info: Mapping[str, object]) -> bool:
            return lesson.meter.ended[-1]  # the harness knows what the learner is not told

        learned = kept(model, lesson.folder, lambda: practised(model, steps, seed, judge.learn, won))
        given = Given(environment_steps=learned.steps, episodes=self.judge.episodes)
        return policy_of(model, given, learned)
