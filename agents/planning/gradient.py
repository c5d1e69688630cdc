"""Planning by gradients through differentiable dynamics, with Langevin noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .adam import Adam
from .cost import Cost
from .dynamics import Dynamics
from .mpc import Plan
from .samplers import Distribution
from .splines import Interpolation, advance, check_interpolation, expand
from .trajectory import Context, Trajectory


@dataclass(frozen=True)
class GradientPlanner:
    """Descends the cost by the plan's knots; a drop-in for ``MPC`` where the model is differentiable.

    Steps are Adam's (Kingma and Ba, ICLR 2015, algorithm 1), with normal noise that is annealed to
    zero, so that several plans explore (Welling and Teh, "Bayesian learning via stochastic gradient
    Langevin dynamics", ICML 2011, anneal likewise).

    Attributes:
        dynamics: The model; ``ParticleDynamics`` is differentiable.
        cost: What is minimised: the sum over the horizon.
        horizon: H, steps of a plan.
        knots: P, of the spline that a plan is.
        interpolation: "zero", "linear" or "cubic".
        samples: K, plans that are followed at once.
        iterations: Steps downhill.
        rate: Length of a step, in units of the action.
        noise: Deviation of the noise in the first step, in the same units.
    """

    dynamics: Dynamics[Any]
    cost: Cost
    horizon: int = 15
    knots: int = 5
    interpolation: Interpolation = "linear"
    samples: int = 4
    iterations: int = 8
    rate: float = 0.25
    noise: float = 0.1

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: One that makes no sense.
        """
        check_interpolation(self.interpolation)
        if min(self.horizon, self.knots, self.samples, self.iterations) < 1 or self.knots > self.horizon:
            raise ValueError(
                f"{self.knots} knots, {self.horizon} steps, {self.samples} samples: one at least"
            )
        if self.rate <= 0 or self.noise < 0:
            raise ValueError(f"rate is {self.rate}, noise is {self.noise}: expected positive numbers")

    def plan(
        self,
        state: Any,  # noqa: ANN401  (what the model takes)
        context: Context,
        generator: torch.Generator,
        last: Plan | None = None,
    ) -> Plan:
        """Makes a plan; see ``MPC.plan``."""
        shape, bound = (self.samples, self.knots, self.dynamics.actions), self.cost.prepare(context)
        knots = torch.zeros(shape)
        if last is not None:
            elapsed = last.elapsed(context, self.dynamics.dt)
            moved = advance(last.distribution.mean, self.horizon, elapsed, self.interpolation)
            knots = moved.expand(shape).clone()
        knots[1:] += self.noise * torch.randn(shape, generator=generator)[1:]
        knots = knots.clamp(-1, 1)
        adam = Adam.at_rest(knots)
        best, least, chosen, costs = knots[0], torch.inf, None, torch.zeros(self.samples)
        for index in range(self.iterations + 1):
            costs, slope, rollout = self._evaluated(state, bound, knots)
            row = int(costs.argmin())
            if float(costs[row]) < least or chosen is None:
                best, least, chosen = knots[row].clone(), float(costs[row]), rollout.row(row)
            adam, way = adam.moved(slope)
            left = 1 - (index + 1) / self.iterations
            noise = left * self.noise * torch.randn(shape, generator=generator)
            noise[0] = 0.0
            knots = (knots - self.rate * way + noise).clamp(-1, 1)
        actions = expand(best, self.horizon, self.interpolation)
        steps = self.samples * self.horizon * (self.iterations + 1)
        belief = Distribution(best, torch.full_like(best, self.noise), best[None][:0])
        assert chosen is not None, "there is one iteration at least"
        mean = least / self.horizon
        return Plan(actions, belief, context.seconds, mean, costs / self.horizon, steps, chosen)

    def _evaluated(self, state: Any, bound: Cost, knots: Tensor) -> tuple[Tensor, Tensor, Trajectory]:  # noqa: ANN401
        """Costs of plans, (K,), infinite where the model diverged, and their slopes by the knots."""
        moving = knots.detach().requires_grad_()
        with torch.enable_grad():
            actions = expand(moving, self.horizon, self.interpolation)
            rollout = self.dynamics.rollout(state, actions, bound.fields)
            costs = bound.evaluate(rollout)
            (slope,) = torch.autograd.grad(costs.sum(), moving)
        return rollout.charged(costs), torch.nan_to_num(slope), rollout
