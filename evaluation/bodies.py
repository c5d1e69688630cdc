"""What enacts a task: particles, a mask, a robot; made by name, and loaded only when made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..concepts.catalogue import get
from ..concepts.concept import Concept
from ..concepts.task import Task, task
from ..envs.single import ConceptEnv


@dataclass(frozen=True)
class Body:
    """One kind of environment.

    Attributes:
        where: Module within the package, and class.
        arguments: Arguments that make it this body.
        dynamics: Counts up when it moves in another way, which results depend on.
    """

    where: str
    arguments: Mapping[str, Any]
    dynamics: int = 1

    def make(self, task: Task | Concept, **more: object) -> ConceptEnv:
        """An environment of a task; further arguments are the environment's own."""
        module, _, name = self.where.partition(":")
        package = __name__.rpartition(".evaluation.")[0]
        made: ConceptEnv = getattr(import_module(f"{package}.{module}"), name)(
            task, **{**self.arguments, **more}
        )
        return made


BODIES: dict[str, Body] = {
    "particle": Body("envs.particle.env:ParticleEnv", {}),
    "identify": Body("envs.identify:IdentifyEnv", {}),
    "arm": Body("envs.arm.env:ArmEnv", {}, dynamics=2),
    "arm, wall": Body("envs.arm.env:ArmEnv", {"plane": "wall"}),
    "planar": Body("envs.arm.env:ArmEnv", {"robot": "planar"}),
    "point": Body("envs.arm.env:ArmEnv", {"robot": "point"}),
    "arm, randomised": Body("evaluation.bodies:randomised_arm", {}),
}
"""All bodies."""


def randomised_arm(task: Task, **more: object) -> ConceptEnv:
    """The arm with other masses and gains in every episode, and actions up to two steps late."""
    from ..envs.arm.env import ArmEnv
    from ..envs.arm.randomisation import Latency, gains, masses

    return ArmEnv(task, randomisation=(masses(), gains(), Latency()), **more)  # type: ignore[arg-type]


def task_of(body: str, action: str, argument: str | None) -> Task | Concept:
    """What is to be done, by names: a concept to identify, or a task.

    Raises:
        ValueError: Unknown names, or they make no task.
    """
    return get(action) if body == "identify" else task(action, argument)


def make_body(body: str, action: str, argument: str | None = None, **more: object) -> ConceptEnv:
    """An environment by names.

    Raises:
        ValueError: Unknown names, or they make no task.
    """
    if body not in BODIES:
        raise ValueError(f"there is no body {body!r}, only {', '.join(BODIES)}")
    return BODIES[body].make(task_of(body, action, argument), **more)
