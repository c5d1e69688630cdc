"""Models that planners roll out: what K sequences of actions would lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...envs.particle import dynamics as kernel
from ...envs.particle.dynamics import Bodies
from ...envs.particle.world import ParticleState, ParticleWorld
from .trajectory import ACTIONS, Trajectory, finite_rows

S = TypeVar("S", contravariant=True)


@runtime_checkable
class Dynamics(Protocol[S]):
    """A model of what actions do; actions are in [-1, 1]."""

    @property
    def actions(self) -> int:
        """A, the number of action dimensions."""
        ...

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        ...

    def rollout(
        self, state: S, actions: Float[Tensor, "samples horizon action"], fields: tuple[str, ...]
    ) -> Trajectory:
        """What K sequences of actions lead to from one state.

        Args:
            state: Where things stand.
            actions: In [-1, 1], (K, H, A).
            fields: Names of the quantities to record.

        Raises:
            ValueError: A quantity that this model does not know; the message names those it does.
        """
        ...


def checked_fields(asked: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the quantities to record: those asked for but the actions, which are always there.

    Raises:
        ValueError: One is not known.
    """
    strangers = sorted(set(asked) - {*known, ACTIONS})
    if strangers:
        raise ValueError(f"this model records {known}, not {strangers}")
    return tuple(name for name in asked if name != ACTIONS)


PARTICLE_FIELDS = ("entities", "velocities")


@dataclass(frozen=True)
class ParticleDynamics:
    """The particle world's own kernel: batched, differentiable, and the true model of that world.

    What nobody drives, and moves all the same, is taken to go on as it does now.

    Attributes:
        world: The world; control "all", "one" or "push".
        device: Where it is computed.
    """

    world: ParticleWorld
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Checks the control.

        Raises:
            ValueError: A hand that grabs, whose grip has no slope and no place in a spline.
        """
        if self.world.control == "grab":
            raise ValueError("control='grab' is not planned by sampling: use control='all', 'one' or 'push'")

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        return self.world.dt

    @property
    def actions(self) -> int:
        """A: two a movable disc for "all" of N slots, else two."""
        return int(self.world.action_space.shape[0])

    def rollout(
        self, state: ParticleState, actions: Float[Tensor, "samples horizon action"], fields: tuple[str, ...]
    ) -> Trajectory:
        """What K sequences of actions lead to from the first row of a state."""
        fields = checked_fields(fields, PARTICLE_FIELDS)
        world, samples = self.world, len(actions)
        bodies, positions, velocities, drift = self._bound(state, samples)
        contacts = world.collisions or world.control == "push"
        places, speeds = [positions], [velocities + drift]
        for index in range(actions.shape[1]):
            thrust = self._spread(actions[:, index])
            positions, velocities = kernel.step(
                positions, velocities, thrust, bodies, world.physics, contacts=contacts
            )
            positions = torch.clamp(positions + drift * world.dt, -1, 1)
            places.append(positions)
            speeds.append(velocities + drift)
        width = world.width
        recorded = {"entities": torch.stack(places, 1)[:, :, :width], "velocities": torch.stack(speeds, 1)}
        valid = finite_rows(recorded["entities"])
        return Trajectory({name: recorded[name] for name in fields}, actions, valid)

    def _bound(self, state: ParticleState, samples: int) -> tuple[Bodies, Tensor, Tensor, Tensor]:
        def cast(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array[0]), dtype=torch.float32, device=self.device)

        episode = state.episode
        bodies = Bodies(**{name: cast(value) for name, value in vars(episode.bodies).items()})
        positions, velocities = cast(state.positions), cast(state.velocities)
        drift = velocities * (1 - bodies.mobile)
        moving = velocities * bodies.mobile
        return bodies, positions.expand(samples, -1, -1), moving.expand(samples, -1, -1), drift

    def _spread(self, actions: Float[Tensor, "samples action"]) -> Float[Tensor, "samples bodies 2"]:
        """Actions by body; bodies that nobody drives have no gain."""
        if self.world.control != "all":
            return actions[:, None]
        shaped = actions.reshape(len(actions), self.world.width, 2)
        return shaped if not self.world.has_hand else torch.nn.functional.pad(shaped, (0, 0, 0, 1))
