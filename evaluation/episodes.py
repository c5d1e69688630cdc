"""Episodes of an agent in one environment: what came of each start, and how long its actions took."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..agents.agent import Agent
from ..concepts.event import Event
from ..envs.single import ConceptEnv
from ..envs.viewer import reduced
from .statistics import wilson


@dataclass(frozen=True)
class Episode:
    """One episode.

    Attributes:
        success: Whether the concept held at the end.
        once: Whether it ever did.
        error: The true error at the end.
        steps: Steps taken.
        latencies: Seconds of each action.
        model_steps: Steps of a model that were taken.
        residual: Mean energy of the demonstrations, where the agent knows one.
        returned: Sum of the rewards.
        first: Steps until it was satisfied for the first time; all steps if it never was.
        missed: Actions after their deadline, where the agent has one and says so (``info["missed"]``).
    """

    success: bool
    once: bool
    error: float
    steps: int
    latencies: tuple[float, ...]
    model_steps: int
    residual: float = float("nan")
    returned: float = 0.0
    first: int = 0
    missed: int = 0


def run_episode(
    env: ConceptEnv,
    agent: Agent,
    start: int,
    *,
    k: int = 5,
    shown: int | None = None,
    early: bool = True,
    watch: Callable[[ConceptEnv], None] | None = None,
) -> Episode:
    """Lets an agent act from one start, with demonstrations drawn for it.

    Args:
        env: The environment.
        agent: The agent.
        start: Seed of the start.
        k: Demonstrations; none if 0.
        shown: Seed of the demonstrations; by default that of the start, so that each start has its own.
        early: See ``enact``.
        watch: See ``enact``.
    """
    demonstrations = env.demonstrations(k, start if shown is None else shown) if k else None
    return enact(env, agent, start, demonstrations, early=early, watch=watch)


def enact(
    env: ConceptEnv,
    agent: Agent,
    start: int,
    demonstrations: Event | None,
    *,
    early: bool = False,
    watch: Callable[[ConceptEnv], None] | None = None,
) -> Episode:
    """Lets an agent act from one start.

    Args:
        env: The environment.
        agent: The agent.
        start: Seed of the start.
        demonstrations: What the agent is shown, (k, T+1, N, 2).
        early: Whether the episode is over as soon as a concept about the last state has been brought
            about, which in the arm world means that it has held for five steps.
        watch: Is called before every step, for instance to film.
    """
    observation, info = env.reset(seed=start)
    latencies: list[float] = []
    before, once = agent.given.model_steps, bool(info["is_success"])
    begun = time.perf_counter()
    agent.reset(env, demonstrations, start)
    thought = time.perf_counter() - begun  # is part of the first action's time
    over, returned, first = False, 0.0, 0
    while not over:
        if watch is not None:
            watch(env)
        begun = time.perf_counter()
        action = agent.act(observation)
        latencies.append(time.perf_counter() - begun + (0 if latencies else thought))
        observation, reward, terminated, truncated, info = env.step(action)
        returned += reward
        first += not once
        once = once or bool(info.get("success_once", info["is_success"]))
        over = terminated or truncated or (early and env.world.frames == 1 and info["is_success"])
    return Episode(
        bool(info["is_success"]),
        once,
        float(info["concept_error"]),
        len(latencies),
        tuple(latencies),
        agent.given.model_steps - before,
        float(agent.info.get("residual", np.nan)),
        returned,
        first,
        int(agent.info.get("missed", 0)),
    )


class Camera:
    """Films every few steps of an episode: something to watch it with, see ``enact``."""

    def __init__(self, every: int, widest: int | None = None, most: int | None = None) -> None:
        """Starts with no picture.

        Args:
            every: Steps from one picture to the next.
            widest: Largest height and width; larger pictures are made smaller.
            most: Most pictures.
        """
        self.frames: list[np.ndarray] = []
        self._every, self._widest, self._most, self._steps = every, widest, most, 0

    def __call__(self, env: ConceptEnv) -> None:
        """Looks at the environment, now and then."""
        if self._steps % self._every == 0 and (self._most is None or len(self.frames) < self._most):
            self.look(env)
        self._steps += 1

    def look(self, env: ConceptEnv) -> None:
        """Keeps a picture of the present state, (H, W, 3)."""
        frame = env.render()
        assert frame is not None, "the environment draws arrays"
        self.frames.append(frame if self._widest is None else reduced(frame, self._widest))


@dataclass(frozen=True)
class Summary:
    """What came of several episodes.

    Attributes:
        hits: Episodes whose concept held at the end.
        once: Episodes in which it ever did.
        of: Episodes.
        error: Median of the true error at the end.
        steps: Median steps of the successful episodes.
        median: Median seconds of an action.
        p95: Its 95th percentile.
        model_steps: Mean steps of a model in an episode.
        residual: Median energy of the demonstrations.
    """

    hits: int
    once: int
    of: int
    error: float
    steps: float
    median: float
    p95: float
    model_steps: float
    residual: float

    @property
    def rate(self) -> float:
        """Share of successes."""
        return self.hits / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval."""
        return wilson(self.hits, self.of)


def stored(found: Summary) -> dict[str, float | None]:
    """A summary as JSON has it, which knows no NaN."""
    return {name: None if math.isnan(value) else value for name, value in asdict(found).items()}


def restored(values: Mapping[str, float | None]) -> Summary:
    """What ``stored`` made a dictionary of."""
    return Summary(**{name: math.nan if value is None else value for name, value in values.items()})  # type: ignore[arg-type]


def summary(episodes: Sequence[Episode]) -> Summary:
    """Summarises episodes.

    Raises:
        ValueError: There are none.
    """
    if not episodes:
        raise ValueError("there are no episodes to summarise")
    times = np.concatenate([episode.latencies for episode in episodes])
    solved = [episode.steps for episode in episodes if episode.success]
    residuals = [episode.residual for episode in episodes]
    return Summary(
        sum(episode.success for episode in episodes),
        sum(episode.once for episode in episodes),
        len(episodes),
        float(np.median([episode.error for episode in episodes])),
        float(np.median(solved)) if solved else float("nan"),
        float(np.median(times)),
        float(np.quantile(times, 0.95)),
        float(np.mean([episode.model_steps for episode in episodes])),
        float(np.median(residuals)),
    )
