"""The particle world: entities as discs that are driven, carried or pushed until the concept holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from gymnasium import spaces

from ...concepts.concept import Generation
from ...concepts.event import FRAME_SECONDS, Event
from ...concepts.streams import Streams
from ...concepts.task import Task
from ..checks import check_choice
from ..enacting import (
    check_goal_and_discount,
    error_now,
    event_so_far,
    movable_places,
    reward_terms,
    solution_of,
    with_task,
)
from ..scenes import Look, entity_spaces, look, padded
from ..script import recorded, scripted
from ..state import Observation, Outcome, batch_last, outcome
from ..tasks import find_task
from . import dynamics
from .dynamics import Bodies, Physics
from .goals import GOAL_TOLERANCE, goal_distance, goal_reward
from .hand import HAND_RADIUS, carried, grip, hand_place, with_hand
from .layout import check_layout, trapped
from .roles import check_roles

_SECONDS = 3.0


@dataclass(frozen=True)
class Episode:
    """What stays the same during B episodes with N entities, and M bodies: entities, and hand if any.

    Attributes:
        scene: The events as they run if nobody acts, positions (B, T+1, N, 2), float32.
        solution: Positions that satisfy the task, (B, T+1, N, 2).
        look: The constant part of the observations.
        bodies: Constants of the bodies.
        controlled: Which bodies the actions drive, (B, M).
    """

    scene: Event
    solution: np.ndarray
    look: Look
    bodies: Bodies
    controlled: np.ndarray


@dataclass(frozen=True)
class ParticleState:
    """State of B episodes.

    Attributes:
        episode: What stays the same.
        positions: (B, M, 2).
        velocities: (B, M, 2).
        held: Which body the hand carries, (B, M).
        frames: The events so far, the future as if all stopped now, (B, T+1, N, 2); T > 1 only.
        steps: Steps taken, (B,).
        error: The task's error now, (B,).
    """

    episode: Episode
    positions: np.ndarray
    velocities: np.ndarray
    held: np.ndarray
    frames: np.ndarray
    steps: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class ParticleWorld:
    """Batched particle episodes of one task.

    Attributes:
        task: What is to be done.
        entities: Smallest and largest number of entities in a scene.
        width: Number of entity slots, N.
        control: Who is driven, see ``ParticleEnv``.
        reward: "dense" or "sparse".
        collisions: Whether all entities repel each other.
        goal: Whether this is the goal variant.
        show_attention: Whether the observation tells who is attended.
        discount: Discount of the potential in the dense reward.
        physics: Constants.
        layout: "random", or "trap": see ``layout.trapped``.
    """

    task: Task
    entities: tuple[int, int]
    width: int
    control: str
    reward: str = "dense"
    collisions: bool = False
    goal: bool = False
    show_attention: bool = True
    discount: float = 1.0
    physics: Physics = field(default_factory=Physics)
    layout: str = "random"

    def __post_init__(self) -> None:
        """Checks that the arguments go together.

        Raises:
            ValueError: They do not; the message says why.
        """
        check_choice("control", self.control, ("all", "one", "grab", "push"))
        check_choice("reward", self.reward, ("dense", "sparse"))
        name, part = self.task.name, self.task.generation
        if self.control == "one" and part.actor != "agent":
            raise ValueError(
                f"control='one' drives one agent, but {name!r} moves several: use 'all' or 'grab'"
            )
        check_goal_and_discount(self.task, self.goal, self.discount)
        check_layout(self.layout, self.task, self.entities, self.collisions, self.control)

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        return self.physics.dt

    @cached_property
    def _part(self) -> Generation:
        return self.task.generation

    @cached_property
    def frames(self) -> int:
        """T of the task's events."""
        return self._part.frames

    @cached_property
    def horizon(self) -> int:
        """Steps of an episode: an event's duration, or three seconds for each entity to bring home."""
        if self.frames > 1:
            return round(self.frames * FRAME_SECONDS / self.dt)
        return round(_SECONDS / self.dt) * (1 if self.control in ("all", "one") else 1 + self._carries)

    @property
    def _carries(self) -> int:
        return self._part.references[1] if self._part.actor == "attended" else 1

    @cached_property
    def has_hand(self) -> bool:
        """Whether a hand is there beside the entities; a concept's own pusher needs none."""
        return self.control == "grab" or (self.control == "push" and self._part.actor != "pusher")

    @cached_property
    def action_space(self) -> spaces.Box:
        """Of one row: (N * 2,) for "all", (2,) for "one" and "push", (3,) for "grab"."""
        size = {"all": 2 * self.width, "one": 2, "push": 2, "grab": 3}[self.control]
        return spaces.Box(-1.0, 1.0, (size,), np.float32)

    @cached_property
    def observation_space(self) -> spaces.Dict:
        """Of one row: a dictionary of bounded arrays, float32."""
        bodies = self.width + self.has_hand
        parts = entity_spaces(bodies, self.show_attention)
        limit = 1.01 * self.physics.max_speed
        parts |= {
            "velocities": spaces.Box(-limit, limit, (bodies, 2), np.float32),
            "movable": spaces.Box(0, 1, (bodies,), np.float32),
            "time": spaces.Box(0, 1, (1,), np.float32),
        }
        if self._history:
            parts["history"] = spaces.Box(-1, 1, (self.frames + 1, self.width, 2), np.float32)
        if self.has_hand:
            parts["hand"] = spaces.Box(0, 1, (bodies,), np.float32)
        if self.control == "grab":
            parts["held"] = spaces.Box(0, 1, (bodies,), np.float32)
        if not self.goal:
            return spaces.Dict(parts)
        size = spaces.flatdim(spaces.Dict(parts))
        goal = spaces.Box(-1, 1, (2 * self.width,), np.float32)
        flat = spaces.Box(-limit, limit, (size,), np.float32)
        return spaces.Dict({"observation": flat, "achieved_goal": goal, "desired_goal": goal})

    @cached_property
    def _shown(self) -> tuple[str, ...]:
        return ("attention",) if self.show_attention else ()

    @cached_property
    def _history(self) -> bool:
        return self._part.history

    def begin(self, streams: Streams) -> ParticleState:
        """Draws a scene for every row."""
        scene, solution = self.task.scenes(streams, self.entities, self.width)
        ways = solution.positions
        if self.layout == "trap":
            scene = trapped(streams, scene)
            ways = self._part.solve(streams.fork("trap"), scene)
        return self._start(scene, ways, streams.fork("hand"))

    def begin_at(self, scene: Event) -> ParticleState:
        """The state in which these scenes start; entities are padded to N, single states to T + 1.

        Raises:
            ValueError: The roles in the scene are not those that the task needs.
        """
        scene = padded(scene, self.width, self.frames)
        check_roles(self.task, scene, self.physics.max_speed)
        solution, streams = solution_of(self.task, scene, self.goal)
        return self._start(scene, solution, streams.fork("hand"))

    def _start(self, scene: Event, solution: np.ndarray, streams: Streams) -> ParticleState:
        scene, solution = scene.map(batch_last), batch_last(solution)
        positions, radii = batch_last(scene.initial), scene.sizes
        pushable = scene.movable
        agent = scene.marker & scene.movable if self.control in ("one", "push") else scene.movable
        controlled, solid = agent, scene.present if self.collisions else pushable
        if self.has_hand:
            positions = batch_last(np.concatenate([positions, hand_place(streams, scene)], axis=1))
            radii = with_hand(radii, np.float32(HAND_RADIUS))
            controlled = with_hand(np.zeros_like(pushable), True)
            # A hand that grabs touches nothing: it would push what it carries, for ever.
            solid = with_hand(solid, self.control == "push")
            pushable = with_hand(pushable, True)
        bodies = dynamics.make_bodies(radii, pushable, controlled, solid, self.physics)
        velocities = np.zeros_like(positions)
        if self.frames > 1:
            drift = (scene.positions[:, 1] - scene.positions[:, 0]) / np.float32(FRAME_SECONDS)
            velocities[:, : self.width] = drift * scene.present[..., None]
        frames = scene.positions[:, :0]
        if self.frames > 1:  # as if all stopped now: nothing tells the scenery's future
            frames = batch_last(np.repeat(scene.positions[:, :1], self.frames + 1, axis=1))
        episode = Episode(scene, solution, look(scene, positions.shape[1]), bodies, controlled)
        steps = np.zeros(len(radii), dtype=np.int32)
        error = error_now(self._part, episode.scene, positions[:, : self.width], frames)
        return ParticleState(episode, positions, velocities, np.zeros_like(controlled), frames, steps, error)

    def advance(self, state: ParticleState, actions: np.ndarray) -> tuple[ParticleState, Outcome]:
        """One step of every row; ``actions`` are (B, *action_space.shape), float32, in [-1, 1]."""
        episode, held, frames = state.episode, state.held, state.frames
        positions, velocities = dynamics.step(
            state.positions,
            state.velocities,
            self._spread(actions),
            episode.bodies,
            self.physics,
            contacts=self.collisions or self.control == "push",
        )
        if self.control == "grab":
            held = grip(state.positions, state.held, episode.bodies, actions[:, 2] > 0)
            moved = carried(state.positions, positions, velocities, held, episode.bodies)
            positions, velocities = moved
        steps = state.steps + np.int32(1)
        if self.frames > 1:
            positions, velocities, frames = self._scripted(state, positions, velocities, steps)
        error = error_now(self._part, episode.scene, positions[:, : self.width], frames)
        new = ParticleState(episode, positions, velocities, held, frames, steps, error)
        return new, self._outcome(state.error, new)

    def _outcome(self, before: np.ndarray, state: ParticleState) -> Outcome:
        over = state.steps >= self.horizon
        success = self._success(state)
        if self.goal:
            terms = {"goal": self.goal_reward(self.achieved(state), self.desired(state))}
        else:
            terms = reward_terms(before, state.error, success, self.reward, self.discount)
        return outcome(terms, over & False, over, {"is_success": success, "concept_error": state.error})

    def _success(self, state: ParticleState) -> np.ndarray:
        """A concept over time is satisfied when the time is over, not before."""
        if self.goal:
            return goal_distance(self.achieved(state), self.desired(state)) <= GOAL_TOLERANCE
        done: np.ndarray = state.error <= self._part.tolerance
        return done & (state.steps >= self.horizon) if self.frames > 1 else done

    def _spread(self, actions: np.ndarray) -> np.ndarray:
        """Actions by body, (B, M or 1, 2); the bodies' gain makes them bite where they should."""
        if self.control == "all":
            return np.asfortranarray(actions.reshape(len(actions), self.width, 2))
        return np.asfortranarray(actions[:, :2])[:, None]

    def _scripted(
        self, state: ParticleState, positions: np.ndarray, velocities: np.ndarray, steps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Moves scenery along its script, and records the entities' places in the frames."""
        ours = state.episode.scene.movable[..., None]
        there, drift, time = scripted(state.episode.scene, steps, self.dt)
        places = np.where(ours, positions[:, : self.width], there)
        speeds = np.where(ours, velocities[:, : self.width], drift)
        frames = recorded(state.frames, places, time)
        if self.has_hand:
            places = np.concatenate([places, positions[:, -1:]], axis=1)
            speeds = np.concatenate([speeds, velocities[:, -1:]], axis=1)
        return places, speeds, frames

    def event(self, state: ParticleState) -> Event:
        """What has happened so far: the first and the present state, or the frames up to now."""
        return event_so_far(state.episode.scene, state.positions[:, : self.width], state.frames)

    def observe(self, state: ParticleState) -> Observation:
        """What the agent sees, in fresh arrays."""
        parts = state.episode.look.copied("colors", "sizes", "present", "marker", "movable", *self._shown)
        parts["positions"] = state.positions.copy("K")
        parts["velocities"] = state.velocities.copy("K")
        parts["time"] = (state.steps / self.horizon).astype(np.float32)[:, None]
        if self._history:
            parts["history"] = self.event(state).positions.copy()
        if self.has_hand:
            parts["hand"] = state.episode.controlled.astype(np.float32)
        if self.control == "grab":
            parts["held"] = state.held.astype(np.float32)
        if not self.goal:
            return parts
        flat = [parts[key].reshape(len(state.steps), -1) for key in sorted(parts)]
        return {
            "observation": np.concatenate(flat, axis=1),
            "achieved_goal": self.achieved(state),
            "desired_goal": self.desired(state),
        }

    def info(self, state: ParticleState) -> dict[str, np.ndarray]:
        """What ``reset`` reports."""
        return {"is_success": self._success(state), "concept_error": state.error}

    def achieved(self, state: ParticleState) -> np.ndarray:
        """Places of the movable entities, zero elsewhere, (B, 2 N)."""
        return movable_places(state.episode.scene, state.positions[:, : self.width])

    def desired(self, state: ParticleState) -> np.ndarray:
        """Places of the movable entities in the solution, zero elsewhere, (B, 2 N)."""
        return movable_places(state.episode.scene, state.episode.solution[:, -1])

    def hand(self, state: ParticleState) -> np.ndarray | None:
        """Places of the hands, (B, 2), if there are any."""
        return state.positions[:, -1] if self.has_hand else None

    def goal_reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Reward of the goal variant, (...,), of goals (..., 2 N); see ``goals.goal_reward``.

        Raises:
            ValueError: This is not the goal variant.
        """
        if not self.goal:
            raise ValueError("this is not the goal variant: make the environment with goal=True")
        return goal_reward(achieved, desired, self.reward)

    def with_task(self, task: Task) -> ParticleWorld:
        """The same world with another task, whose scenes have to fit into the same spaces.

        Raises:
            ValueError: They do not; the message says what differs.
        """
        return with_task(self, task, self.show_attention)

    def find_task(self, task: object) -> Task:
        """A task as it is, by the name of its action, or by the pair (action, argument); or raises."""
        return find_task(task)

    def demonstrations(self, k: int, seed: int) -> Event:
        """``k`` satisfying events, from the seed alone."""
        return self.task.demonstrations(k, seed, self.entities)
