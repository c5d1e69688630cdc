"""An energy over the plane, as it is drawn under a scene: where whoever may be moved would be satisfied."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch.nn.functional import grid_sample

from ..concepts.energy.codes import ConceptCode
from ..concepts.event import Event
from ..concepts.model import ConceptModel

CELLS = 32
"""Places along each axis at which the energy is looked at; in between it is interpolated."""

MOVED = 0.1
"""How far the others may have gone, in units of the plane, before it is looked at again."""


class Landscape:
    """The energy over the places of somebody who may be moved, all else being as it is: a ``HeatMap``.

    Where the mover itself stands does not change it: it is looked at again where others have moved.
    """

    def __init__(self, model: ConceptModel, code: ConceptCode) -> None:
        """Has seen nothing yet.

        Args:
            model: The model.
            code: The code of one concept.
        """
        self._model, self._code = model, code
        self._others: Float[np.ndarray, "n 2"] | None = None
        self._values: Float[torch.Tensor, "1 1 y x"] | None = None

    def __call__(self, points: Float[np.ndarray, "p 2"], event: Event) -> Float[np.ndarray, " p"]:
        """Energies at points, (P,), in one event, positions (T+1, N, 2)."""
        # Of several that may be moved, one that the concept is about.
        who = int(np.argmax(event.movable * (1 + (event.attention > 0.5))))
        others = np.delete(event.final, who, axis=0)
        if self._others is None or np.abs(others - self._others).max(initial=0.0) > MOVED:
            self._others, self._values = others, self._looked(event, who)
        assert self._values is not None, "it was looked at"
        places = torch.as_tensor(points, dtype=self._values.dtype)[None, None]
        return grid_sample(self._values, places, align_corners=True, padding_mode="border")[0, 0, 0].numpy()

    def _looked(self, event: Event, who: int) -> Float[torch.Tensor, "1 1 y x"]:
        line = np.linspace(-1, 1, CELLS)
        points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        many = event.map(lambda array: np.repeat(array[None], len(points), axis=0))
        positions = many.positions.copy()
        # The whole course is shifted, the further the later it is.
        share = np.linspace(0, 1, positions.shape[1])[None, 1:, None]
        positions[:, 1:, who] += share * (points[:, None] - positions[:, -1:, who])
        energies = self._model.energy(many.replace(positions=positions), self._code)
        return energies.cpu().reshape(1, 1, CELLS, CELLS)
