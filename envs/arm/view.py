"""Concept coordinates of a 3D world: which bodies are entities, and on which plane they are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

from ...concepts.event import Event


@dataclass(frozen=True)
class Plane:
    """A plane of the world, as the concept plane: what is seen of it is [-1, 1] in both coordinates.

    Attributes:
        origin: The world's point, in metres, that is (0, 0) in concept coordinates.
        axes: Which axes of the world are the two concept coordinates: (0, 1) is a table seen from
            above, (0, 2) a wall, on which "above" is up.
        scale: Metres of one unit.
    """

    origin: tuple[float, float, float]
    axes: tuple[int, int]
    scale: float

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: Axes that are no two different ones of 0, 1, 2, or a scale that is not positive.
        """
        if len(set(self.axes)) != 2 or not set(self.axes) <= {0, 1, 2} or not self.scale > 0:
            raise ValueError(f"{self}: expected two different axes of 0, 1, 2 and a positive scale")

    def project(self, points: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 2"]:
        """Points of the world, in metres, as concept coordinates."""
        axes = list(self.axes)
        return (points[..., axes] - np.asarray(self.origin)[axes]) / self.scale

    def lift(self, points: Float[np.ndarray, "*shape 2"]) -> Float[np.ndarray, "*shape 3"]:
        """Concept coordinates as points of the plane in the world."""
        lifted = np.broadcast_to(np.asarray(self.origin), (*points.shape[:-1], 3)).copy()
        lifted[..., list(self.axes)] += self.scale * points
        return lifted


@dataclass(frozen=True)
class EntityView:
    """The entities of any MuJoCo model, by the names of bodies, sites or geoms.

    Attributes:
        names: One name an entity, looked up among sites, then bodies, then geoms.
        plane: Where they are looked at.
    """

    names: tuple[str, ...]
    plane: Plane

    def bind(self, model: mujoco.MjModel) -> tuple[tuple[str, int], ...]:
        """Field of ``MjData`` and index of every entity.

        Raises:
            ValueError: The model has nothing of a name; the message lists what it has.
        """
        kinds = (
            ("site_xpos", int(mujoco.mjtObj.mjOBJ_SITE), model.nsite),
            ("xpos", int(mujoco.mjtObj.mjOBJ_BODY), model.nbody),
            ("geom_xpos", int(mujoco.mjtObj.mjOBJ_GEOM), model.ngeom),
        )
        found = []
        for name in self.names:
            places = [(field, mujoco.mj_name2id(model, kind, name)) for field, kind, _ in kinds]
            place = next((one for one in places if one[1] >= 0), None)
            if place is None:
                known = [mujoco.mj_id2name(model, kind, i) for _, kind, count in kinds for i in range(count)]
                raise ValueError(
                    f"the model has no site, body or geom {name!r}; it has {sorted(filter(None, known))}"
                )
            found.append(place)
        return tuple(found)

    def positions(
        self, model: mujoco.MjModel, data: mujoco.MjData | Mapping[str, np.ndarray]
    ) -> Float[np.ndarray, "*shape n 2"]:
        """Concept coordinates of the entities, (..., N, 2).

        Args:
            model: The model.
            data: Its data, or arrays by field name with any leading dimensions, (..., count, 3).
        """

        def read(field: str) -> np.ndarray:
            return np.asarray(data[field] if isinstance(data, Mapping) else getattr(data, field))

        points = [read(field)[..., index, :] for field, index in self.bind(model)]
        return self.plane.project(np.stack(points, axis=-2))

    def event(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        *,
        movable: Sequence[str],
        attention: Sequence[str] = (),
        marker: str | None = None,
        colors: Mapping[str, int] | None = None,
        sizes: Mapping[str, float] | None = None,
    ) -> Event:
        """The present state as an event, positions (2, N, 2): twice the same.

        Args:
            model: The model.
            data: Its data.
            movable: Names of the entities that may be moved.
            attention: Names of those that the event is about.
            marker: Name of the one that says "me".
            colors: Indices into ``COLORS`` by name; 0 for others.
            sizes: Radii in units of the plane by name; 0.06 for others.

        Raises:
            ValueError: A name that is no entity.
            TypeError: A text in place of several names.
        """
        for what, several in (("movable", movable), ("attention", attention)):
            if isinstance(several, str):
                raise TypeError(f"{what} is {several!r}, expected several names: ({several!r},)")
        given: list[Any] = [*movable, *attention, *(colors or {}), *(sizes or {})]
        strangers = sorted({*given, *([marker] if marker else [])} - set(self.names))
        if strangers:
            raise ValueError(f"{strangers} are no entities of this view: {self.names}")
        names, now = self.names, self.positions(model, data)
        return Event(
            positions=np.stack([now, now]),
            colors=np.eye(3)[[(colors or {}).get(name, 0) for name in names]],
            sizes=np.array([(sizes or {}).get(name, 0.06) for name in names]),
            present=np.ones(len(names), dtype=bool),
            movable=np.isin(names, list(movable)),
            marker=np.array([name == marker for name in names]),
            attention=np.isin(names, list(attention)).astype(np.float64),
        )
