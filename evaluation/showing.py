"""What a model makes of a concept, as pictures: demonstrations, energies, searches, results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..concepts.concept import Concept
from ..concepts.energy.reading import written
from ..concepts.event import Event
from ..concepts.model import ConceptModel, Found, Search
from ..concepts.streams import streams_from
from ..concepts.task import Task
from ..envs.viewer import HeatMap, draw_event, save_gif, save_png
from .landscape import Landscape

COLUMNS = 5
_GAP = 6


@dataclass(frozen=True)
class Exhibit:
    """Pictures of a concept in one mode.

    Attributes:
        sheet: Demonstrations above, the search and its results below, (H, W, 3).
        film: The search, step by step, frames (H, W, 3).
        success: Share of the scenes in which the truth is satisfied.
        residual: Mean energy of the demonstrations.
    """

    sheet: np.ndarray
    film: list[np.ndarray]
    success: float
    residual: float


def beside(pictures: list[np.ndarray], axis: int = 1) -> np.ndarray:
    """Pictures in a row (axis 1) or a column (axis 0), a little apart."""
    shape = list(pictures[0].shape)
    shape[axis] = _GAP
    gap = np.full(shape, 255, dtype=np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=axis)


def _stages(scene: Event, found: Found, mode: str) -> list[Event]:
    """The event after every step of the search, one row of the batch, (steps + 1 events)."""
    positions, masks = (part.cpu() for part in found.path)
    if mode == "generate":
        return [written(scene, step) for step in positions]
    return [scene.replace(attention=step.numpy().astype(np.float64)) for step in masks]


def _scenes(concept: Concept, mode: str, seed: int, count: int) -> Event:
    """Scenes as they are given to the model."""
    rng = np.random.default_rng([seed, 1])
    if mode == "generate":
        return Task(concept).scenes(streams_from(rng, count))[0]
    truth = concept.sample(rng, count, None, "identify")
    return truth.replace(attention=np.zeros_like(truth.attention))


def exhibit(
    model: ConceptModel, concept: Concept, mode: str, *, seed: int = 0, size: int = 220, k: int = 5
) -> Exhibit:
    """Infers the concept from k demonstrations, and lets the model act or point in five scenes.

    Args:
        model: The model.
        concept: The concept; only its samplers and, for the score, its truth are used.
        mode: "generate" or "identify".
        seed: Seeds demonstrations and scenes.
        size: Width and height of a picture.
        k: Number of demonstrations.

    Raises:
        ValueError: The concept has no such mode.
    """
    concept.part(mode)  # type: ignore[arg-type]
    shown = concept.demonstrations(k, seed, mode=mode)  # type: ignore[arg-type]
    code = model.infer(shown)
    scene = _scenes(concept, mode, seed, COLUMNS)
    search = Search()
    found = model.search(scene, code, mode, search)
    stages = _stages(scene, found, mode)
    rounded = stages[-1].replace(attention=np.round(stages[-1].attention))
    final = stages[-1] if mode == "generate" else rounded
    right = np.asarray(concept.satisfied(final, mode))  # type: ignore[arg-type]
    top = beside([draw_event(shown[i % k], size, label=f"demonstration {i + 1}") for i in range(COLUMNS)])
    heat = Landscape(model, code) if mode == "generate" else None
    films = [_film(stages, i, size, heat if i == 0 else None, bool(right[i])) for i in range(COLUMNS)]
    frames = [beside([film[t] for film in films]) for t in range(len(stages))]
    film = [beside([top, frame], axis=0) for frame in frames]
    residual = float(code.residual[..., 0 if mode == "generate" else 1])
    return Exhibit(film[-1], film, float(right.mean()), residual)


def _film(stages: list[Event], row: int, size: int, heat: HeatMap | None, right: bool) -> list[np.ndarray]:
    trail = [stage.final[row] for stage in stages]
    frames = []
    for index, stage in enumerate(stages):
        last = index == len(stages) - 1
        label = ("right" if right else "wrong") if last else f"step {index}"
        course = stage[row].positions.shape[0] > 2
        seen = None if course else trail[: index + 1]
        frames.append(draw_event(stage[row], size, trail=seen, label=label, heatmap=heat))
    return frames


def write_exhibit(exhibit: Exhibit, folder: Path, name: str) -> tuple[Path, Path]:
    """Writes the sheet as PNG and the search as GIF; returns both files."""
    sheet, film = folder / f"{name}.png", folder / f"{name}.gif"
    save_png(exhibit.sheet, str(sheet))
    save_gif([*exhibit.film, *[exhibit.film[-1]] * 6], str(film), fps=5)
    return sheet, film
