"""The robot and its objects as MuJoCo simulates them: placing, driving and gripping, rows at once.

A machine has no memory: every function loads the rows it is handed into scratch simulations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import mujoco
import mujoco.batch
import numpy as np
from jaxtyping import Bool, Float

from . import kinematics
from .robots import ROBOTS, Robot
from .scene import PLANES, TIMESTEP, TOP, build, object_name
from .view import Plane

SUBSTEPS = 2
"""Physics steps of a control step."""

DT = SUBSTEPS * TIMESTEP
"""Seconds of a control step."""

REACH = 0.08
"""Distance sideways, in units of the plane, within which suction takes an object."""

SUCTION = 0.04
"""Height over or under the top of an object on the table, in metres, within which suction takes it."""

EFFECTOR_SPEED = 0.5
"""Largest speed of the effector along each axis where it is controlled itself, in metres per second."""

_STAGE = int(mujoco.mjtStage.mjSTAGE_VEL)
_NOWHERE = (0.0, 0.0, -1.0)


class Simulation(NamedTuple):
    """Simulations side by side, and views of their states by MuJoCo's names."""

    batch: Any
    qpos: np.ndarray
    qvel: np.ndarray
    ctrl: np.ndarray
    site_xpos: np.ndarray
    mocap_pos: np.ndarray
    eq_active: np.ndarray


class Snapshot(NamedTuple):
    """What a simulation looks like, rows first.

    Attributes:
        physics: MuJoCo's integration states, (B, S), float64.
        joints: Positions, velocities and targets of the joints, (B, 3, J), float32.
        effector: Places of the effectors in the world, in metres, (B, 3).
        objects: Concept coordinates of objects that can be moved, (B, N, 2); as given for others.
    """

    physics: np.ndarray
    joints: np.ndarray
    effector: np.ndarray
    objects: np.ndarray


