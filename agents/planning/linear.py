"""Models that can be linearised: particles by automatic differentiation, robots by finite differences."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import mujoco
import mujoco.batch
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...envs.arm.machine import SUBSTEPS
from ...envs.arm.world import ArmState, ArmWorld
from ...envs.particle import dynamics as kernel
from ...envs.particle.dynamics import Bodies
from ...envs.particle.world import ParticleState, ParticleWorld

_DIFFERENCE = 1e-6


@dataclass
class LinearParticles:
    """The particle world's kernel; a state is positions and velocities of all bodies, (4 M,).

    Attributes:
        world: The world; control "all", "one" or "push".
    """

    world: ParticleWorld

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        return self.world.dt

    @property
    def actions(self) -> int:
        """A, the number of action dimensions."""
        return int(self.world.action_space.shape[0])

    def start(self, state: ParticleState) -> Float[Tensor, " x"]:
        """The first row of a state as a vector."""

        def cast(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array[0]), dtype=torch.float64)

        self._bodies = Bodies(**{name: cast(value) for name, value in vars(state.episode.bodies).items()})
        return torch.cat([cast(state.positions).flatten(), cast(state.velocities).flatten()])

    def step(
        self, states: Float[Tensor, "rows x"], actions: Float[Tensor, "rows a"]
    ) -> Float[Tensor, "rows x"]:
        """One step of several rows."""
        half = states.shape[-1] // 2
        positions, velocities = (
            part.reshape(len(part), -1, 2) for part in (states[:, :half], states[:, half:])
        )
        thrust = actions[:, None]
        if self.world.control == "all":
            thrust = actions.reshape(len(actions), self.world.width, 2)
        contacts = self.world.collisions or self.world.control == "push"
        new = kernel.step(positions, velocities, thrust, self._bodies, self.world.physics, contacts=contacts)
        return torch.cat([part.flatten(1) for part in new], dim=1)

    def jacobians(
        self, states: Float[Tensor, "h x"], actions: Float[Tensor, "h a"]
    ) -> tuple[Float[Tensor, "h x x"], Float[Tensor, "h x a"]]:
        """Derivatives of the next states, one backward pass for each coordinate."""
        x, u = states.detach().requires_grad_(), actions.detach().requires_grad_()
        with torch.enable_grad():
            after = self.step(x, u)
            rows = [
                torch.autograd.grad(after[:, i].sum(), (x, u), retain_graph=True)
                for i in range(after.shape[1])
            ]
        by_state, by_action = (torch.stack(part, dim=1) for part in zip(*rows, strict=True))
        return by_state, by_action

    def entities(
        self, states: Float[Tensor, "rows x"]
    ) -> tuple[Float[Tensor, "rows n 2"], Float[Tensor, "rows e x"]]:
        """Concept coordinates of the entities: the first part of the state, and who moves of it."""
        count = 2 * self.world.width
        places = states[:, :count].reshape(len(states), -1, 2)
        mobile = self._bodies.mobile[: self.world.width].expand(-1, 2).flatten()
        selection = torch.eye(count, states.shape[1], dtype=states.dtype) * mobile[:, None]
        return places, selection.expand(len(states), -1, -1)


@dataclass
class LinearArm:
    """The arm world by ``mjd_transitionFD``; a state is joints, velocities and targets, (3 J,).

    Attributes:
        world: The world; kind "reach" and control "joints".
    """

    world: ArmWorld
    _batches: dict[int, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Checks the world.

        Raises:
            ValueError: One with objects that are carried, or with control of the effector.
        """
        if self.world.kind != "reach" or self.world.control != "joints":
            raise ValueError("iLQG plans for a robot that reaches, with control='joints'")

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        return self.world.dt

    @property
    def actions(self) -> int:
        """A, one a joint."""
        return self.world.machine.joints

    @cached_property
    def _data(self) -> mujoco.MjData:
        return mujoco.MjData(self.world.machine.model)

    @property
    def _gain(self) -> float:
        return self.world.machine.entry.speed * self.dt

    def start(self, state: ArmState) -> Float[Tensor, " x"]:
        """The first row of a state as a vector."""
        self._state = state
        return torch.as_tensor(state.joints[0], dtype=torch.float64).flatten()

    def _loaded(self, row: np.ndarray) -> mujoco.MjData:
        joints, data = self.world.machine.joints, self._data
        data.qpos[:joints], data.qvel[:joints] = row[:joints], row[joints : 2 * joints]
        data.ctrl[:joints] = row[2 * joints :]
        return data

    def step(
        self, states: Float[Tensor, "rows x"], actions: Float[Tensor, "rows a"]
    ) -> Float[Tensor, "rows x"]:
        """One step of several rows."""
        low, high = self.world.machine.limits
        joints = self.world.machine.joints
        rows, batch = states.numpy().copy(), self._batch(len(states))
        targets = rows[:, 2 * joints :] + self._gain * actions.numpy()
        rows[:, 2 * joints :] = np.clip(targets, low, high)
        parts = np.split(rows, 3, axis=1)
        for name, part in zip(("qpos", "qvel", "ctrl"), parts, strict=True):
            batch.bind(name)[:] = part
        batch.step(nstep=SUBSTEPS)
        return torch.from_numpy(np.concatenate([batch.bind("qpos"), batch.bind("qvel"), parts[2]], axis=1))

    def _batch(self, rows: int) -> Any:  # noqa: ANN401  (a Batch)
        if rows not in self._batches:
            self._batches[rows] = mujoco.batch.Batch(self.world.machine.model, rows, nthread=1)
        return self._batches[rows]

    def jacobians(
        self, states: Float[Tensor, "h x"], actions: Float[Tensor, "h a"]
    ) -> tuple[Float[Tensor, "h x x"], Float[Tensor, "h x a"]]:
        """Derivatives of the next states; targets that are at their limits are taken to be free."""
        joints, model = self.world.machine.joints, self.world.machine.model
        low, high = self.world.machine.limits
        size = 2 * joints
        by_state = np.zeros((len(states), 3 * joints, 3 * joints))
        one, drive = np.zeros((size, size)), np.zeros((size, joints))
        for index, (row, action) in enumerate(zip(states.numpy(), actions.numpy(), strict=True)):
            row = row.copy()
            row[size:] = np.clip(row[size:] + self._gain * action, low, high)
            data = self._loaded(row)
            whole, driven = np.eye(size), np.zeros((size, joints))
            for _ in range(SUBSTEPS):
                mujoco.mjd_transitionFD(model, data, _DIFFERENCE, False, one, drive, None, None)
                whole, driven = one @ whole, one @ driven + drive
                mujoco.mj_step(model, data)
            by_state[index, :size, :size], by_state[index, :size, size:] = whole, driven
            by_state[index, size:, size:] = np.eye(joints)
        changes = torch.from_numpy(by_state)
        return changes, changes[:, :, size:] * self._gain

    def entities(
        self, states: Float[Tensor, "rows x"]
    ) -> tuple[Float[Tensor, "rows n 2"], Float[Tensor, "rows e x"]]:
        """Concept coordinates of the entities: of the effector by the joints, and the others as they are."""
        machine, joints = self.world.machine, self.world.machine.joints
        axes, width = list(self.world.view.axes), self.world.width
        agent = int(np.flatnonzero(self._state.episode.agent[0])[0])
        places = np.repeat(self._state.positions[:1].astype(np.float64), len(states), axis=0)
        by_state = np.zeros((len(states), 2 * width, 3 * joints))
        jacobian: Any = np.zeros((3, machine.model.nv))
        for index, row in enumerate(states.numpy()):
            data = self._loaded(row)
            mujoco.mj_kinematics(machine.model, data)
            mujoco.mj_comPos(machine.model, data)
            mujoco.mj_jacSite(machine.model, data, jacobian, None, machine.effector_site)
            places[index, agent] = self.world.view.project(data.site_xpos[machine.effector_site])
            mine = slice(2 * agent, 2 * agent + 2)
            by_state[index, mine, :joints] = jacobian[axes, :joints] / self.world.view.scale
        return torch.from_numpy(places), torch.from_numpy(by_state)
