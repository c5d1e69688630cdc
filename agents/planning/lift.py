"""The effector over a place is not yet at it: what a plan costs off the plane where the effector acts."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ...envs.arm.world import ArmWorld
from .cost import Cost, weighted
from .trajectory import Context, Trajectory

WEIGHT = 0.5
"""Of the distance from the plane, beside one within it: with less the effector rises more on its way, with
more its ways take longer."""


@dataclass(frozen=True)
class Lift:
    """Distance of the effector from the level at which it acts.

    Attributes:
        axis: The world's axis across the concept plane.
        level: Where on it the effector acts, in metres.
        scale: Metres of one unit of the concept plane, in which the cost is measured.
    """

    axis: int
    level: float
    scale: float
    fields: tuple[str, ...] = ("effector",)

    @classmethod
    def of(cls, world: ArmWorld) -> Lift:
        """That of a world."""
        axis, level = world.machine.depth
        return cls(axis, level, world.view.scale)

    def prepare(self, context: Context) -> Lift:
        """Needs nothing."""
        return self

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        return (trajectory["effector"][:, 1:, self.axis] - self.level).abs() / self.scale


def level(world: object, cost: Cost, weight: float = WEIGHT) -> Cost:
    """A cost, and that of leaving the plane, for an effector that can; others stay in it anyway.

    Args:
        world: The world.
        cost: A cost of places in the plane, in its units.
        weight: Of the distance from the plane.
    """
    if not isinstance(world, ArmWorld) or not world.machine.entry.lifts:
        return cost
    return weighted({"cost": cost, "lift": Lift.of(world)}, lift=weight)
