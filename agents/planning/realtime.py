"""Planning against the clock: a plan that is late is not waited for, and counted."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .mpc import Plan, Planner
from .splines import basis
from .trajectory import Context


class RealTimePlanner:
    """Plans in a thread of its own; every action is there by its deadline.

    An action comes from the plan that was asked for in this step, if it is there in time. Otherwise it
    is the last plan's action for the present time, and a missed deadline is counted; the late plan
    serves the next steps. Without any plan yet, nothing is done. An episode begins with ``reset``, the first
    one without.

    Args:
        planner: What makes plans.
        deadline: Seconds that an action may take.
        actions: A, the number of action dimensions.
        dt: Seconds of a step of the plans.
        seed: Seeds the planner's randomness.

    Attributes:
        misses: Deadlines that were missed.
        asked: Actions that were asked for.
        model_steps: Steps of the model, of all plans that were finished.

    Raises:
        ValueError: A deadline or a step that is not positive.
    """

    def __init__(self, planner: Planner, deadline: float, actions: int, dt: float, seed: int = 0) -> None:
        """See the class."""
        if deadline <= 0 or dt <= 0:
            raise ValueError(f"deadline is {deadline}, dt is {dt}: expected positive seconds")
        self.planner, self.deadline, self.actions, self.dt = planner, deadline, actions, dt
        self.misses, self.asked, self.model_steps = 0, 0, 0
        self._generator = torch.Generator()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="planner")
        self._running: Future[Plan] | None = None
        self._last: Plan | None = None
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Begins an episode: waits for the plan that is being made, and forgets it; counts go on.

        Args:
            seed: Seeds the planner's randomness.
        """
        if self._running is not None:
            if self._running.exception() is None:  # waits
                self.model_steps += self._running.result().model_steps
            self._running = None
        self._last = None
        self._generator = torch.Generator().manual_seed(seed)

    def act(self, state: Any, context: Context) -> Float[Tensor, " action"]:  # noqa: ANN401
        """The action for the present, after ``deadline`` seconds at the latest.

        Raises:
            ValueError: The time is before that of the last plan: another episode has begun without ``reset``.
            Exception: What the planner raised, in this or in an earlier step.
        """
        if self._last is not None and context.seconds < self._last.seconds:
            raise ValueError(
                f"it is {context.seconds} s, before the last plan's {self._last.seconds} s: call reset first"
            )
        begun = time.perf_counter()
        self.asked += 1
        fresh = self._collected()
        if self._running is None:
            self._running = self._pool.submit(self.planner.plan, state, context, self._generator, self._last)
            fresh = True
        left = self.deadline - (time.perf_counter() - begun)
        done, _ = wait([self._running], timeout=max(left, 0.0))
        if done and fresh:
            self._collected()
            assert self._last is not None
            return self._last.actions[0]
        self.misses += 1
        return self._held(context)

    def _collected(self) -> bool:
        """Takes over the plan of the thread, if it is finished."""
        if self._running is None or not self._running.done():
            return False
        self._last = self._running.result()
        self.model_steps += self._last.model_steps
        self._running = None
        return True

    def _held(self, context: Context) -> Float[Tensor, " action"]:
        """The last plan's action for the present time; its end is held."""
        if self._last is None:
            return torch.zeros(self.actions)
        count = len(self._last.actions)
        point = torch.tensor([self._last.elapsed(context, self.dt) / max(count - 1, 1)])
        return (basis("linear", count, point) @ self._last.actions)[0]

    def close(self) -> None:
        """Ends the thread, after the plan that it is making; twice is fine."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> RealTimePlanner:
        """For ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the thread."""
        self.close()
