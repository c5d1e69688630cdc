"""What may differ from one episode of an arm world to the next: the physics, the senses, the reactions.

Every object says one thing that differs, and a world takes any number of them; none by default. What
an episode draws depends on its seed alone. Planners go on planning with the nominal model.

As in Tobin et al., "Domain randomization for transferring deep neural networks" (2017), and Peng et
al., "Sim-to-real transfer of robotic control with dynamics randomization" (2018), section IV-B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import mujoco
import numpy as np
from jaxtyping import Float

from ...concepts.streams import Streams

FAR, FAST = 8.0, 100.0
"""Largest places and velocities in an observation."""


@dataclass(frozen=True)
class Factors:
    """Factors of quantities of the model, drawn for each body, joint or actuator, log-uniformly.

    Attributes:
        name: For messages.
        fields: Fields of ``mujoco.MjModel`` that are multiplied by the same factors; they have the same
            first dimension.
        low: Smallest factor.
        high: Largest factor.
    """

    name: str
    fields: tuple[str, ...]
    low: float
    high: float

    def __post_init__(self) -> None:
        """Checks the range.

        Raises:
            ValueError: It is empty, or not positive.
        """
        if not 0 < self.low <= self.high < np.inf:
            raise ValueError(f"{self.name} from {self.low} to {self.high}: expected 0 < low <= high")


def masses(low: float = 0.5, high: float = 2.0) -> Factors:
    """Masses and inertias of all bodies, the robot's and the objects'."""
    return Factors("masses", ("body_mass", "body_inertia"), low, high)


def friction(low: float = 0.5, high: float = 2.0) -> Factors:
    """Friction of the objects on the table."""
    return Factors("friction", ("dof_frictionloss",), low, high)


def gains(low: float = 0.7, high: float = 1.4) -> Factors:
    """Gains of the actuators, stiffness and damping alike."""
    return Factors("gains", ("actuator_gainprm", "actuator_biasprm"), low, high)


@dataclass(frozen=True)
class ObservationNoise:
    """Normal noise on what is measured; rewards and success know the truth.

    Attributes:
        deviation: Of positions, in units of the plane, of joints, in radians or metres, and of the
            effector's place, in metres; of velocities ten times as much a second.
    """

    deviation: float = 0.01

    def __post_init__(self) -> None:
        """Checks the number.

        Raises:
            ValueError: It is negative or not finite.
        """
        if not 0 <= self.deviation < np.inf:
            raise ValueError(f"deviation is {self.deviation}, expected a number that is not negative")


@dataclass(frozen=True)
class Latency:
    """Actions take effect late, by a number of steps drawn for each episode.

    Attributes:
        most: Largest number of steps.
    """

    most: int = 2

    def __post_init__(self) -> None:
        """Checks the number.

        Raises:
            ValueError: It is less than one.
        """
        if self.most < 1:
            raise ValueError(f"most is {self.most}, expected one step at least")


Randomisation: TypeAlias = Factors | ObservationNoise | Latency

_PLACES = ("positions", "history", "joints", "effector")
_RATES = ("velocities", "joint_velocities")
_RATE_NOISE = 10.0


@dataclass(frozen=True)
class Drawn:
    """What B episodes have drawn.

    Attributes:
        keys: Seeds of the noise, (B,).
        factors: All factors side by side, (B, F).
        delay: By how many steps actions are late, (B,).
    """

    keys: np.ndarray
    factors: Float[np.ndarray, "b f"]
    delay: np.ndarray


def check_randomisation(parts: tuple[object, ...], model: mujoco.MjModel) -> None:
    """Checks what a world is to randomise.

    Args:
        parts: Objects of this module.
        model: The world's model.

    Raises:
        TypeError: One of them is something else.
        ValueError: Two say the same thing, or one is about what this model has not got.
    """
    kinds = []
    for part in parts:
        if not isinstance(part, (Factors, ObservationNoise, Latency)):
            raise TypeError(
                f"randomisation holds {part!r}, expected masses(), friction(), Latency() and such"
            )
        if isinstance(part, Factors) and not any(np.any(getattr(model, name)) for name in part.fields):
            raise ValueError(
                f"{part.name} are factors of {part.fields}, which are all zero in this world: leave them out"
            )
        kinds.append(part.name if isinstance(part, Factors) else type(part).__name__)
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"randomisation names one thing twice: {kinds}")


def draw(parts: tuple[Randomisation, ...], model: mujoco.MjModel | None, streams: Streams) -> Drawn:
    """Draws what differs in these episodes; ``model`` is only needed for factors."""
    values, delay = [np.zeros((streams.rows, 0))], np.zeros(streams.rows, dtype=np.int32)
    for part in parts:
        if isinstance(part, Factors):
            size = len(getattr(model, part.fields[0]))
            share = streams.uniform(part.name, size)
            values.append(part.low * (part.high / part.low) ** share)
        elif isinstance(part, Latency):
            delay = streams.integers("latency", 0, part.most).astype(np.int32)
    return Drawn(streams.fork("noise").keys, np.concatenate(values, axis=1), delay)


def split(
    parts: tuple[Randomisation, ...], model: mujoco.MjModel, factors: Float[np.ndarray, "b f"]
) -> dict[str, np.ndarray]:
    """The values of the model's fields, by name, (B, ...), that these factors make."""
    fields, first = {}, 0
    for part in parts:
        if isinstance(part, Factors):
            size = len(getattr(model, part.fields[0]))
            own = factors[:, first : first + size]
            first += size
            for name in part.fields:
                nominal = getattr(model, name)
                fields[name] = nominal * own.reshape(*own.shape, *[1] * (nominal.ndim - 1))
    return fields


def slowest(parts: tuple[Randomisation, ...]) -> int:
    """By how many steps actions can be late at most."""
    return max((part.most for part in parts if isinstance(part, Latency)), default=0)


def late(queue: np.ndarray, actions: np.ndarray, delay: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The queue after these actions, (B, L, A), the latest last; and the actions that take effect now."""
    if not queue.shape[1]:
        return queue, actions
    waiting = np.concatenate([queue, actions[:, None]], axis=1)
    rows = np.arange(len(actions))
    return waiting[:, 1:], waiting[rows, queue.shape[1] - delay]


def measured(
    parts: tuple[Randomisation, ...], observation: dict[str, np.ndarray], keys: np.ndarray, steps: np.ndarray
) -> dict[str, np.ndarray]:
    """The observation with noise on what is measured, within the limits of the observation space."""
    noise = next((part for part in parts if isinstance(part, ObservationNoise)), None)
    if noise is None:
        return observation
    streams, out = Streams(keys).fork_each(steps), dict(observation)
    for name in (*_PLACES, *_RATES):
        if name in observation:
            scale, limit = (_RATE_NOISE, FAST) if name in _RATES else (1.0, FAR)
            normal = _normal(streams, name, observation[name].shape)
            shaken = observation[name] + scale * noise.deviation * normal
            out[name] = np.clip(shaken, -limit, limit).astype(np.float32)
    return out


def _normal(streams: Streams, tag: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers, by Box and Muller's transform (1958)."""
    size = int(np.prod(shape[1:]))
    length, angle = streams.uniform(f"{tag}/length", size), streams.uniform(f"{tag}/angle", size)
    return (np.sqrt(-2 * np.log(1 - length)) * np.cos(2 * np.pi * angle)).reshape(shape)
