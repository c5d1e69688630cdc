"""The single face of a world: a Gymnasium environment, which is the batch of one."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded

from ..concepts.event import Event
from .checks import batched_scene, check_actions, check_options, check_render_mode
from .keys import episode_keys, first_key
from .state import Observation, World, take
from .viewer import HeatMap, Viewer

_AHEAD = 64
"""Most episodes drawn at once: as many as there have been, so that who needs few does not wait for many."""


class ConceptEnv(gym.Env[Observation, np.ndarray]):
    """A world as a single environment.

    Args:
        world: What is stepped.
        render_mode: "rgb_array", "human" or None; "rgb_array_list" through ``gymnasium.make``.
        heatmap: Maps points, (P, 2), and the event so far to energies, (P,), drawn underneath.

    Raises:
        ValueError: An unknown render mode.
    """

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, world: World[Any], render_mode: str | None = None, heatmap: HeatMap | None = None
    ) -> None:
        """See the class."""
        check_render_mode(render_mode)
        self.metadata = {**type(self).metadata, "render_fps": round(1 / world.dt)}
        self.world = world
        space: Any = world.observation_space
        self.observation_space = space
        self.action_space = world.action_space
        self._action_shape = world.action_space.shape
        if world.goal:  # only then: its presence is how learners tell a goal environment
            self.compute_reward = self._compute_reward
        self.render_mode = render_mode
        self.viewer = Viewer(heatmap=heatmap, fps=self.metadata["render_fps"])
        self.state: Any = None
        self._key: np.uint64 | None = None
        self._episode = 0
        self._ready: list[Any] = []
        self._over = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Starts the sequence of scenes anew; the same seed gives the same episodes.
            options: "scene": an ``Event`` to start from, with positions (N, 2) in one state or in
                T + 1. "task": another task, whose scenes fit into the same spaces; it stays until
                another one is set.

        Raises:
            TypeError: A scene or task of the wrong type.
            ValueError: An unknown option, a scene that does not fit, a task that does not fit.
        """
        options = check_options(options, ("scene", "task"))
        world = (
            self.world.with_task(self.world.find_task(options["task"])) if "task" in options else self.world
        )
        given = world.begin_at(batched_scene(options["scene"], 1)) if "scene" in options else None
        # All that could be wrong has been found by now: nothing was changed if it was.
        super().reset(seed=seed)
        self._episode += 1
        if seed is not None or self._key is None:
            self._key, self._episode, self._ready = first_key(self.np_random), 0, []
        if world is not self.world:
            self.world, self._ready = world, []
        drawn = self._next_state()
        self.state = drawn if given is None else given
        self._over = False
        self.viewer.clear()
        if self.render_mode == "human":
            self.render()
        return self._observation(), _scalars(self.world.info(self.state))

    def step(self, action: object) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Advances by one step.

        Raises:
            ResetNeeded: The episode is over, or none has begun.
            TypeError: The action does not consist of numbers.
            ValueError: The action has another shape, or holds NaN or values outside [-1, 1].
        """
        if self.state is None or self._over:
            raise ResetNeeded(
                "the episode is over: call reset()" if self._over else "call reset() before step()"
            )
        actions = check_actions(action, self._action_shape)[None]
        self.state, outcome = self.world.advance(self.state, actions)
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        self._over = terminated or truncated
        if self.render_mode == "human":
            self.render()
        return self._observation(), float(outcome.reward[0]), terminated, truncated, _scalars(outcome.info)

    def _next_state(self) -> Any:  # noqa: ANN401  (the world's state)
        """The state that the next episode starts in; they are drawn ahead, which is cheaper in batches."""
        if not self._ready:
            ahead = self._episode + np.arange(min(max(self._episode, 1), _AHEAD))
            drawn = self.world.begin(episode_keys(np.repeat(self._key, len(ahead)), ahead))  # type: ignore[arg-type]
            self._ready = [take(drawn, slice(i, i + 1)) for i in reversed(range(len(ahead)))]
        return self._ready.pop()

    def _observation(self) -> Observation:
        return {key: value[0] for key, value in self.world.observe(self.state).items()}

    def render(self) -> np.ndarray | None:
        """Draws the present state: an image (H, W, 3) of uint8, or None in the mode "human"."""
        if self.render_mode is None:
            gym.logger.warn("render() does nothing: make the environment with render_mode='rgb_array'")
            return None
        if self.state is None:
            raise ResetNeeded("call reset() before render()")
        hand = self.world.hand(self.state)
        frame = self.picture(self.event, None if hand is None else hand[0])
        if self.render_mode == "human":
            self.viewer.show(frame)
            return None
        return frame

    def picture(self, event: Event, hand: np.ndarray | None) -> np.ndarray:
        """The present state as an image, (H, W, 3) of uint8."""
        return self.viewer.draw(event, hand, self.world.task.name)

    @property
    def event(self) -> Event:
        """What has happened so far in this episode, (T+1, N, 2); a copy."""
        if self.state is None:
            raise ResetNeeded("no episode has begun: call reset()")
        return self.world.event(self.state)[0].map(np.copy)

    @property
    def task(self) -> Any:  # noqa: ANN401  (a Task, or a Concept to identify)
        """What is to be done."""
        return self.world.task

    def demonstrations(self, k: int = 5, seed: int = 0) -> Event:
        """``k`` events, (k, T+1, N, 2), that show the task, from the seed alone."""
        return self.world.demonstrations(k, seed)

    def _compute_reward(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: object
    ) -> np.ndarray | float:
        """Reward of the goal variant, (...,), of goals (..., 2 N); ``info`` is not looked at."""
        reward = self.world.goal_reward(np.asarray(achieved_goal), np.asarray(desired_goal))
        return float(reward) if reward.ndim == 0 else reward

    def close(self) -> None:
        """Closes the window, if there is one; twice is fine."""
        self.viewer.close()


def _scalars(info: dict[str, np.ndarray]) -> dict[str, Any]:
    return {key: value[0].item() for key, value in info.items()}
