"""Playing by hand: a person drags discs with the mouse, or clicks on the entities that are meant."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from jaxtyping import Bool, Float

from ..concepts.event import Event
from .identify import IdentifyWorld
from .particle.dynamics import thrust_for
from .particle.world import ParticleState, ParticleWorld
from .single import ConceptEnv
from .viewer import Viewer, import_pygame

_EXTENT = 1.05  # largest coordinate of the plane that is in the picture
_RATE = 6.0  # distance to velocity, per second
_CRUISE = 1.2  # fastest wanted velocity: the thrust can still brake it without overshooting
_SLACK = 0.02  # how far beside a disc a click still counts
_FPS = 20


def to_plane(pixel: tuple[float, float], size: int) -> Float[np.ndarray, " xy"]:
    """Point of the plane, (2,) with y up, under a pixel (x, y) of a picture ``size`` pixels wide."""
    return np.array([2 * pixel[0] / size - 1, 1 - 2 * pixel[1] / size]) * _EXTENT


def entity_at(
    event: Event, point: Float[np.ndarray, " xy"], among: Bool[np.ndarray, " entities"] | None = None
) -> int | None:
    """The entity under a point (2,) of the plane, or None; of several, that with the nearest centre.

    Looks at an event without batch dimensions, and only ``among`` these entities, (N,), if they are given.
    """
    distance = np.sqrt(((event.final - point) ** 2).sum(-1))
    hit = (event.present if among is None else event.present & among) & (distance <= event.sizes + _SLACK)
    return int(np.argmin(np.where(hit, distance, np.inf))) if hit.any() else None


def drag_action(
    world: ParticleWorld, state: ParticleState, body: int | None, target: Float[np.ndarray, " xy"], grip: bool
) -> Float[np.ndarray, " actions"]:
    """The action that brings a driven body to a place; all others get no thrust.

    Args:
        world: What is stepped.
        state: Its state, of one row.
        body: Index of the body; None leaves all alone.
        target: Where to, (2,).
        grip: Whether the hand is closed; only for the control "grab".

    Returns:
        One action in [-1, 1], (A,), float32.
    """
    action = np.zeros(world.action_space.shape, dtype=np.float32)
    if body is not None:
        wanted = _RATE * (target - state.positions[0, body])
        wanted *= min(1.0, _CRUISE / max(float(np.hypot(*wanted)), 1e-9))
        first = 2 * body if world.control == "all" else 0
        action[first : first + 2] = thrust_for(wanted, state.velocities[0, body], world.physics)
    if world.control == "grab":
        action[2] = 1.0 if grip else -1.0
    return action


class _Game:
    """What goes on between the person and one environment."""

    def __init__(self, env_id: str, seed: int, size: int) -> None:
        env = gym.make(env_id, render_mode="rgb_array").unwrapped
        if not isinstance(env, ConceptEnv):
            raise ValueError(f"{env_id} is no environment of concepts, so nobody can play it")
        self.env: Any = env
        self.viewer, self.satisfied = Viewer(size, fps=_FPS), 0
        self.mouse: np.ndarray | None = None
        self.pressed = False
        self.begin(seed)

    def begin(self, seed: int | None = None) -> None:
        """Starts an episode."""
        self.env.reset(seed=seed)
        self.world, self.state = self.env.world, self.env.state
        self.identify = isinstance(self.world, IdentifyWorld)
        self.body: int | None = None
        if not self.identify and self.world.control != "all":
            self.body = int(np.argmax(self.state.episode.controlled[0]))
        self.chosen = np.zeros(self.world.width, dtype=np.float32)
        self.over = False
        self.viewer.clear()

    def end(self) -> None:
        """Counts the episode, once."""
        if not self.over:
            self.over = True
            self.satisfied += self.info()[0] and not (self.identify and self.state.steps[0] == 0)

    def info(self) -> tuple[bool, float]:
        """Whether the task is satisfied now, and its error."""
        info = self.world.info(self.state)
        return bool(info["is_success"][0]), float(info["concept_error"][0])

    def handle(self, happened: Any) -> bool:  # noqa: ANN401  (pygame's event)
        """Takes one event of the window; False if the person wants to leave."""
        pygame = import_pygame()
        if happened.type in (pygame.MOUSEMOTION, pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
            self.mouse = to_plane(happened.pos, self.viewer.size)
            if happened.type != pygame.MOUSEMOTION and happened.button == 1:
                self._press(self.mouse, happened.type == pygame.MOUSEBUTTONDOWN)
        key = happened.key if happened.type == pygame.KEYDOWN else None
        if key == pygame.K_r:
            self.end()
            self.begin()
        elif key in (pygame.K_RETURN, pygame.K_KP_ENTER) and self.identify and not self.over:
            self.state, _ = self.world.advance(self.state, 2 * self.chosen[None] - 1)
            self.end()
        return bool(happened.type != pygame.QUIT and key != pygame.K_ESCAPE)

    def _press(self, mouse: np.ndarray, down: bool) -> None:
        self.pressed = down
        event = self.world.event(self.state)[0]
        if not self.identify and self.world.control == "all":
            self.body = entity_at(event, mouse, event.movable) if down else None
        elif self.identify and down and not self.over:
            entity = entity_at(event, mouse, event.candidates)
            if entity is not None:
                self.chosen[entity] = 1 - self.chosen[entity]

    def advance(self) -> None:
        """Lets a step's time pass; the clock ends an event, but a person may take any time for a scene."""
        if self.identify or self.over:
            return
        target, body = (np.zeros(2), None) if self.mouse is None else (self.mouse, self.body)
        action = drag_action(self.world, self.state, body, target, self.pressed)
        self.state, outcome = self.world.advance(self.state, action[None])
        if self.world.frames > 1 and bool(outcome.truncated[0]):
            self.end()

    def label(self) -> str:
        """The task's name, the error once it gives nothing away, and what may be done."""
        name, (satisfied, error) = self.world.task.name, self.info()
        if self.identify and not self.over:
            return f"{name}: click on them, then Return"
        verdict = ("right" if satisfied else "wrong") if self.identify else ("satisfied" if satisfied else "")
        parts = [name, f"error {error:.3f}", verdict, "R: next" if self.over else ""]
        return "   ".join(part for part in parts if part)

    def show(self) -> None:
        """Draws the present state into the window."""
        event = self.world.event(self.state)[0]
        if self.identify:
            event = event.replace(attention=self.chosen)
        hands, label = self.world.hand(self.state), self.label()
        hand = None if hands is None else hands[0]
        # The path of an event to identify is its own; that of a drag has to be remembered.
        self.viewer.show(self.viewer.draw(event, hand, label, trails=not self.identify))
        import_pygame().display.set_caption(label)


def play(env_id: str, seed: int = 0, size: int = 640, frames: int | None = None) -> int:
    """Opens a window in which a person solves scene after scene.

    In a particle environment the mouse says where the driven body goes: the disc that it took hold
    of with the button down ("all"), the marked disc ("one", "push") or the hand, which grips while
    the button is down ("grab"). Scenes have no time limit; events over time end with their time. To
    identify, a click turns attention to an entity on or off, and Return submits the mask. R starts
    the next episode, and Escape leaves.

    Args:
        env_id: A registered id.
        seed: Seed of the sequence of scenes.
        size: Width and height of the window, in pixels.
        frames: Leave after so many frames; by default when the person does.

    Returns:
        The number of episodes that were satisfied at their end, by R, by leaving, or by the clock.

    Raises:
        DependencyNotInstalled: pygame is not there.
        ValueError: The id is none of this package's.
    """
    pygame = import_pygame()
    game = _Game(env_id, seed, size)
    try:
        shown, staying = 0, True
        while staying and (frames is None or shown < frames):
            game.show()
            shown += 1
            staying = all(game.handle(happened) for happened in pygame.event.get())
            game.advance()
        game.end()
    finally:
        game.viewer.close()
        game.env.close()
    return game.satisfied
