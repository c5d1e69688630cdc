"""Model-predictive control: a sampler, a model and a cost, joined; one plan at a time.

Letters: K samples, H steps of the horizon, P knots, A action dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from .cost import Cost
from .dynamics import Dynamics
from .risk import Risk, mean_risk
from .samplers import MPPI, Distribution, Sampler
from .splines import Interpolation, advance, check_interpolation, expand
from .trajectory import Context, Trajectory


@dataclass(frozen=True, eq=False)
class Plan:
    """A plan, and what it took to find it.

    Attributes:
        actions: The plan, (H, A), in [-1, 1].
        distribution: What the sampler believes; hand it to the next plan for a warm start.
        seconds: Time since the episode began at which the plan starts.
        cost: Mean cost of a step of the best sample.
        costs: Mean cost of a step of each of the last K samples, (K,).
        model_steps: Steps of rollouts that were taken; derivatives of a model are not counted.
        best: The samples' rollout of least cost, fields (1, H+1, ...).
    """

    actions: Float[Tensor, "horizon action"]
    distribution: Distribution
    seconds: float
    cost: float
    costs: Float[Tensor, " samples"]
    model_steps: int
    best: Trajectory

    def elapsed(self, context: Context, dt: float) -> float:
        """Steps of ``dt`` seconds from the plan's beginning until now; none before it."""
        return max(context.seconds - self.seconds, 0.0) / dt


@runtime_checkable
class Planner(Protocol):
    """Whatever makes plans: ``MPC``, ``ILQG`` and ``GradientPlanner`` do."""

    def plan(
        self,
        state: Any,  # noqa: ANN401  (what its model takes)
        context: Context,
        generator: torch.Generator,
        last: Plan | None = None,
    ) -> Plan:
        """Makes a plan from here, from the last one if there is one."""
        ...


@dataclass(frozen=True)
class MPC:
    """Plans by sampling.

    Attributes:
        dynamics: The model, or several, over which ``risk`` reduces the costs.
        cost: What is minimised: the sum over the horizon.
        sampler: How plans are proposed.
        horizon: H, steps of a plan.
        knots: P, of the spline that a plan is.
        interpolation: "zero", "linear" or "cubic".
        samples: K, samples of an iteration.
        iterations: Rounds of sampling and updating.
        shrink: Factor of the noise, from the mean cost of a step of the last plan; None for always 1.
            Noise that shrinks near the goal is what makes the end of a motion exact.
        risk: Reduces the costs of several models, (M, K), to (K,).
    """

    dynamics: Dynamics[Any] | tuple[Dynamics[Any], ...]
    cost: Cost
    sampler: Sampler = field(default_factory=MPPI)
    horizon: int = 20
    knots: int = 5
    interpolation: Interpolation = "linear"
    samples: int = 128
    iterations: int = 1
    shrink: Callable[[float], float] | None = None
    risk: Risk = mean_risk

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: One that makes no sense.
        """
        check_interpolation(self.interpolation)
        for name in ("horizon", "knots", "samples", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected one at least")
        if self.knots > self.horizon:
            raise ValueError(f"there are {self.knots} knots for {self.horizon} steps: use fewer")
        if not self.models:
            raise ValueError("there is no model: give one, or several")

    @property
    def models(self) -> tuple[Dynamics[Any], ...]:
        """The models, one at least."""
        return self.dynamics if isinstance(self.dynamics, tuple) else (self.dynamics,)

    def plan(
        self,
        state: Any,  # noqa: ANN401  (what the model takes)
        context: Context,
        generator: torch.Generator,
        last: Plan | None = None,
    ) -> Plan:
        """Makes a plan.

        Args:
            state: Where things stand, as the model reads it.
            context: Where things stand, as the cost reads it.
            generator: Source of the randomness.
            last: The last plan of this episode, for a warm start; None at the beginning.

        Raises:
            ValueError: The last plan has another number of knots.
        """
        belief, scale = self._begin(context, last)
        bound, steps = self.cost.prepare(context), 0
        for _ in range(self.iterations):
            samples = self.sampler.sample(belief, self.samples, scale, generator)
            actions = expand(samples, self.horizon, self.interpolation)
            costs, rollout = self._costs(state, bound, actions)
            belief = self.sampler.update(belief, samples, costs)
            steps += actions.shape[0] * actions.shape[1] * len(self.models)
        index = int(costs.argmin())
        best = rollout.row(index)
        planned = expand(belief.mean, self.horizon, self.interpolation)
        least = float(costs[index]) / self.horizon
        return Plan(planned, belief, context.seconds, least, costs / self.horizon, steps, best)

    def _begin(self, context: Context, last: Plan | None) -> tuple[Distribution, float]:
        """The belief that a plan starts from, and the scale of its noise."""
        fresh = self.sampler.start(self.knots, self.models[0].actions)
        if last is None:
            return fresh, 1.0
        if len(last.distribution.mean) != self.knots:
            raise ValueError(
                f"the last plan has {len(last.distribution.mean)} knots, not {self.knots}: give None"
            )
        elapsed = last.elapsed(context, self.models[0].dt)

        def moved(knots: Tensor) -> Tensor:
            return advance(knots, self.horizon, elapsed, self.interpolation)

        kept = [moved(knots) for knots in last.distribution.kept]
        belief = replace(fresh, mean=moved(last.distribution.mean))
        if kept:
            belief = replace(belief, kept=torch.stack(kept))
        return belief, 1.0 if self.shrink is None else self.shrink(last.cost)

    def _costs(self, state: Any, bound: Cost, actions: Tensor) -> tuple[Tensor, Trajectory]:  # noqa: ANN401
        """Costs of action sequences, (K,), infinite where the model diverged; the first model's rollout."""
        each, rollouts = [], []
        for model in self.models:
            rollout = model.rollout(state, actions, bound.fields)
            each.append(rollout.charged(bound.evaluate(rollout)))
            rollouts.append(rollout)
        return self.risk(torch.stack(each)), rollouts[0]


def shrinking(full: float, least: float = 0.1) -> Callable[[float], float]:
    """Noise in proportion to the cost: all of it from ``full`` on, ``least`` of it at zero.

    Raises:
        ValueError: ``full`` is not positive, or ``least`` not in [0, 1].
    """
    if not full > 0 or not 0 <= least <= 1:
        raise ValueError(f"full is {full}, least is {least}: expected full > 0 and least in [0, 1]")

    def scale(cost: float) -> float:
        return min(1.0, max(least, cost / full))

    return scale