@dataclass(frozen=True)
class Machine:
    """A robot with its table and objects.

    Attributes:
        robot: A name in ``ROBOTS``.
        width: Number of object slots, N.
        kind: "reach", "suction" or "pusher", see ``scene.build``.
        plane: A name in ``PLANES``.
    """

    robot: str
    width: int
    kind: str
    plane: str
    _simulations: dict[tuple[int, tuple[str, ...]], Simulation] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def entry(self) -> Robot:
        """The robot's entry in the table of robots."""
        return ROBOTS[self.robot]

    @cached_property
    def view(self) -> Plane:
        """The plane's entry in the table of planes."""
        return PLANES[self.plane]

    @cached_property
    def model(self) -> mujoco.MjModel:
        """The physics."""
        return build(self.robot, self.width, self.kind)

    @cached_property
    def joints(self) -> int:
        """J, the number of the robot's joints, which come first."""
        return len(self.entry.home)

    @cached_property
    def limits(self) -> tuple[Float[np.ndarray, " joints"], Float[np.ndarray, " joints"]]:
        """Smallest and largest positions of the joints."""
        low, high = self.model.jnt_range[: self.joints].T
        return low.copy(), high.copy()

    @cached_property
    def effector_site(self) -> int:
        """Number of the effector's site."""
        return int(self.model.site("effector").id)

    @cached_property
    def depth(self) -> tuple[int, float]:
        """The world's axis across the plane, and where on it the effector acts, in metres."""
        (axis,) = {0, 1, 2} - set(self.view.axes)
        return axis, self.entry.height if self.plane == "table" else self.view.origin[axis]

    @cached_property
    def slides(self) -> np.ndarray:
        """Indices of the objects' x and y in qpos, (N, 2)."""
        names = [[f"{object_name(i)}_{axis}" for axis in "xy"] for i in range(self.width)]
        return np.array([[int(self.model.joint(n).qposadr[0]) for n in pair] for pair in names])

    def placed(
        self,
        hand: Float[np.ndarray, "b 2"],
        places: Float[np.ndarray, "b n 2"],
        shown: Bool[np.ndarray, "b n"],
    ) -> Snapshot:
        """At rest, with the effector over places in the plane, and the objects in theirs.

        Args:
            hand: Where the effectors are to be.
            places: Where the objects are.
            shown: Which objects are there.
        """
        now = self._simulation(len(hand))
        now.batch.reset(stage=int(mujoco.mjtStage.mjSTAGE_NONE))
        solved = np.stack([self._solved(point) for point in hand])
        now.qpos[:, : self.joints] = solved
        now.ctrl[:, : self.joints] = solved
        self._furnish(now, places, shown)
        now.batch.forward(stage=_STAGE)
        return self._snapshot(now, places)

    def _solved(self, point: np.ndarray) -> np.ndarray:
        target = self.view.lift(point.astype(np.float64))
        axis, level = self.depth
        target[axis] = level
        care = np.array([1.0, 1.0, float(self.entry.lifts)])
        return kinematics.solve(self.model, self.effector_site, target, np.array(self.entry.home), care)[0]

    def _furnish(self, now: Simulation, places: np.ndarray, shown: np.ndarray) -> None:
        """Puts the objects to places: in the model they are mocap bodies, or slide."""
        world = self.view.lift(places.astype(np.float64))
        if self.kind == "reach":
            world[~shown] = _NOWHERE
            now.mocap_pos[:] = world
            return
        world[~shown, 0] += 5.0 + np.arange((~shown).sum())
        now.qpos[:, self.slides] = world[..., :2]

    def step(
        self,
        physics: np.ndarray,
        change: Float[np.ndarray, "b joints"],
        held: Bool[np.ndarray, "b n"],
        places: Float[np.ndarray, "b n 2"],
        shown: Bool[np.ndarray, "b n"] | None,
        fields: Mapping[str, np.ndarray],
    ) -> Snapshot:
        """One control step.

        Args:
            physics: Integration states.
            change: Changes of the joints' targets, which stay within the joints' limits.
            held: Which object the suction holds.
            places: Where the objects are, or are to be put.
            shown: Which objects to put there; None leaves them alone.
            fields: Values of the model's fields, (B, ...), where they differ from row to row.
        """
        now = self._simulation(len(physics), tuple(fields))
        _load(now.batch, fields)
        now.batch.state[:] = physics
        targets = now.ctrl[:, : self.joints] + change
        now.ctrl[:, : self.joints] = np.minimum(np.maximum(targets, self.limits[0]), self.limits[1])
        if self.kind == "suction":
            now.eq_active[:] = held
        if shown is not None:
            self._furnish(now, places, shown)
        now.batch.step(nstep=SUBSTEPS, stage=_STAGE)
        return self._snapshot(now, places)

    def joint_change(
        self, physics: np.ndarray, effector: Float[np.ndarray, "b 3"], wanted: Float[np.ndarray, "b 3"]
    ) -> Float[np.ndarray, "b joints"]:
        """Changes of the joints for wanted ones of the effector, in metres, by damped least squares."""
        now = self._simulation(len(physics))
        now.batch.state[:] = physics
        now.batch.forward(stage=int(mujoco.mjtStage.mjSTAGE_POS))
        body = np.full(len(wanted), int(self.model.site_bodyid[self.effector_site]), dtype=np.int32)
        translation = np.asarray(now.batch.jac(body, effector)[0])[..., : self.joints]
        return kinematics.damped_step(translation, wanted.astype(np.float64))

    def gripped(
        self,
        effector: Float[np.ndarray, "b 3"],
        places: Float[np.ndarray, "b n 2"],
        held: Bool[np.ndarray, "b n"],
        movable: Bool[np.ndarray, "b n"],
        on: Bool[np.ndarray, " b"],
    ) -> Bool[np.ndarray, "b n"]:
        """Which object the suction holds: it keeps hold while on, else takes the nearest in reach."""
        hand = self.view.project(effector)[:, None]
        distance = np.sqrt(((places - hand) ** 2).sum(-1))
        low = np.abs(effector[:, 2:] - TOP) <= SUCTION
        graspable = movable & (distance <= REACH) & low
        nearest = np.argmin(np.where(graspable, distance, np.inf), axis=1)[:, None]
        taken = (np.arange(places.shape[1]) == nearest) & graspable
        return np.where(held.any(1, keepdims=True), held, taken) & on[:, None]

    def _snapshot(self, now: Simulation, places: np.ndarray) -> Snapshot:
        joints = np.stack([part[:, : self.joints] for part in (now.qpos, now.qvel, now.ctrl)], axis=1)
        objects = places
        if self.kind != "reach":
            slid = np.zeros((*places.shape[:-1], 3))
            slid[..., :2] = now.qpos[:, self.slides]
            objects = self.view.project(slid)
        effector = now.site_xpos[:, self.effector_site].copy()
        return Snapshot(now.batch.state.copy(), joints.astype(np.float32), effector, objects)

    def _simulation(self, rows: int, varied: tuple[str, ...] = ()) -> Simulation:
        """Scratch simulations of a number of rows, with values of their own of some fields of the model."""
        key = (rows, varied)
        if key not in self._simulations:
            batch = mujoco.batch.Batch(self.model, rows, nthread=1)
            names = ("qpos", "qvel", "ctrl", "site_xpos", "mocap_pos", "eq_active")
            self._simulations[key] = Simulation(batch, *(batch.bind(name) for name in names))
        return self._simulations[key]


def _load(batch: Any, fields: Mapping[str, np.ndarray]) -> None:  # noqa: ANN401  (a Batch)
    """Gives the rows their own values of the model's fields, where they have not got them yet."""
    changed = False
    for name, values in fields.items():
        own = batch.expand(name)
        if not np.array_equal(own, values):
            own[:] = values
            changed = True
    if changed:
        batch.set_const()
