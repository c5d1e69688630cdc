"""Second-order point dynamics with damping, a speed limit, walls and soft contacts.

Pure functions on arrays (..., M, 2), the same for NumPy and torch, and differentiable there: the
environments step them, and planners roll them out.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float

from ...concepts.event import Array
from ...concepts.geometry import as_weights, at_least, at_most, hinge, length, namespace, pairwise, total


@dataclass(frozen=True)
class Physics:
    """Constants of the particle world, in units of the plane and seconds; all masses are one.

    Attributes:
        dt: Length of a step.
        thrust: Acceleration at full action.
        drag: Damping rate of bodies that are driven.
        friction: Damping rate of bodies that are pushed or left alone.
        max_speed: Speed limit.
        stiffness: Force per unit of overlap between touching bodies.
    """

    dt: float = 0.05
    thrust: float = 6.0
    drag: float = 1.0
    friction: float = 5.0
    max_speed: float = 1.5
    stiffness: float = 200.0


@dataclass(frozen=True)
class Bodies:
    """What stays the same during an episode, prepared for ``step``.

    Attributes:
        radii: (..., M).
        mobile: 1 where a body can move at all, (..., M, 1).
        gain: Change of velocity in one step at full action, (..., M, 1).
        keep: Share of the velocity kept over one step, (..., M, 1); 0 for immobile bodies.
        wall: Largest coordinate of the centre, (..., M, 1).
        solid: 1 where a body takes part in contacts, (..., M).
    """

    radii: Float[Array, "*batch bodies"]
    mobile: Float[Array, "*batch bodies 1"]
    gain: Float[Array, "*batch bodies 1"]
    keep: Float[Array, "*batch bodies 1"]
    wall: Float[Array, "*batch bodies 1"]
    solid: Float[Array, "*batch bodies"]


def make_bodies(
    radii: Float[Array, "*batch bodies"],
    mobile: Bool[Array, "*batch bodies"],
    controlled: Bool[Array, "*batch bodies"],
    solid: Bool[Array, "*batch bodies"],
    physics: Physics,
) -> Bodies:
    """Prepares bodies for ``step``.

    Args:
        radii: Radii.
        mobile: Which bodies can move at all.
        controlled: Which bodies actions drive.
        solid: Which bodies take part in contacts.
        physics: Constants.
    """
    moves, driven = as_weights(mobile, radii)[..., None], as_weights(controlled, radii)[..., None]
    rate = physics.drag * driven + physics.friction * (1 - driven)
    return Bodies(
        radii,
        moves,
        physics.thrust * physics.dt * driven,
        (1 - physics.dt * rate) * moves,
        1 - radii[..., None],
        as_weights(solid, radii),
    )


def contact_forces(
    positions: Float[Array, "*batch bodies 2"], bodies: Bodies, stiffness: float
) -> Float[Array, "*batch bodies 2"]:
    """Repulsion of overlapping bodies, equal and opposite, in proportion to their overlap."""
    between = pairwise(positions)
    distance = length(between)
    reach = bodies.radii[..., None, :] + bodies.radii[..., :, None]
    pairs = bodies.solid[..., None, :] * bodies.solid[..., :, None]
    strength = stiffness * hinge(reach - distance) * pairs
    share = strength / at_least(distance, 1e-6)
    return -total(share[..., None] * between, axis=-2)


def step(
    positions: Float[Array, "*batch bodies 2"],
    velocities: Float[Array, "*batch bodies 2"],
    actions: Float[Array, "*batch #bodies 2"],
    bodies: Bodies,
    physics: Physics,
    *,
    contacts: bool = False,
) -> tuple[Float[Array, "*batch bodies 2"], Float[Array, "*batch bodies 2"]]:
    """One step of semi-implicit Euler.

    Args:
        positions: Centres.
        velocities: Units per second.
        actions: Share of the full thrust, by body, in [-1, 1].
        bodies: What stays the same.
        physics: Constants.
        contacts: Whether solid bodies repel each other.

    Returns:
        Positions and velocities one step later. A body that reaches a wall stops there, in the
        coordinate concerned.
    """
    xp = namespace(positions)
    velocities = velocities * bodies.keep + actions * bodies.gain
    if contacts:
        force = contact_forces(positions, bodies, physics.stiffness)
        velocities = velocities + physics.dt * force * bodies.mobile
    limit = physics.max_speed
    squared = at_least(total(velocities * velocities), limit * limit)
    velocities = velocities * (limit / xp.sqrt(squared))[..., None]
    free = positions + physics.dt * velocities
    kept = xp.minimum(xp.maximum(free, -bodies.wall), bodies.wall)
    return kept, velocities * (free == kept)


def thrust_for(
    wanted: Float[Array, "*batch 2"], velocities: Float[Array, "*batch 2"], physics: Physics
) -> Float[Array, "*batch 2"]:
    """Actions that bring driven bodies from their velocities to wanted ones, as far as one step can."""
    kept = (1 - physics.dt * physics.drag) * velocities
    return at_most(at_least((wanted - kept) / (physics.thrust * physics.dt), -1.0), 1.0)
