"""Following a path with particles: a small quadratic programme a step, solved to the point.

Where nobody touches anybody, driven particles are linear and apart from each other: what sampling finds
roughly, as the plan of many has as many dimensions, is least squares within a box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from ...envs.particle.world import ParticleState, ParticleWorld
from .dynamics import ParticleDynamics
from .mpc import Plan
from .path import Track
from .samplers import Distribution
from .trajectory import Context

_EFFORT = 3e-4


def can_follow(world: object) -> bool:
    """Whether a world is one of particles that actions drive, and that never touch."""
    return isinstance(world, ParticleWorld) and world.control in ("all", "one") and not world.collisions


@dataclass(frozen=True)
class PointTracker:
    """Follows a path; a drop-in for ``MPC`` in worlds that ``can_follow``.

    Minimises the squared distances from the path, and a little effort, over accelerations within their
    bounds, by accelerated projected gradients: Beck and Teboulle, "A fast iterative shrinkage-thresholding
    algorithm" (SIAM J. Imaging Sciences 2009), section 4. Walls and speed limits are left to the next plan.

    Attributes:
        dynamics: The model.
        track: What is followed.
        horizon: H, steps of a plan.
        iterations: Steps of the programme.
    """

    dynamics: ParticleDynamics
    track: Track
    horizon: int = 10
    iterations: int = 100

    def __post_init__(self) -> None:
        """Checks the world.

        Raises:
            ValueError: Particles that touch, or are moved by a hand.
        """
        if not can_follow(self.dynamics.world):
            raise ValueError("particles that touch, or are moved by a hand, are no matter of least squares")

    def plan(
        self,
        state: ParticleState,
        context: Context,
        generator: torch.Generator,
        last: Plan | None = None,
    ) -> Plan:
        """Makes a plan; see ``MPC.plan``. Nothing is random, and no warm start is needed."""
        world, bodies = self.dynamics.world, state.episode.bodies
        driven = np.flatnonzero(bodies.gain[0, :, 0] > 0)
        thrust = np.zeros((self.horizon, bodies.gain.shape[1], 2))
        if len(driven):
            wanted = self.track.places(context, self.horizon).numpy()[:, driven]
            thrust[:, driven] = self._thrust(state, driven, wanted)
        used = thrust[:, : world.width] if world.control == "all" else thrust[:, driven]
        actions = torch.as_tensor(used.reshape(self.horizon, -1), dtype=torch.float32)
        rollout = self.dynamics.rollout(state, actions[None], self.track.fields)
        costs = self.track.prepare(context).evaluate(rollout).sum(1) / self.horizon
        belief = Distribution(actions, torch.zeros_like(actions), actions[None][:0])
        return Plan(actions, belief, context.seconds, float(costs[0]), costs, self.horizon, rollout)

    def _thrust(
        self, state: ParticleState, driven: np.ndarray, wanted: Float[np.ndarray, "horizon m 2"]
    ) -> Float[np.ndarray, "horizon m 2"]:
        """Shares of the full thrust of M driven bodies, which are all alike."""
        bodies, dt = state.episode.bodies, self.dynamics.dt
        keep, gain = float(bodies.keep[0, driven[0], 0]), float(bodies.gain[0, driven[0], 0])
        reach = np.cumsum(keep ** np.arange(self.horizon)) * dt  # of a velocity, after 1 to H steps
        lag = np.arange(self.horizon)[:, None] - np.arange(self.horizon)
        response = gain * np.where(lag >= 0, reach[np.abs(lag)], 0.0)
        drift = keep * reach[:, None, None] * state.velocities[0, driven]
        gap = (wanted - state.positions[0, driven] - drift).reshape(self.horizon, -1)
        found = boxed_least_squares(response, gap, _EFFORT, self.iterations)
        return found.reshape(wanted.shape)


def boxed_least_squares(
    response: Float[np.ndarray, "t h"], gap: Float[np.ndarray, "t m"], effort: float, iterations: int
) -> Float[np.ndarray, "h m"]:
    """The u in [-1, 1] of least |response u - gap|^2 + effort |u|^2, column by column."""
    square = response.T @ response + effort * np.eye(response.shape[1])
    pull, rate = response.T @ gap, 1.0 / np.linalg.norm(square, 2)
    here = ahead = np.zeros_like(pull)
    weight = 1.0
    for _ in range(iterations):
        new = np.clip(ahead - rate * (square @ ahead - pull), -1, 1)
        later = (1 + (1 + 4 * weight**2) ** 0.5) / 2
        ahead = new + (weight - 1) / later * (new - here)
        here, weight = new, later
    return here
