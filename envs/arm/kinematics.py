"""Inverse kinematics by damped least squares."""

from __future__ import annotations

import mujoco
import numpy as np
from jaxtyping import Float

_DAMPING = 0.05
_STEPS = 100
_CLOSE = 1e-4
_LONGEST = 0.2


def damped_step(
    jacobian: Float[np.ndarray, "*batch m n"],
    error: Float[np.ndarray, "*batch m"],
    damping: float = _DAMPING,
) -> Float[np.ndarray, "*batch n"]:
    """The joint change J^T (J J^T + d^2 I)^-1 e for an error e of the effector.

    Buss, "Introduction to inverse kinematics with Jacobian transpose, pseudoinverse and damped least
    squares methods" (2004), equation 11.

    Args:
        jacobian: J.
        error: Wanted change of the effector.
        damping: d, in the effector's units.
    """
    square = jacobian @ np.swapaxes(jacobian, -1, -2)
    square = square + damping**2 * np.eye(square.shape[-1])
    return np.einsum("...mn,...m->...n", jacobian, np.linalg.solve(square, error[..., None])[..., 0])


def solve(
    model: mujoco.MjModel,
    site: int,
    target: Float[np.ndarray, " 3"],
    home: Float[np.ndarray, " joints"],
    weights: Float[np.ndarray, " 3"] | None = None,
) -> tuple[Float[np.ndarray, " joints"], float]:
    """Joint positions within the limits that bring a site to a target.

    Args:
        model: The robot's joints come first among the model's.
        site: The site's number.
        target: Where it is to be, in metres.
        home: Where the search starts; its length says how many joints the robot has.
        weights: Which coordinates matter, 1 or 0; all by default.

    Returns:
        The joint positions, and the distance that is left.
    """
    joints, care = len(home), np.ones(3) if weights is None else weights
    data = mujoco.MjData(model)
    low, high = model.jnt_range[:joints].T
    places, jacobian = home.copy(), np.zeros((3, model.nv))
    error = np.zeros(3)
    for _ in range(_STEPS):
        data.qpos[:joints] = places
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        error = (target - data.site_xpos[site]) * care
        if float(np.linalg.norm(error)) < _CLOSE:
            break
        mujoco.mj_jacSite(model, data, jacobian, None, site)
        change = damped_step(jacobian[:, :joints] * care[:, None], error)
        change *= min(1.0, _LONGEST / max(float(np.abs(change).max()), 1e-9))
        places = np.clip(places + change, low, high)
    return places, float(np.linalg.norm(error))
