"""Any MuJoCo environment of Gymnasium as a model to plan with, given a view of its entities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import mujoco
import mujoco.batch
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...envs.arm.view import EntityView
from .dynamics import checked_fields
from .trajectory import Trajectory

MUJOCO_FIELDS = ("entities", "qpos", "qvel")

_PLACED = int(mujoco.mjtStage.mjSTAGE_POS)


@dataclass(frozen=True)
class MujocoDynamics:
    """Rolls out an environment's own MuJoCo model; a state is the environment's ``MjData``.

    Attributes:
        model: The environment's ``unwrapped.model``.
        view: Which bodies, sites or geoms are the entities.
        frame_skip: Physics steps of a control step, ``unwrapped.frame_skip``.
        threads: Threads of the simulation; the results do not depend on them.
    """

    model: mujoco.MjModel
    view: EntityView
    frame_skip: int = 1
    threads: int = 1
    _batches: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Checks the number.

        Raises:
            ValueError: Less than one physics step, a name that the model does not have, or an actuator
                without a range, in which actions from -1 to 1 would say nothing.
        """
        if self.frame_skip < 1:
            raise ValueError(f"frame_skip is {self.frame_skip}, expected one at least")
        low, high = self.model.actuator_ctrlrange.T
        free = [self.model.actuator(int(i)).name or int(i) for i in np.flatnonzero(low >= high)]
        if free:
            raise ValueError(f"the actuators {free} have no ctrlrange: give them one in the model")
        self.view.bind(self.model)

    @property
    def dt(self) -> float:
        """Seconds of a control step."""
        return float(self.model.opt.timestep) * self.frame_skip

    @property
    def actions(self) -> int:
        """A, one a control of the model."""
        return int(self.model.nu)

    def control(self, action: Float[np.ndarray, "*shape action"]) -> Float[np.ndarray, "*shape action"]:
        """What the environment takes for an action in [-1, 1]: the model's range of control."""
        low, high = self.model.actuator_ctrlrange.T
        return low + (np.asarray(action, dtype=np.float64) + 1) / 2 * (high - low)

    def rollout(
        self, state: mujoco.MjData, actions: Float[Tensor, "samples horizon action"], fields: tuple[str, ...]
    ) -> Trajectory:
        """What K sequences of actions lead to."""
        fields = checked_fields(fields, MUJOCO_FIELDS)
        samples = len(actions)
        batch = self._batch(samples)
        row = np.empty(batch.state.shape[1])
        mujoco.mj_getState(self.model, state, row, int(mujoco.mjtState.mjSTATE_INTEGRATION))
        batch.state[:] = row
        batch.warning[:] = 0
        places = sorted({name for name, _ in self.view.bind(self.model)})
        found = self._rolled(batch, self.control(actions.numpy()), [*places, "qpos", "qvel"])
        found["entities"] = self.view.positions(self.model, {name: found[name] for name in places})
        now = {"entities": self.view.positions(self.model, state), "qpos": state.qpos, "qvel": state.qvel}
        valid = torch.from_numpy(~batch.warning.reshape(samples, -1).any(1))

        def led(name: str) -> Tensor:
            first = np.broadcast_to(now[name], (samples, 1, *np.shape(now[name])))
            return torch.from_numpy(np.concatenate([first, found[name]], axis=1).astype(np.float32))

        return Trajectory({name: led(name) for name in fields}, actions, valid)

    def _rolled(self, batch: Any, controls: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:  # noqa: ANN401
        """Fields after each control step, (K, H, ...); what follows from positions is as they are then."""
        views = {name: batch.bind(name) for name in ("ctrl", *names)}
        record: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for index in range(controls.shape[1]):
            views["ctrl"][:] = controls[:, index]
            batch.step(nstep=self.frame_skip, stage=_PLACED)
            for name in names:
                record[name].append(views[name].copy())
        return {name: np.stack(parts, axis=1) for name, parts in record.items()}

    def _batch(self, rows: int) -> Any:  # noqa: ANN401  (a Batch)
        if rows not in self._batches:
            self._batches[rows] = mujoco.batch.Batch(self.model, rows, nthread=self.threads)
        return self._batches[rows]
