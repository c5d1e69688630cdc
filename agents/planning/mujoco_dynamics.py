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
from .dynamics import check_fields
from .trajectory import Trajectory

MUJOCO_FIELDS = ("entities", "qpos", "qvel")


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
            ValueError: Less than one physics step, or a name that the model does not have.
        """
        if self.frame_skip < 1:
            raise ValueError(f"frame_skip is {self.frame_skip}, expected one at least")
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
        check_fields(fields, MUJOCO_FIELDS)
        samples, horizon = actions.shape[:2]
        batch = self._batch(samples)
        row = np.empty(batch.state.shape[1])
        mujoco.mj_getState(self.model, state, row, int(mujoco.mjtState.mjSTATE_INTEGRATION))
        batch.state[:] = row
        batch.warning[:] = 0
        controls = np.repeat(self.control(actions.numpy()), self.frame_skip, axis=1)
        places = sorted({name for name, _ in self.view.bind(self.model)})
        record = batch.rollout(horizon * self.frame_skip, controls, record=[*places, "qpos", "qvel"])
        last = {name: part[:, self.frame_skip - 1 :: self.frame_skip] for name, part in record.items()}
        found = {"entities": self.view.positions(self.model, {name: last[name] for name in places})}
        found |= {"qpos": last["qpos"], "qvel": last["qvel"]}
        now = {"entities": self.view.positions(self.model, state), "qpos": state.qpos, "qvel": state.qvel}
        valid = torch.from_numpy(~batch.warning.reshape(samples, -1).any(1))

        def led(name: str) -> Tensor:
            first = np.broadcast_to(now[name], (samples, 1, *np.shape(now[name])))
            return torch.from_numpy(np.concatenate([first, found[name]], axis=1).astype(np.float32))

        return Trajectory({name: led(name) for name in fields}, actions, valid)

    def _batch(self, rows: int) -> Any:  # noqa: ANN401  (a Batch)
        if rows not in self._batches:
            self._batches[rows] = mujoco.batch.Batch(self.model, rows, nthread=self.threads)
        return self._batches[rows]
