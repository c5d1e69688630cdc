"""The arm world as a model to plan with: MuJoCo, many rollouts at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import mujoco.batch
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...envs.arm.machine import SUBSTEPS
from ...envs.arm.scene import build
from ...envs.arm.world import ArmState, ArmWorld
from .dynamics import checked_fields
from .trajectory import Trajectory

ARM_FIELDS = ("entities", "effector", "qpos", "qvel")


@dataclass(frozen=True)
class ArmDynamics:
    """Rolls out the robot; what it holds it keeps, and what moves by itself goes on as it does.

    Attributes:
        world: The world; control "joints".
        threads: Threads of the simulation; the results do not depend on them.
        coarse: Physics steps of a step of the plan; 2 are those of the environment, 1 is a coarser
            model, twice as fast.
    """

    world: ArmWorld
    threads: int = 1
    coarse: int = SUBSTEPS
    _batches: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Checks the control.

        Raises:
            ValueError: Control of the effector, which is not a matter of the joints' targets.
        """
        if self.world.control != "joints":
            raise ValueError(f"control is {self.world.control!r}: plans are made of joint targets, 'joints'")
        if not 1 <= self.coarse <= SUBSTEPS:
            raise ValueError(f"coarse is {self.coarse}, expected 1 to {SUBSTEPS}")

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        return self.world.dt

    @property
    def actions(self) -> int:
        """A: one a joint, and one of the suction, if there is one."""
        return int(self.world.action_space.shape[0])

    def rollout(
        self, state: ArmState, actions: Float[Tensor, "samples horizon action"], fields: tuple[str, ...]
    ) -> Trajectory:
        """What K sequences of actions lead to from the first row of a state."""
        fields = checked_fields(fields, ARM_FIELDS)
        samples = len(actions)
        batch = self._batch(samples)
        batch.state[:] = state.physics[:1]
        batch.warning[:] = 0
        names = ["site_xpos", "qpos"] + (["qvel"] if "qvel" in fields else [])
        recorded = self._fields(state, self._rolled(batch, self._targets(state, actions.numpy()), names))
        valid = np.isfinite(recorded["entities"]).reshape(samples, -1).all(1)
        valid &= ~batch.warning.reshape(samples, -1).any(1)
        tensors = {n: torch.from_numpy(recorded[n].astype(np.float32)) for n in fields}
        return Trajectory(tensors, actions, torch.from_numpy(valid))

    def _rolled(self, batch: Any, controls: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:  # noqa: ANN401
        """Fields after each control step, (K, H, ...).

        A physics step moves the joints last, so that sites are recorded where they were before it: one
        physics step more tells where they are in the end.
        """
        physical = np.repeat(controls, self.coarse, axis=1)
        longer, last = np.concatenate([physical, physical[:, -1:]], axis=1), physical.shape[1]
        record = batch.rollout(last + 1, longer, record=names)
        begin = {name: self.coarse if name == "site_xpos" else self.coarse - 1 for name in names}
        return {n: part[:, begin[n] : begin[n] + last : self.coarse] for n, part in record.items()}

    def _targets(self, state: ArmState, actions: np.ndarray) -> np.ndarray:
        """Joint targets of every step, (K, H, J): the environment's own rule."""
        machine, joints = self.world.machine, self.world.machine.joints
        low, high = machine.limits
        targets = np.empty((*actions.shape[:2], joints))
        place = np.broadcast_to(state.joints[:1, 2].astype(np.float64), (len(actions), joints))
        for index in range(actions.shape[1]):
            change = actions[:, index, :joints] * (machine.entry.speed * self.dt)
            place = np.clip(place + change, low, high)
            targets[:, index] = place
        return targets

    def _fields(self, state: ArmState, record: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The recorded quantities with the present in front, (K, H+1, ...)."""
        world, episode = self.world, state.episode
        samples, horizon = record["qpos"].shape[:2]

        def led(now: np.ndarray, later: np.ndarray) -> np.ndarray:
            return np.concatenate([np.broadcast_to(now, (samples, 1, *now.shape)), later], axis=1)

        effector = led(state.effector[0], record["site_xpos"][:, :, world.machine.effector_site])
        time = (np.arange(horizon + 1) * self.dt)[:, None, None]
        drift = state.velocities[0] * ~episode.scene.movable[0][:, None] * (world.frames > 1)
        rest = np.clip(state.positions[0] + time * drift, -1, 1)
        if world.kind == "reach":
            place = world.view.project(effector)[:, :, None]
            entities = np.where(episode.agent[0][:, None], place, rest)
        else:
            slid = np.zeros((samples, horizon, world.width, 3))
            slid[..., :2] = record["qpos"][:, :, world.machine.slides]
            moved = led(state.positions[0], world.view.project(slid))
            entities = np.where(episode.scene.movable[0][:, None], moved, rest)
        out = {"entities": entities, "effector": effector}
        if "qvel" in record:
            out["qvel"] = led(self._now(state, "qvel"), record["qvel"])
        out["qpos"] = led(self._now(state, "qpos"), record["qpos"])
        return out

    def _now(self, state: ArmState, name: str) -> np.ndarray:
        batch = self._batch(1)
        batch.state[:] = state.physics[:1]
        return batch.bind(name)[0].copy()

    def _batch(self, rows: int) -> Any:  # noqa: ANN401  (a Batch)
        if rows not in self._batches:
            model = self.world.machine.model
            if self.coarse != SUBSTEPS:
                model = build(self.world.robot, self.world.width, self.world.kind, SUBSTEPS / self.coarse)
            self._batches[rows] = mujoco.batch.Batch(model, rows, nthread=self.threads)
            self._batches[rows].bind("qpos")
            self._batches[rows].bind("qvel")
        return self._batches[rows]
