"""Experts: analytic controllers that know a solution of the scene and bring it about.

They show that every environment can be solved, and give demonstrations in actions. An expert is a
pure function from a world and its state, B rows at once, to actions; it looks behind the
observation, and so is no competitor for agents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ..concepts.event import FRAME_SECONDS
from ..envs.identify import IdentifyWorld
from ..envs.particle.dynamics import thrust_for
from ..envs.particle.hand import HAND_RADIUS
from ..envs.particle.world import ParticleState, ParticleWorld
from ..envs.state import World

_RATE = 6.0
"""Distance to velocity, per second."""

_CRUISE = 1.2
_SHOVE = 0.7
_HOME = 0.012
_PUSHED_HOME = 0.03


def expert_actions(world: World[Any], state: Any) -> Float[np.ndarray, "batch actions"]:  # noqa: ANN401
    """The expert's actions in a state of a world.

    Args:
        world: A particle or an identification world, ``env.unwrapped.world``.
        state: Its state, ``env.unwrapped.state``.

    Returns:
        Actions in [-1, 1], (B, A), float32.

    Raises:
        ValueError: The world is of another kind, or its concept is about a trajectory and has to be
            brought about by a hand.
    """
    if isinstance(world, IdentifyWorld):
        return np.where(state.scene.attention > 0.5, 1.0, -1.0).astype(np.float32)
    if not isinstance(world, ParticleWorld):
        raise ValueError(f"there is no expert for a {type(world).__name__}")
    if world.control in ("all", "one"):
        return _drive(world, state)
    if world.frames > 1:
        raise ValueError(f"there is no expert that brings about {world.task.name!r} by {world.control!r}")
    return _carry(world, state) if world.control == "grab" else _push(world, state)


def _thrust(world: ParticleWorld, wanted: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Actions, float32, that bring driven bodies to the wanted velocity as fast as the thrust allows."""
    return np.asarray(thrust_for(wanted, velocities, world.physics), dtype=np.float32)


def _limited(velocities: np.ndarray, limit: float) -> np.ndarray:
    speed = np.sqrt((velocities**2).sum(-1, keepdims=True))
    return velocities * np.minimum(1.0, limit / np.maximum(speed, 1e-9))


def _drive(world: ParticleWorld, state: ParticleState) -> np.ndarray:
    """Every driven disc tracks its own path in the solution."""
    place, speed = _reference(world, state)
    positions, velocities = state.positions[:, : world.width], state.velocities[:, : world.width]
    wanted = _limited(speed + _RATE * (place - positions), _CRUISE)
    thrust = _thrust(world, wanted, velocities) * state.episode.controlled[..., None]
    return thrust.reshape(len(thrust), -1) if world.control == "all" else thrust.sum(1)


def _reference(world: ParticleWorld, state: ParticleState) -> tuple[np.ndarray, np.ndarray]:
    """Place and velocity in the solution one step from now, (B, N, 2) each."""
    solution = state.episode.solution
    if world.frames == 1:
        return solution[:, 1], np.zeros_like(solution[:, 1])
    time = np.minimum((state.steps + 1) * (world.dt / FRAME_SECONDS), world.frames)
    frame = np.minimum(time.astype(np.int64), world.frames - 1)
    rows = np.arange(len(time))
    old, new = solution[rows, frame], solution[rows, frame + 1]
    return old + (time - frame)[:, None, None] * (new - old), (new - old) / FRAME_SECONDS


def _pick(places: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Place of the one entity under the mask, (B, 2); zero where there is none."""
    return (places * who[..., None]).sum(1)


def _nearest(places: np.ndarray, point: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Mask of the entity nearest to a point, (B, N); empty where nobody is eligible."""
    distance = np.where(among, ((places - point[:, None]) ** 2).sum(-1), np.inf)
    return (np.arange(among.shape[1]) == np.argmin(distance, axis=1)[:, None]) & among


def _carry(world: ParticleWorld, state: ParticleState) -> np.ndarray:
    """Takes the nearest disc that is not home yet, carries it there, and lets go."""
    width = world.width
    places, goals = state.positions[:, :width], state.episode.solution[:, -1]
    hand, velocity = state.positions[:, -1], state.velocities[:, -1]
    away: np.ndarray = np.sqrt(((places - goals) ** 2).sum(-1))
    movable = state.episode.scene.movable
    held = state.held[:, :width]
    carrying = np.asarray(held.any(1))
    wanted = _nearest(places, hand, movable & (away > _HOME))
    way = np.where(carrying[:, None], _pick(goals - places, held), _pick(places, wanted) - hand)
    idle = ~carrying & ~wanted.any(1)
    speed = np.where(idle[:, None], 0.0, _limited(_RATE * way, _CRUISE))
    reachable = _nearest(places, hand, movable) & wanted
    close = (
        np.sqrt(((places - hand[:, None]) ** 2).sum(-1))
        <= state.episode.bodies.radii[:, :width] + HAND_RADIUS / 2
    )
    arrived = carrying & (_pick(away[..., None], held)[:, 0] < _HOME / 2)
    grip = (carrying & ~arrived) | (reachable & close).any(1)
    return np.concatenate(
        [_thrust(world, speed, velocity), np.where(grip, 1.0, -1.0)[:, None]], axis=1
    ).astype(np.float32)


def _push(world: ParticleWorld, state: ParticleState) -> np.ndarray:
    """Goes round behind the nearest puck that is not home yet, and pushes it there."""
    width = world.width
    places, goals, scene = state.positions[:, :width], state.episode.solution[:, -1], state.episode.scene
    pusher = state.episode.controlled
    hand, velocity = _pick(state.positions, pusher), _pick(state.velocities, pusher)
    radius = (state.episode.bodies.radii * pusher).sum(1)
    pucks = scene.movable & ~pusher[:, :width]
    far = pucks & (np.sqrt(((places - goals) ** 2).sum(-1)) > _PUSHED_HOME)
    puck = _nearest(places, hand, far)
    reach = radius + _pick(scene.sizes[..., None], puck)[:, 0]
    speed = _pushing(hand, _pick(places, puck), _pick(goals, puck), reach)
    return _thrust(world, np.where(far.any(1)[:, None], speed, 0.0), velocity)


def _pushing(hand: np.ndarray, puck: np.ndarray, goal: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Velocity of the hand, (B, 2): round the puck until behind it, then through it to its goal."""

    def unit(vectors: np.ndarray) -> np.ndarray:
        return vectors / np.maximum(np.sqrt((vectors**2).sum(-1, keepdims=True)), 1e-9)

    way = goal - puck
    ahead = unit(way)
    relative = hand - puck
    outward = unit(relative)
    gap = np.sqrt((relative**2).sum(-1)) - reach
    behind = -(outward * ahead).sum(-1)
    side = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
    lateral = (relative * side).sum(-1, keepdims=True)
    drive = np.minimum(_SHOVE, 0.15 + 4.0 * np.sqrt((way**2).sum(-1, keepdims=True)))
    push = ahead * drive - 10.0 * lateral * side
    turn = np.where((outward[:, 0] * ahead[:, 1] - outward[:, 1] * ahead[:, 0]) > 0, -1.0, 1.0)[:, None]
    tangent = turn * np.stack([-outward[:, 1], outward[:, 0]], axis=-1)
    circle = tangent - 6.0 * (gap[:, None] - 0.06) * outward
    target = puck - ahead * (reach + 0.05)[:, None]
    straight = _limited(_RATE * (target - hand), _CRUISE)
    around = np.where((gap > 0.15)[:, None], straight, circle)
    return _limited(np.where((behind > 0.95)[:, None], push, around), _CRUISE)
