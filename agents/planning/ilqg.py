"""Iterative linear-quadratic control: plans by second-order steps through linearised dynamics.

Tassa, Erez and Todorov, "Synthesis and stabilization of complex behaviors through online trajectory
optimization" (IROS 2012), sections II and IV: backward pass with regularisation, forward pass with a
parallel line search. Costs are quadratic in the entities (Gauss-Newton where they are not convex).

Letters: H steps, X state dimensions, A actions, E = 2 N coordinates of the entities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from .cost import Cost
from .mpc import Plan
from .samplers import Distribution
from .splines import advance
from .trajectory import Context, Trajectory, finite_rows

_LINE = 0.5 ** torch.arange(10, dtype=torch.float64)


@runtime_checkable
class Linear(Protocol):
    """A model that can be linearised; states are vectors, float64."""

    @property
    def actions(self) -> int:
        """A, the number of action dimensions."""
        ...

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        ...

    def start(self, state: Any) -> Float[Tensor, " x"]:  # noqa: ANN401  (what the model takes)
        """The state as a vector."""
        ...

    def step(
        self, states: Float[Tensor, "rows x"], actions: Float[Tensor, "rows a"]
    ) -> Float[Tensor, "rows x"]:
        """One step of several rows."""
        ...

    def jacobians(
        self, states: Float[Tensor, "h x"], actions: Float[Tensor, "h a"]
    ) -> tuple[Float[Tensor, "h x x"], Float[Tensor, "h x a"]]:
        """Derivatives of the next states by states and by actions."""
        ...

    def entities(
        self, states: Float[Tensor, "rows x"]
    ) -> tuple[Float[Tensor, "rows n 2"], Float[Tensor, "rows e x"]]:
        """Concept coordinates of the entities, and their derivatives by the states."""
        ...


class Expansion(NamedTuple):
    """Quadratic expansion of the costs along a trajectory, by step."""

    slope: Float[Tensor, "h x"]
    curve: Float[Tensor, "h x x"]


@dataclass(frozen=True)
class ILQG:
    """Plans by iterative LQG; a drop-in for ``MPC`` where the model is ``Linear``.

    Attributes:
        dynamics: The model.
        cost: What is minimised; of "entities" alone, at every step, smooth near its minimum.
        horizon: H, steps of a plan.
        iterations: Second-order steps of a plan.
        effort: Weight of the squared actions.
        regularisation: Added to the curvature by actions.
    """

    dynamics: Linear
    cost: Cost
    horizon: int = 20
    iterations: int = 2
    effort: float = 5e-3
    regularisation: float = 1e-4

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: One that makes no sense.
        """
        if self.horizon < 1 or self.iterations < 1 or self.effort <= 0 or self.regularisation < 0:
            raise ValueError(f"horizon {self.horizon}, iterations {self.iterations}: expected one at least")

    def plan(
        self,
        state: Any,  # noqa: ANN401  (what the model takes)
        context: Context,
        generator: torch.Generator,
        last: Plan | None = None,
    ) -> Plan:
        """Makes a plan; see ``MPC.plan``.

        Raises:
            ValueError: The event is about a trajectory, whose cost is not one of single steps, or the cost is
                about more than places.
        """
        if set(self.cost.fields) - {"entities"}:
            raise ValueError(
                f"the cost needs {self.cost.fields}, iLQG expands costs of 'entities' alone; "
                "what actions cost is its effort"
            )
        if context.frames > 1:
            raise ValueError("iLQG needs a cost of single states: this event is about a trajectory")
        bound, count = self.cost.prepare(context), self.dynamics.actions
        actions = torch.zeros(self.horizon, count, dtype=torch.float64)
        if last is not None:
            elapsed = last.elapsed(context, self.dynamics.dt)
            actions = advance(last.actions.double(), self.horizon, elapsed, "linear")
        first = self.dynamics.start(state)
        still = torch.zeros(self.horizon + 1, len(first), dtype=torch.float64)
        open_loop = torch.zeros(self.horizon, count, len(first), dtype=torch.float64)
        states, actions, cost = self._rolled(first, bound, still, actions[None], open_loop)
        for _ in range(self.iterations):
            states, actions, cost = self._improved(states, actions, cost, bound)
        places = self.dynamics.entities(states)[0].float()[None]
        best = Trajectory({"entities": places}, actions.float()[None], torch.ones(1, dtype=torch.bool))
        steps = self.horizon * (1 + self.iterations * len(_LINE))
        belief = Distribution(actions.float(), torch.zeros_like(actions.float()), actions.float()[None][:0])
        mean = cost / self.horizon
        return Plan(actions.float(), belief, context.seconds, mean, torch.tensor([mean]), steps, best)

    def _improved(
        self, states: Tensor, actions: Tensor, cost: float, bound: Cost
    ) -> tuple[Tensor, Tensor, float]:
        """One backward and one forward pass; the old plan where none of the line is better."""
        by_state, by_action = self.dynamics.jacobians(states[:-1], actions)
        expansion = self._expanded(states, bound)
        found = self._backward(by_state, by_action, expansion, actions)
        if found is None:
            return states, actions, cost
        change, gains = found
        tried = actions + _LINE[:, None, None] * change
        new = self._rolled(states[0], bound, states, tried, gains)
        return new if new[2] < cost else (states, actions, cost)

    def _rolled(
        self, first: Tensor, bound: Cost, around: Tensor, tried: Tensor, gains: Tensor
    ) -> tuple[Tensor, Tensor, float]:
        """Rolls out plans with feedback around a trajectory, and returns the cheapest."""
        now = first.expand(len(tried), -1)
        states, done = [now], []
        for index in range(self.horizon):
            feedback = (now - around[index]) @ gains[index].T
            done.append((tried[:, index] + feedback).clamp(-1, 1))
            now = self.dynamics.step(now, done[-1])
            states.append(now)
        path, acts = torch.stack(states, 1), torch.stack(done, 1)
        flat = self.dynamics.entities(path.flatten(0, 1))[0]
        places = flat.reshape(*path.shape[:2], *flat.shape[1:])
        valid = finite_rows(places)
        told = Trajectory({"entities": places.float()}, acts.float(), valid)
        costs = told.charged(bound.evaluate(told)).double() + self.effort * (acts**2).sum((1, 2))
        best = int(costs.argmin())
        return path[best], acts[best], float(costs[best])

    def _expanded(self, states: Tensor, bound: Cost) -> Expansion:
        """The cost's slope and curvature at every state but the first, by the entities' derivatives."""
        places, by_state = self.dynamics.entities(states)
        moving = places.float().requires_grad_()
        acts = torch.zeros(1, len(states) - 1, self.dynamics.actions)
        valid = torch.ones(1, dtype=torch.bool)

        with torch.enable_grad():
            total = bound.evaluate(Trajectory({"entities": moving[None]}, acts, valid)).sum()
            (slope,) = torch.autograd.grad(total, moving, create_graph=True)
            free = by_state.abs().sum((0, 2)) > 0
            flat = slope.flatten(1)
            rows = []
            for column in torch.nonzero(free)[:, 0].tolist():
                (second,) = torch.autograd.grad(flat[:, column].sum(), moving, retain_graph=True)
                rows.append(second.flatten(1)[:, free])
        curve = torch.stack(rows, dim=1).detach().double()
        values, vectors = torch.linalg.eigh((curve + curve.transpose(1, 2)) / 2)
        curve = (vectors * values.clamp(min=0)[:, None]) @ vectors.transpose(1, 2)
        chain = by_state[:, free]
        return Expansion(
            torch.einsum("he,hex->hx", flat.detach().double()[:, free], chain),
            chain.transpose(1, 2) @ curve @ chain,
        )

    def _backward(
        self, by_state: Tensor, by_action: Tensor, expansion: Expansion, actions: Tensor
    ) -> tuple[Float[Tensor, "h a"], Float[Tensor, "h a x"]] | None:
        """Changes of the actions and feedback gains; None where a curvature is not positive."""
        value, curve = expansion.slope[-1], expansion.curve[-1]
        identity = torch.eye(self.dynamics.actions, dtype=torch.float64)
        changes, gains = [], []
        for index in reversed(range(self.horizon)):
            a, b = by_state[index], by_action[index]
            slope_u = 2 * self.effort * actions[index] + b.T @ value
            curve_uu = 2 * self.effort * identity + b.T @ curve @ b + self.regularisation * identity
            curve_ux = b.T @ curve @ a
            factor, failed = torch.linalg.cholesky_ex(curve_uu)
            if int(failed):
                return None
            both = torch.cholesky_solve(torch.cat([slope_u[:, None], curve_ux], dim=1), factor)
            change, gain = -both[:, 0], -both[:, 1:]
            slope_x = a.T @ value + curve_ux.T @ change
            curve_xx = a.T @ curve @ a + curve_ux.T @ gain
            if index > 0:
                slope_x, curve_xx = slope_x + expansion.slope[index], curve_xx + expansion.curve[index]
            value, curve = slope_x, (curve_xx + curve_xx.T) / 2
            changes.append(change)
            gains.append(gain)
        return torch.stack(changes[::-1]), torch.stack(gains[::-1])
