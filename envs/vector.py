"""The batched face of a world: Gymnasium's vector environment.

Row i of a vector environment that is seeded with a list equals the single environment with that
seed, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..concepts.event import Event
from .checks import batched_scene, check_actions, check_options, check_render_mode
from .keys import episode_keys, first_key
from .state import Observation, Outcome, World, overwrite
from .viewer import HeatMap, Viewer


class ConceptVectorEnv(VectorEnv[Observation, np.ndarray, np.ndarray]):
    """A world as a vector environment.

    Args:
        world: What is stepped.
        num_envs: Number of rows, B.
        render_mode: "rgb_array" or None.
        autoreset_mode: When a row whose episode is over starts anew.
        heatmap: As in ``ConceptEnv``.

    Raises:
        ValueError: An unknown render or autoreset mode, or less than one row.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]

    def __init__(
        self,
        world: World[Any],
        num_envs: int = 1,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        heatmap: HeatMap | None = None,
    ) -> None:
        """See the class."""
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}, expected at least one")
        check_render_mode(render_mode, ("rgb_array",))
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {  # type: ignore[misc]
            **type(self).metadata,
            "render_fps": round(1 / world.dt),
            "autoreset_mode": self.autoreset_mode,
        }
        self.world = world
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space = world.observation_space
        self.single_action_space = world.action_space
        self.observation_space = batch_space(world.observation_space, num_envs)
        self.action_space = batch_space(world.action_space, num_envs)
        if world.goal:
            self.compute_reward = self._compute_reward
        self.viewer = Viewer(heatmap=heatmap, fps=self.metadata["render_fps"])
        self.state: Any = None
        self._keys = np.zeros(num_envs, dtype=np.uint64)
        self._episodes = np.zeros(num_envs, dtype=np.int64)
        self._over = np.zeros(num_envs, dtype=bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts episodes in all rows, or in those of ``options["reset_mask"]``.

        Args:
            seed: One seed a row; an int s stands for s, s + 1, and so on. A row with None goes on
                with its own sequence of scenes.
            options: "reset_mask": rows to reset, (B,) bool. "scene": an ``Event``, one for all rows
                or a batch of them. "task": as in ``ConceptEnv``, for all rows at once.

        Raises:
            TypeError: An option of the wrong type.
            ValueError: An unknown option, or one that does not fit.
        """
        options = check_options(options, ("scene", "task", "reset_mask"))
        rows = self._rows(options.pop("reset_mask", None))
        world = self.world
        if "task" in options:
            if not rows.all():
                raise ValueError("a task can only be set for all rows at once: leave reset_mask out")
            world = world.with_task(world.find_task(options["task"]))
        given = None
        if "scene" in options:
            given = world.begin_at(batched_scene(options["scene"], int(rows.sum())))
        generators = self._generators(seed, rows)
        # All that could be wrong has been found by now: nothing was changed if it was.
        self.world = world
        self._reseed(generators, rows)
        fresh = self._begin(rows) if given is None else given
        self.state = fresh if rows.all() else overwrite(self.state, rows, fresh)
        self._over &= ~rows
        info = {key: np.where(rows, value, 0).astype(value.dtype) for key, value in self._info().items()}
        return self.world.observe(self.state), _with_masks(info, rows)

    def _rows(self, mask: object) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"reset_mask is {mask!r}, expected a NumPy array of bool")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"reset_mask is {mask}, expected shape ({self.num_envs},) with some True")
        if self.state is None and not mask.all():
            raise ResetNeeded("reset all rows before resetting some")
        return mask

    def _generators(
        self, seed: int | Sequence[int | None] | None, rows: np.ndarray
    ) -> list[np.random.Generator | None]:
        """A fresh generator for each row that is to be reset and has a seed."""
        if isinstance(seed, (int, np.integer)):
            seed = [int(seed) + i for i in range(self.num_envs)]
        seeds = seed if seed is not None else [None] * self.num_envs
        if len(seeds) != self.num_envs:
            raise ValueError(f"got {len(seeds)} seeds for {self.num_envs} rows")
        wanted = zip(seeds, rows.tolist(), strict=True)
        return [np_random(int(own))[0] if own is not None and row else None for own, row in wanted]

    def _reseed(self, generators: list[np.random.Generator | None], rows: np.ndarray) -> None:
        self._episodes[rows] += 1
        for row in np.flatnonzero(rows).tolist():
            own = generators[row]
            if own is None and self.state is not None:
                continue
            self._keys[row] = first_key(self.np_random if own is None else own)
            self._episodes[row] = 0

    def _begin(self, rows: np.ndarray) -> Any:  # noqa: ANN401  (the world's state)
        return self.world.begin(episode_keys(self._keys[rows], self._episodes[rows]))

    def _info(self) -> dict[str, np.ndarray]:
        return self.world.info(self.state)

    def step(self, actions: object) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Advances all rows by one step.

        A row whose episode is over starts anew: in the next step, which ignores its action and pays
        nothing (NEXT_STEP), or in the same one, which then reports "final_obs" and "final_info"
        (SAME_STEP).

        Raises:
            ResetNeeded: No episode has begun, or, without autoreset, some row's episode is over.
            TypeError: The actions do not consist of numbers.
            ValueError: The actions have another shape, or hold NaN or values outside [-1, 1].
        """
        if self.state is None:
            raise ResetNeeded("call reset() before step()")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._over.any():
            raise ResetNeeded("some episodes are over: call reset(options={'reset_mask': ...})")
        actions = check_actions(actions, self.action_space.shape or ())
        stale = self._over
        self.state, outcome = self.world.advance(self.state, actions)
        if stale.any():
            self._restart(stale)
            outcome = _blanked(outcome, stale, self._info())
        self._over = outcome.terminated | outcome.truncated
        info = _with_masks(outcome.info, np.ones(self.num_envs, dtype=bool), without=stale)
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._over.any():
            info = self._finish(self._over, info)
            self._over = np.zeros_like(self._over)
        return self.world.observe(self.state), outcome.reward, outcome.terminated, outcome.truncated, info

    def _restart(self, rows: np.ndarray) -> None:
        self._episodes[rows] += 1
        fresh = self._begin(rows)
        self.state = fresh if rows.all() else overwrite(self.state, rows, fresh)

    def _finish(self, rows: np.ndarray, info: dict[str, Any]) -> dict[str, Any]:
        """Starts the rows anew within the step, and reports how they ended."""
        last = self.world.observe(self.state)
        final = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(rows):
            final[row] = {key: value[row].copy() for key, value in last.items()}
        ended = {key: np.where(rows, v, 0).astype(v.dtype) for key, v in info.items() if key[0] != "_"}
        self._restart(rows)
        for key, value in self._info().items():
            info[key] = np.where(rows, value, info[key])
        for key in [key for key in info if key.startswith("reward_")]:
            info[key], info[f"_{key}"] = np.where(rows, 0.0, info[key]), ~rows
        return info | {
            "final_obs": final,
            "_final_obs": rows.copy(),
            "final_info": _with_masks(ended, rows),
            "_final_info": rows.copy(),
        }

    def render(self) -> tuple[np.ndarray, ...] | None:
        """One image, (H, W, 3) of uint8, for every row."""
        if self.render_mode is None:
            gym.logger.warn("render() does nothing: make the environment with render_mode='rgb_array'")
            return None
        if self.state is None:
            raise ResetNeeded("call reset() before render()")
        events = self.world.event(self.state)
        hands, name = self.world.hand(self.state), self.world.task.name
        return tuple(
            self.viewer.draw(events[i], None if hands is None else hands[i], name, trails=False)
            for i in range(self.num_envs)
        )

    @property
    def event(self) -> Event:
        """What has happened so far in every row, (B, T+1, N, 2); a copy."""
        if self.state is None:
            raise ResetNeeded("no episode has begun: call reset()")
        return self.world.event(self.state).map(np.copy)

    @property
    def task(self) -> Any:  # noqa: ANN401  (a Task, or a Concept to identify)
        """What is to be done."""
        return self.world.task

    def demonstrations(self, k: int = 5, seed: int = 0) -> Event:
        """``k`` events, (k, T+1, N, 2), that show the task, from the seed alone."""
        return self.world.demonstrations(k, seed)

    def _compute_reward(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: object
    ) -> np.ndarray:
        """Reward of the goal variant, (...,), of goals (..., 2 N); ``info`` is not looked at."""
        return self.world.goal_reward(np.asarray(achieved_goal), np.asarray(desired_goal))

    def close_extras(self, **kwargs: object) -> None:
        """Closes the viewer."""
        self.viewer.close()


def _with_masks(
    info: dict[str, np.ndarray], rows: np.ndarray, without: np.ndarray | None = None
) -> dict[str, Any]:
    """Adds Gymnasium's masks of which rows have a value; ``without`` has none for reward terms."""
    masks = {
        f"_{key}": rows & ~without if without is not None and key.startswith("reward_") else rows.copy()
        for key in info
    }
    return {**info, **masks}


def _blanked(outcome: Outcome, rows: np.ndarray, info: dict[str, np.ndarray]) -> Outcome:
    """Rows that were restarted pay nothing, and report their new state."""
    fresh = {key: np.where(rows, info.get(key, 0), value) for key, value in outcome.info.items()}
    return Outcome(
        np.where(rows, 0.0, outcome.reward),
        outcome.terminated & ~rows,
        outcome.truncated & ~rows,
        {key: value.astype(outcome.info[key].dtype) for key, value in fresh.items()},
    )
