"""The MuJoCo models: a robot, a table, and objects to be looked at, gripped or pushed."""

from __future__ import annotations

from functools import lru_cache

import mujoco

from .robots import ROBOTS
from .view import Plane

PLANES: dict[str, Plane] = {
    "table": Plane(origin=(0.45, 0.0, 0.03), axes=(0, 1), scale=0.25),
    "wall": Plane(origin=(0.45, 0.0, 0.42), axes=(0, 2), scale=0.25),
}
"""Where concepts are enacted: on the table, or upright in the plane before the robot."""

TIMESTEP = 0.025
"""Seconds of a physics step."""

HEIGHT, _HALF = 0.03, 0.02
"""Height of the objects' centres over the table, and half their own, in metres."""

TOP = HEIGHT + _HALF
"""Height of the tops of objects on the table, in metres."""

_HIDDEN = (0.0, 0.0, -1.0)
_MASS, _FRICTION, _DAMPING = 0.1, 0.2, 1.0
_SKY = [0.90, 0.93, 0.95]


def object_name(index: int) -> str:
    """Name of an object's body, by its slot."""
    return f"object{index}"


@lru_cache(maxsize=32)
def build(robot: str, objects: int, kind: str, stretch: float = 1.0) -> mujoco.MjModel:
    """Builds a model.

    Args:
        robot: A name in ``ROBOTS``.
        objects: Number of object slots.
        kind: "reach": objects are where the episode puts them, and touch nothing. "suction": they
            slide and can be lifted; a connection to the effector, off at first, holds one.
            "pusher": they slide, and touch each other and the effector.
        stretch: Factor of the physics step's length, for a coarser model to plan with.
    """
    spec = mujoco.MjSpec.from_file(str(ROBOTS[robot].path))
    spec.modelname = f"{robot}-{kind}-{objects}"
    spec.option.timestep = TIMESTEP * stretch
    spec.option.integrator = int(mujoco.mjtIntegrator.mjINT_IMPLICITFAST)
    spec.option.jacobian = int(mujoco.mjtJacobian.mjJAC_DENSE)
    _furnish(spec)
    for index in range(objects):
        _add_object(spec, index, kind)
    if kind == "pusher":
        tip = next(geom for geom in spec.geoms if geom.name == "tip")
        tip.contype, tip.conaffinity = 1, 1
    return spec.compile()


def _furnish(spec: mujoco.MjSpec) -> None:
    """Table, floor, light and two cameras; nothing of it touches anything."""
    world = spec.worldbody
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.35] * 3, [0.25] * 3
    spec.visual.headlight.specular = [0.0] * 3
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1280, 960
    box = {"type": mujoco.mjtGeom.mjGEOM_BOX, "contype": 0, "conaffinity": 0}
    world.add_geom(
        name="table", pos=[0.42, 0, -0.02], size=[0.62, 0.55, 0.02], rgba=[0.80, 0.77, 0.71, 1], **box
    )
    plane = PLANES["table"]
    world.add_geom(
        name="field",
        pos=[plane.origin[0], plane.origin[1], 0.0005],
        size=[plane.scale, plane.scale, 0.0005],
        rgba=[0.98, 0.98, 0.96, 1],
        **box,
    )
    # From one direction and a plain sky: even colours, of which films have few.
    world.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0.9, -0.9, 2.0], dir=[-0.25, 0.45, -1],
        diffuse=[0.55] * 3, specular=[0.1] * 3, castshadow=False,
    )  # fmt: skip
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=_SKY, rgb2=_SKY, width=8, height=8 * 6,
    )  # fmt: skip
    world.add_camera(name="front", pos=[1.36, -0.70, 0.92], xyaxes=[0.6, 0.8, 0, -0.40, 0.30, 0.866], fovy=45)
    world.add_camera(name="top", pos=[0.45, 0, 1.35], xyaxes=[1, 0, 0, 0, 1, 0], fovy=30)


def _add_object(spec: mujoco.MjSpec, index: int, kind: str) -> None:
    name = object_name(index)
    if kind == "reach":
        body = spec.worldbody.add_body(name=name, mocap=True, pos=list(_HIDDEN))
    else:
        body = spec.worldbody.add_body(name=name, pos=[0, 0, HEIGHT])
        _let_slide(body, name, lift=kind == "suction")
    touching = int(kind == "pusher")
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[0.015, _HALF, 0],
        mass=_MASS,
        rgba=[0.7, 0.7, 0.7, 1],
        contype=touching,
        conaffinity=touching,
    )
    if kind == "suction":
        body.add_site(name=f"{name}_top", pos=[0, 0, _HALF])
        spec.add_equality(
            name=f"{name}_grip",
            type=mujoco.mjtEq.mjEQ_CONNECT,
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            name1="effector",
            name2=f"{name}_top",
            active=False,
            solref=[0.06, 1],
        )


def _let_slide(body: mujoco.MjsBody, name: str, *, lift: bool) -> None:
    """Joints along the table, with friction; and up, if the object is to be lifted."""
    slide = {"type": mujoco.mjtJoint.mjJNT_SLIDE, "damping": _DAMPING}
    for axis, direction in zip("xy", ([1, 0, 0], [0, 1, 0]), strict=True):
        body.add_joint(name=f"{name}_{axis}", axis=direction, frictionloss=_FRICTION, **slide)
    if lift:
        body.add_joint(name=f"{name}_z", axis=[0, 0, 1], range=[0, 0.3], limited=True, **slide)
