"""The robots: one MJCF file and one entry of this table each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Robot:
    """A robot: what the table of robots says of it.

    Attributes:
        file: Name of its MJCF file beside this module. Its actuators are joint positions, and a site
            "effector" says where it acts.
        home: Joint positions at rest, from which starts are looked for, in radians or metres.
        speed: Largest change of a joint's target, in radians or metres per second.
        height: Height of the effector over the table, in metres, where it acts.
        lifts: Whether the effector can be lifted.
        planes: Names of the planes it can act on.
    """

    file: str
    home: tuple[float, ...]
    speed: float
    height: float
    lifts: bool
    planes: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where its MJCF file is."""
        return Path(__file__).parent / self.file


ROBOTS: dict[str, Robot] = {
    "arm": Robot("arm.xml", (0.0, 0.1, 0.0, -2.3, 0.0, 2.4, 0.8), 2.0, 0.08, True, ("table", "wall")),
    "planar": Robot("planar.xml", (-0.9, 1.5, 0.6), 3.0, 0.05, False, ("table",)),
    "point": Robot("point.xml", (0.0, 0.0), 0.6, 0.03, False, ("table",)),
}
"""All robots by name."""
