"""Pictures of events: anti-aliased discs, trails, attention rings, the marker, an energy underneath.

Only looks, never touches the world. Images come from Pillow and need no display; a window needs
the extra ``play``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from gymnasium.error import DependencyNotInstalled

from ..concepts.event import Event
from ..concepts.files import written_atomically

HeatMap: TypeAlias = Callable[[np.ndarray, Event], np.ndarray]
"""Maps points, (P, 2), and the event so far to energies, (P,)."""

Rgb: TypeAlias = tuple[int, int, int]

PALETTE: tuple[Rgb, ...] = ((214, 72, 66), (70, 158, 86), (62, 108, 186))
"""Red, green and blue, as drawn."""

_PAPER: Rgb = (251, 250, 246)
_GRID: Rgb = (232, 230, 222)
_INK: Rgb = (45, 45, 52)
_GOLD: Rgb = (240, 160, 20)
_HOT: Rgb = (235, 120, 60)
_COLD: Rgb = (120, 190, 215)
_OVERSAMPLING = 3
_HEAT_CELLS = 64
_QUALITY = 50


def mixed(a: Rgb, b: Rgb, share: float) -> Rgb:
    """Colour between two, ``share`` of the way to the second."""
    return tuple(round(x + share * (y - x)) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


class Viewer:
    """Draws events, and shows them in a window if asked to.

    Args:
        size: Width and height of the image, in pixels.
        heatmap: Energy to draw underneath.
        fps: Frames a second, in the window.
    """

    def __init__(self, size: int = 320, heatmap: HeatMap | None = None, fps: int = 20) -> None:
        """See the class."""
        self.size = size
        self.heatmap = heatmap
        self.fps = fps
        self._screen: Any = None
        self._trail: list[np.ndarray] = []

    def clear(self) -> None:
        """Forgets the trails: a new episode begins."""
        self._trail = []

    def draw(
        self, event: Event, hand: np.ndarray | None = None, label: str = "", *, trails: bool = True
    ) -> np.ndarray:
        """Draws one event without batch dimensions as it is now.

        Args:
            event: What has happened so far, positions (T+1, N, 2).
            hand: Place of the hand, (2,), if there is one.
            label: Text in the lower left corner.
            trails: Whether to remember where everybody was, and draw it.

        Returns:
            An image, (H, W, 3) of uint8.
        """
        if trails:
            self._trail = [*self._trail[-120:], event.final.copy()]
        return draw_event(event, self.size, trail=self._trail, hand=hand, label=label, heatmap=self.heatmap)

    def show(self, frame: np.ndarray) -> None:
        """Shows an image in the window, and opens it if need be."""
        pygame = import_pygame()
        if self._screen is None:
            pygame.display.init()
            self._screen = pygame.display.set_mode(frame.shape[1::-1])
            self._clock = pygame.time.Clock()
        pygame.event.pump()
        self._screen.blit(pygame.surfarray.make_surface(frame.swapaxes(0, 1)), (0, 0))
        pygame.display.flip()
        self._clock.tick(self.fps)

    def close(self) -> None:
        """Closes the window, if there is one."""
        if self._screen is not None:
            import_pygame().display.quit()
            self._screen = None


def import_pygame() -> Any:  # noqa: ANN401  (the module)
    """pygame, or an error that says how to get it.

    Raises:
        DependencyNotInstalled: pygame is not there.
    """
    try:
        import pygame
    except ImportError as error:
        raise DependencyNotInstalled('a window needs pygame: pip install "conceptgym[play]"') from error
    return pygame


class _Canvas:
    """An enlarged image in the coordinates of the plane: x to the right, y up, walls at -1 and 1."""

    def __init__(self, size: int, background: np.ndarray | None) -> None:
        from PIL import Image, ImageDraw

        self.size = size
        self.scale = size * _OVERSAMPLING / 2.1
        large = size * _OVERSAMPLING
        if background is None:
            self.image = Image.new("RGB", (large, large), _PAPER)
        else:
            heat = Image.fromarray(background).resize((round(2 * self.scale),) * 2, Image.Resampling.BICUBIC)
            self.image = Image.new("RGB", (large, large), _PAPER)
            left, top = self.at(np.array([-1.0, 1.0]))
            self.image.paste(heat, (round(left), round(top)))
        self.pen = ImageDraw.Draw(self.image, "RGBA")

    def at(self, point: np.ndarray) -> tuple[float, float]:
        """Pixel of a point of the plane."""
        middle = self.size * _OVERSAMPLING / 2
        return middle + float(point[0]) * self.scale, middle - float(point[1]) * self.scale

    def disc(self, centre: np.ndarray, radius: float, **style: object) -> None:
        """A disc or ring; ``radius`` in units of the plane."""
        x, y = self.at(centre)
        r = radius * self.scale
        self.pen.ellipse((x - r, y - r, x + r, y + r), **style)  # type: ignore[arg-type]

    def line(self, points: list[np.ndarray], colour: tuple[int, ...], width: int) -> None:
        """A polyline."""
        self.pen.line([self.at(point) for point in points], fill=colour, width=width, joint="curve")

    def pixels(self) -> np.ndarray:
        """The image in its final size, (H, W, 3)."""
        from PIL import Image

        return np.asarray(self.image.resize((self.size, self.size), Image.Resampling.LANCZOS)).copy()


def draw_event(
    event: Event,
    size: int = 320,
    *,
    trail: list[np.ndarray] | None = None,
    hand: np.ndarray | None = None,
    label: str = "",
    heatmap: HeatMap | None = None,
) -> np.ndarray:
    """Draws an event, (T+1, N, 2), as a picture, (size, size, 3) of uint8.

    Movable entities have a dark rim and leave a trail from a pale ghost at their start; attended
    ones wear a golden ring, the marker a thin dark one and a white dot; the hand is a dark ring.

    Args:
        event: The event, without batch dimensions.
        size: Width and height, in pixels.
        trail: Places, (N, 2) each, to draw the trails through; by default the event's states.
        hand: Place of the hand, (2,), if there is one.
        label: Text in the lower left corner.
        heatmap: Energy to draw underneath, high in warm and low in cold colours.
    """
    canvas = _Canvas(size, None if heatmap is None else _heat(heatmap, event))
    _draw_plane(canvas, grid=heatmap is None)
    path = trail if trail and len(trail) > 1 else list(event.positions)
    everybody: list[int] = np.flatnonzero(event.present).tolist()
    for i in everybody:
        _draw_trail(canvas, event, i, [event.initial[i], *(places[i] for places in path)])
    for i in sorted(everybody, key=lambda i: -event.sizes[i]):
        _draw_entity(canvas, event, i)
    if hand is not None:
        canvas.disc(hand, 0.04, outline=_INK, width=3 * _OVERSAMPLING)
    if label:
        _write(canvas, label)
    return canvas.pixels()


def _heat(heatmap: HeatMap, event: Event) -> np.ndarray:
    axis = (np.arange(_HEAT_CELLS) + 0.5) / _HEAT_CELLS * 2 - 1
    points = np.stack(np.meshgrid(axis, axis[::-1]), axis=-1).reshape(-1, 2)
    values = np.asarray(heatmap(points, event), dtype=np.float64)
    if values.shape != (len(points),):
        raise ValueError(f"the heatmap returned shape {values.shape}, expected ({len(points)},)")
    if not np.isfinite(values).all():
        raise ValueError("the heatmap returned NaN or infinite values")
    values = np.sqrt(np.maximum(values - values.min(), 0))
    share = (values / max(values.max(), 1e-12))[:, None]
    low, middle, high = (np.array(c, dtype=np.float64) for c in (_COLD, _PAPER, _HOT))
    colours = np.where(
        share < 0.5, low + 2 * share * (middle - low), middle + (2 * share - 1) * (high - middle)
    )
    return colours.reshape(_HEAT_CELLS, _HEAT_CELLS, 3).astype(np.uint8)


def _draw_plane(canvas: _Canvas, *, grid: bool) -> None:
    if grid:
        for v in np.linspace(-0.75, 0.75, 7):
            for a, b in (((v, -1), (v, 1)), ((-1, v), (1, v))):
                canvas.line([np.array(a), np.array(b)], _GRID, _OVERSAMPLING)
    corners = [np.array(c) for c in ((-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))]
    canvas.line(corners, mixed(_PAPER, _INK, 0.5), 2 * _OVERSAMPLING)


def _colour(event: Event, i: int) -> Rgb:
    return PALETTE[int(np.argmax(event.colors[i]))]


def _draw_trail(canvas: _Canvas, event: Event, i: int, path: list[np.ndarray]) -> None:
    if max(float(np.abs(place - path[0]).max()) for place in path) < 0.01:
        return
    pale = mixed(_PAPER, _colour(event, i), 0.45)
    for k in range(1, len(path)):
        fade = mixed(_PAPER, pale, 0.35 + 0.65 * k / len(path))
        canvas.line([path[k - 1], path[k]], fade, 2 * _OVERSAMPLING)
    canvas.disc(path[0], float(event.sizes[i]), outline=pale, width=2 * _OVERSAMPLING)


def _draw_entity(canvas: _Canvas, event: Event, i: int) -> None:
    place, radius = event.final[i], float(event.sizes[i])
    attention = float(event.attention[i])
    if attention > 0.02:
        ring = (*_GOLD, round(255 * min(1.0, attention)))
        canvas.disc(place, radius + 0.035, outline=ring, width=4 * _OVERSAMPLING)
    colour = _colour(event, i)
    rim = mixed(colour, _INK, 0.85) if event.movable[i] else mixed(colour, _PAPER, 0.3)
    canvas.disc(place, radius, fill=colour, outline=rim, width=(2 if event.movable[i] else 1) * _OVERSAMPLING)
    if event.marker[i]:
        canvas.disc(place, radius + 0.015, outline=_INK, width=_OVERSAMPLING)
        canvas.disc(place, max(radius * 0.45, 0.014), fill=(255, 255, 255), outline=_INK, width=_OVERSAMPLING)


def _write(canvas: _Canvas, label: str) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(size=13 * _OVERSAMPLING)
    height = canvas.size * _OVERSAMPLING
    canvas.pen.text(
        (8 * _OVERSAMPLING, height - 21 * _OVERSAMPLING), label, fill=_INK, font=font,
        stroke_width=2 * _OVERSAMPLING, stroke_fill=(255, 255, 255, 190),
    )  # fmt: skip


def _image(frame: np.ndarray) -> Any:  # noqa: ANN401  (a Pillow image)
    from PIL import Image

    return Image.fromarray(frame)


def _indexed(frame: np.ndarray) -> Any:  # noqa: ANN401  (a Pillow image)
    """The image in 255 colours: of Pillow's palettes, the octree is the one that keeps the discs' hues."""
    from PIL import Image

    return _image(frame).quantize(255, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def reduced(frame: np.ndarray, widest: int) -> np.ndarray:
    """An image, (H, W, 3), whose height and width are this at most; smaller ones as they are."""
    from PIL import Image

    image = _image(frame)
    image.thumbnail((widest, widest), Image.Resampling.BOX)
    return np.asarray(image)


def save_gif(frames: list[np.ndarray], path: str, fps: int) -> None:
    """Writes frames, (H, W, 3) each, as an endless GIF, atomically.

    Raises:
        ValueError: There are no frames, or the name does not end in .gif.
    """
    _save_film([_indexed(frame) for frame in frames], path, "gif", fps)


def save_webp(frames: list[np.ndarray], path: str, fps: int) -> None:
    """Writes frames, (H, W, 3) each, as an endless WebP, which is smaller than a GIF, atomically.

    Raises:
        ValueError: There are no frames, or the name does not end in .webp.
    """
    _save_film([_image(frame) for frame in frames], path, "webp", fps, quality=_QUALITY, method=6)


def _save_film(images: list[Any], path: str, kind: str, fps: int, **options: int) -> None:
    if not images:
        raise ValueError("there are no frames to write")
    if not path.endswith(f".{kind}"):
        raise ValueError(f"the file is {path!r}, expected a name that ends in .{kind}")
    told = {"duration": round(1000 / fps), "loop": 0, **options}
    with written_atomically(path) as temporary:
        images[0].save(temporary, format=kind.upper(), save_all=True, append_images=images[1:], **told)


def save_png(frame: np.ndarray, path: str) -> None:
    """Writes an image, (H, W, 3), as a PNG, atomically."""
    with written_atomically(path) as temporary:
        _indexed(frame).save(temporary, format="PNG", optimize=True)
