"""Pictures of the arm world: the 3D scene, with the concept plane beside it. Never touches the world."""

from __future__ import annotations

import copy

import mujoco
import numpy as np

from ..viewer import PALETTE, HeatMap
from .scene import object_name
from .world import ArmState, ArmWorld

CAMERAS = ("front", "top")
_HEAT_CELLS = 32


class Camera:
    """Draws the first row of states of one world.

    Args:
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.
        camera: One of ``CAMERAS``.
        heatmap: Energy to draw on the plane, if any.
    """

    def __init__(
        self, width: int = 400, height: int = 320, camera: str = "front", heatmap: HeatMap | None = None
    ) -> None:
        """See the class."""
        if camera not in CAMERAS:
            raise ValueError(f"camera is {camera!r}, expected one of {CAMERAS}")
        self.width, self.height, self.camera, self.heatmap = width, height, camera, heatmap
        self._model: mujoco.MjModel | None = None
        self._source: mujoco.MjModel | None = None
        self._data: mujoco.MjData | None = None
        self._renderer: mujoco.Renderer | None = None

    def draw(self, world: ArmWorld, state: ArmState) -> np.ndarray:
        """The first row of a state, (H, W, 3) of uint8."""
        model, data, renderer = self._prepared(world.machine.model)
        dress(model, world, state)
        mujoco.mj_setState(model, data, state.physics[0], int(mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_forward(model, data)
        renderer.update_scene(data, self.camera)
        if self.heatmap is not None:
            _add_heat(renderer.scene, world, state, self.heatmap)
        frame: np.ndarray = renderer.render()
        return frame

    def _prepared(self, model: mujoco.MjModel) -> tuple[mujoco.MjModel, mujoco.MjData, mujoco.Renderer]:
        """A model of the camera's own to dress, with its renderer."""
        if self._source is not model or self._model is None:
            self.close()
            self._source, self._model = model, copy.copy(model)
            self._data = mujoco.MjData(self._model)
            self._renderer = mujoco.Renderer(self._model, self.height, self.width)
            self._renderer.scene.flags[int(mujoco.mjtRndFlag.mjRND_SHADOW)] = 0
        assert self._data is not None and self._renderer is not None
        return self._model, self._data, self._renderer

    def close(self) -> None:
        """Frees the renderer; twice is fine."""
        if self._renderer is not None:
            self._renderer.close()
        self._renderer, self._model, self._source, self._data = None, None, None, None


def dress(model: mujoco.MjModel, world: ArmWorld, state: ArmState) -> None:
    """Gives the objects of a model the colours and sizes of the scene's entities; the attended glow."""
    scene = state.episode.scene
    palette = np.array(PALETTE) / 255.0
    for index in range(world.width):
        geom = model.geom(object_name(index)).id
        shown = bool(scene.present[0, index]) and not bool(state.episode.agent[0, index])
        color = palette[int(np.argmax(scene.colors[0, index]))]
        glow = 0.25 if scene.attention[0, index] > 0.5 else 0.0
        model.geom_rgba[geom] = [*(color + glow * (1 - color)), float(shown)]
        radius = float(scene.sizes[0, index]) * world.view.scale
        model.geom_size[geom, 0] = max(radius, 1e-3)
        if world.plane == "wall":
            model.geom_type[geom] = int(mujoco.mjtGeom.mjGEOM_SPHERE)
    if world.plane == "wall":
        _set_upright(model, world)


def _set_upright(model: mujoco.MjModel, world: ArmWorld) -> None:
    """The field, which lies on the table as the model is built, as a pane where concepts are enacted."""
    field, view = model.geom("field").id, world.view
    model.geom_pos[field] = view.origin
    model.geom_size[field] = [view.scale if axis in view.axes else 0.0005 for axis in range(3)]
    model.geom_rgba[field, 3] = 0.35


def _add_heat(scene: mujoco.MjvScene, world: ArmWorld, state: ArmState, heatmap: HeatMap) -> None:
    """Thin tiles on the plane, red where the energy is high."""
    line = (np.arange(_HEAT_CELLS) + 0.5) / _HEAT_CELLS * 2 - 1
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    energies = np.asarray(heatmap(points, world.event(state)[0]))
    rank = np.argsort(np.argsort(energies)) / max(len(energies) - 1, 1)
    size = np.full(3, world.view.scale / _HEAT_CELLS)
    size[({0, 1, 2} - set(world.view.axes)).pop()] = 0.0004
    for place, share in zip(world.view.lift(points), rank, strict=True):
        if scene.ngeom >= scene.maxgeom:
            return
        if world.plane == "table":
            place[2] = 0.002
        color = np.array([0.3 + 0.65 * share, 0.75 - 0.3 * share, 0.85 - 0.6 * share, 0.55])
        mujoco.mjv_initGeom(
            scene.geoms[scene.ngeom],
            int(mujoco.mjtGeom.mjGEOM_BOX),
            size,
            place,
            np.eye(3).ravel(),
            color.astype(np.float32),
        )
        scene.ngeom += 1
