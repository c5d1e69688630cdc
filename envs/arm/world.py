"""The arm world: the particle world's tasks, brought about by a robot in MuJoCo.

Concept coordinates are a projection: the effector is the agent, or the hand that grips and pushes;
objects are the other entities. The error, and so the reward, is the catalogue's, unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from gymnasium import spaces

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
from ..particle.goals import GOAL_TOLERANCE, goal_distance, goal_reward
from ..particle.hand import hand_place
from ..particle.roles import check_roles
from ..scenes import Look, entity_spaces, look, padded
from ..script import recorded, scripted
from ..state import Observation, Outcome, batch_last, outcome
from ..tasks import find_task
from . import randomisation as varied
from .machine import DT, EFFECTOR_SPEED, Machine, Snapshot
from .randomisation import FAR, FAST, Drawn, Randomisation
from .robots import ROBOTS
from .scene import PLANES
from .view import Plane

HELD_STEPS = 5
"""Control steps for which a concept has to hold until it counts as brought about."""

_SECONDS = 4.0


@dataclass(frozen=True)
class ArmEpisode:
    """What stays the same during B episodes with N entities.

    Attributes:
        scene: The events as they run if nobody acts, positions (B, T+1, N, 2), float32.
        solution: Positions that satisfy the task, (B, T+1, N, 2).
        look: The constant part of the observations.
        agent: Which entity is the effector, (B, N); none where it is a hand.
        drawn: What differs from other episodes.
    """

    scene: Event
    solution: np.ndarray
    look: Look
    agent: np.ndarray
    drawn: Drawn

    @property
    def shown(self) -> np.ndarray:
        """Which entities are objects, (B, N)."""
        return self.scene.present & ~self.agent


@dataclass(frozen=True)
class ArmState:
    """State of B episodes.

    Attributes:
        episode: What stays the same.
        physics: MuJoCo's integration states, (B, S), float64.
        joints: Positions, velocities and targets of the joints, (B, 3, J).
        effector: Places of the effectors in the world, in metres, (B, 3).
        positions: Concept coordinates of the entities, (B, N, 2).
        velocities: Their changes, units per second, (B, N, 2).
        held: Which object the suction holds, (B, N).
        frames: The events so far, the future as if all stopped now, (B, T+1, N, 2); T > 1 only.
        steps: Steps taken, (B,).
        error: The task's error now, (B,).
        streak: For how many steps in a row the task has been satisfied, (B,).
        once: Whether it ever was, (B,).
        queue: The last actions, (B, L, A), where they may take effect late.
    """

    episode: ArmEpisode
    physics: np.ndarray
    joints: np.ndarray
    effector: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    held: np.ndarray
    frames: np.ndarray
    steps: np.ndarray
    error: np.ndarray
    streak: np.ndarray
    once: np.ndarray
    queue: np.ndarray


@dataclass(frozen=True)
class ArmWorld:
    """Batched robot episodes of one task.

    Attributes:
        task: What is to be done.
        entities: Smallest and largest number of entities in a scene.
        width: Number of entity slots, N.
        robot: A name in ``ROBOTS``.
        kind: "reach": the effector is the agent. "suction" or "pusher": it moves objects.
        plane: A name in ``PLANES``.
        control: "joints" or "effector".
        reward: "dense" or "sparse".
        goal: Whether this is the goal variant.
        show_attention: Whether the observation tells who is attended.
        discount: Discount of the potential in the dense reward.
        randomisation: What differs from episode to episode.
    """

    task: Task
    entities: tuple[int, int]
    width: int
    robot: str = "arm"
    kind: str = "reach"
    plane: str = "table"
    control: str = "joints"
    reward: str = "dense"
    goal: bool = False
    show_attention: bool = True
    discount: float = 1.0
    randomisation: tuple[Randomisation, ...] = ()

    def __post_init__(self) -> None:
        """Checks that the arguments go together.

        Raises:
            ValueError: They do not; the message says why.
        """
        check_choice("robot", self.robot, tuple(ROBOTS))
        check_choice("kind", self.kind, ("reach", "suction", "pusher"))
        check_choice("plane", self.plane, tuple(PLANES))
        check_choice("control", self.control, ("joints", "effector"))
        check_choice("reward", self.reward, ("dense", "sparse"))
        actor, name = self.task.generation.actor, self.task.name
        if (actor == "agent") != (self.kind == "reach"):
            fitting = "reach" if actor == "agent" else "suction or pusher"
            raise ValueError(f"{name!r} is for kind={fitting}, not {self.kind!r}")
        if actor == "pusher":
            raise ValueError(f"{name!r} casts a pusher of its own, which no robot plays yet")
        if self.plane not in ROBOTS[self.robot].planes or (self.kind != "reach" and self.plane != "table"):
            raise ValueError(f"robot {self.robot!r} cannot {self.kind} on the plane {self.plane!r}")
        check_goal_and_discount(self.task, self.goal, self.discount)
        varied.check_randomisation(self.randomisation, self.machine.model)

    @cached_property
    def machine(self) -> Machine:
        """The robot and its objects."""
        return Machine(self.robot, self.width, self.kind, self.plane)

    @property
    def view(self) -> Plane:
        """The plane's entry in the table."""
        return self.machine.view

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        return DT

    @cached_property
    def frames(self) -> int:
        """T of the task's events."""
        return self.task.generation.frames

    @cached_property
    def horizon(self) -> int:
        """Steps of an episode: an event's duration, or four seconds, and as many for each carried object."""
        if self.frames > 1:
            return round(self.frames * FRAME_SECONDS / self.dt)
        carries = 0 if self.kind == "reach" else self.task.generation.references[1]
        return round(_SECONDS / self.dt) * (1 + carries)

    @cached_property
    def action_space(self) -> spaces.Box:
        """Of one row: changes of the targets of the joints, or of the effector, and the suction."""
        size = self.machine.joints if self.control == "joints" else 3
        return spaces.Box(-1.0, 1.0, (size + (self.kind == "suction"),), np.float32)

    @cached_property
    def observation_space(self) -> spaces.Dict:
        """Of one row: a dictionary of bounded arrays, float32."""
        parts = entity_spaces(self.width, self.show_attention)
        far = spaces.Box(-FAR, FAR, (self.width, 2), np.float32)
        fast = spaces.Box(-FAST, FAST, (self.width, 2), np.float32)
        joints = spaces.Box(-FAR, FAR, (self.machine.joints,), np.float32)
        parts |= {
            "positions": far,
            "velocities": fast,
            "movable": spaces.Box(0, 1, (self.width,), np.float32),
            "time": spaces.Box(0, 1, (1,), np.float32),
            "joints": joints,
            "targets": joints,
            "joint_velocities": spaces.Box(-FAST, FAST, (self.machine.joints,), np.float32),
            "effector": spaces.Box(-FAR, FAR, (3,), np.float32),
        }
        if self.task.generation.history:
            parts["history"] = spaces.Box(-FAR, FAR, (self.frames + 1, self.width, 2), np.float32)
        if self.kind == "suction":
            parts["held"] = spaces.Box(0, 1, (self.width,), np.float32)
        if not self.goal:
            return spaces.Dict(parts)
        size = spaces.flatdim(spaces.Dict(parts))
        goal = spaces.Box(-FAR, FAR, (2 * self.width,), np.float32)
        flat = spaces.Box(-FAST, FAST, (size,), np.float32)
        return spaces.Dict({"observation": flat, "achieved_goal": goal, "desired_goal": goal})

    def begin(self, streams: Streams) -> ArmState:
        """Draws a scene for every row."""
        scene, solution = self.task.scenes(streams, self.entities, self.width)
        return self._start(scene, solution.positions, streams)

    def begin_at(self, scene: Event) -> ArmState:
        """The state in which these scenes start; entities are padded to N, single states to T + 1.

        Raises:
            ValueError: The roles in the scene are not those that the task needs.
        """
        scene = padded(scene, self.width, self.frames)
        check_roles(self.task, scene, FAST)
        solution, streams = solution_of(self.task, scene, self.goal)
        return self._start(scene, solution, streams)

    def _start(self, scene: Event, solution: np.ndarray, streams: Streams) -> ArmState:
        scene, solution = scene.map(batch_last), batch_last(solution)
        rows = len(scene.sizes)
        agent = scene.movable & scene.marker if self.kind == "reach" else np.zeros_like(scene.movable)
        start = scene.initial
        hand = (
            hand_place(streams.fork("hand"), scene)[:, 0]
            if self.kind != "reach"
            else (start * agent[..., None]).sum(1)
        )
        frames = scene.positions[:, :0]
        if self.frames > 1:
            frames = batch_last(np.repeat(scene.positions[:, :1], self.frames + 1, axis=1))
        drawn = varied.draw(self.randomisation, self.machine.model, streams)
        episode = ArmEpisode(scene, solution, look(scene, self.width), agent, drawn)
        made = self.machine.placed(hand, start, episode.shown)
        steps = np.zeros(rows, dtype=np.int32)
        drift = np.zeros_like(start)
        if self.frames > 1:
            drift = (scene.positions[:, 1] - scene.positions[:, 0]) / np.float32(FRAME_SECONDS)
            drift = batch_last(drift * (scene.present & ~agent)[..., None])
        positions = self._seen(episode, made, start)
        error = error_now(self.task.generation, episode.scene, positions, frames)
        held, once = np.zeros_like(agent), np.zeros(rows, dtype=bool)
        queue = np.zeros(
            (rows, varied.slowest(self.randomisation), *self.action_space.shape), dtype=np.float32
        )
        return ArmState(
            episode, *made[:3], positions, drift, held, frames, steps, error, steps.copy(), once, queue
        )

    def _seen(self, episode: ArmEpisode, made: Snapshot, rest: np.ndarray) -> np.ndarray:
        """Concept coordinates of all entities, (B, N, 2): of those that the robot moves, and the rest."""
        if self.kind == "reach":
            place = self.view.project(made.effector)[:, None]
            return batch_last(np.where(episode.agent[..., None], place, rest))
        return batch_last(np.where(episode.scene.movable[..., None], made.objects, rest))

    def advance(self, state: ArmState, actions: np.ndarray) -> tuple[ArmState, Outcome]:
        """One step of every row; ``actions`` are (B, *action_space.shape), float32, in [-1, 1]."""
        episode, held, rest = state.episode, state.held, state.positions
        queue, actions = varied.late(state.queue, actions, episode.drawn.delay)
        if self.kind == "suction":
            movable, on = episode.scene.movable, actions[:, -1] > 0
            held = self.machine.gripped(state.effector, state.positions, held, movable, on)
        steps, frames, velocities = state.steps + np.int32(1), state.frames, None
        if self.frames > 1:
            rest, velocities, time = scripted(episode.scene, steps, self.dt)
        shown = episode.shown if velocities is not None else None
        fields = varied.split(self.randomisation, self.machine.model, episode.drawn.factors)
        made = self.machine.step(state.physics, self._change(state, actions), held, rest, shown, fields)
        positions = self._seen(episode, made, rest)
        moved = (positions - state.positions) / np.float32(self.dt)
        if velocities is not None:
            moved = batch_last(np.where(episode.agent[..., None], moved, velocities))
            frames = recorded(frames, positions, time)
        error = error_now(self.task.generation, episode.scene, positions, frames)
        good = error <= self.task.generation.tolerance
        streak = np.where(good, state.streak + np.int32(1), np.int32(0))
        new = ArmState(
            episode, *made[:3], positions, moved, held, frames, steps, error, streak, state.once | good, queue
        )
        return new, self._outcome(state.error, new)

    def _change(self, state: ArmState, actions: np.ndarray) -> np.ndarray:
        """Changes of the joints' targets, (B, J)."""
        if self.control == "joints":
            return actions[:, : self.machine.joints] * (self.machine.entry.speed * self.dt)
        wanted = actions[:, :3] * (EFFECTOR_SPEED * self.dt)
        return self.machine.joint_change(state.physics, state.effector, wanted)

    def _outcome(self, before: np.ndarray, state: ArmState) -> Outcome:
        over = state.steps >= self.horizon
        success = self._success(state)
        if self.goal:
            terms = {"goal": self.goal_reward(self.achieved(state), self.desired(state))}
        else:
            terms = reward_terms(before, state.error, success, self.reward, self.discount)
        info = {"is_success": success, "success_once": state.once, "concept_error": state.error}
        return outcome(terms, over & False, over, info)

    def _success(self, state: ArmState) -> np.ndarray:
        """Held for the last five steps; a concept over time is satisfied when the time is over."""
        if self.goal:
            return goal_distance(self.achieved(state), self.desired(state)) <= GOAL_TOLERANCE
        if self.frames > 1:
            return (state.streak > 0) & (state.steps >= self.horizon)
        return state.streak >= HELD_STEPS

    def event(self, state: ArmState) -> Event:
        """What has happened so far: the first and the present state, or the frames up to now."""
        return event_so_far(state.episode.scene, state.positions, state.frames)

    def observe(self, state: ArmState) -> Observation:
        """What the agent sees, in fresh arrays."""
        shown = ("attention",) if self.show_attention else ()
        parts = state.episode.look.copied("colors", "sizes", "present", "marker", "movable", *shown)
        parts |= {
            "positions": state.positions.copy("K"),
            "velocities": state.velocities.copy("K"),
            "time": (state.steps / self.horizon).astype(np.float32)[:, None],
            "joints": state.joints[:, 0].copy(),
            "joint_velocities": state.joints[:, 1].copy(),
            "targets": state.joints[:, 2].copy(),
            "effector": state.effector.astype(np.float32),
        }
        if self.task.generation.history:
            parts["history"] = self.event(state).positions.copy()
        if self.kind == "suction":
            parts["held"] = state.held.astype(np.float32)
        parts = varied.measured(self.randomisation, parts, state.episode.drawn.keys, state.steps)
        if not self.goal:
            return parts
        flat = [parts[key].reshape(len(state.steps), -1) for key in sorted(parts)]
        return {
            "observation": np.concatenate(flat, axis=1),
            "achieved_goal": self.achieved(state),
            "desired_goal": self.desired(state),
        }

    def info(self, state: ArmState) -> dict[str, np.ndarray]:
        """What ``reset`` reports."""
        return {"is_success": self._success(state), "success_once": state.once, "concept_error": state.error}

    def achieved(self, state: ArmState) -> np.ndarray:
        """Places of the movable entities, zero elsewhere, (B, 2 N)."""
        return movable_places(state.episode.scene, state.positions)

    def desired(self, state: ArmState) -> np.ndarray:
        """Places of the movable entities in the solution, zero elsewhere, (B, 2 N)."""
        return movable_places(state.episode.scene, state.episode.solution[:, -1])

    def hand(self, state: ArmState) -> np.ndarray | None:
        """Places of the hands, (B, 2), if the effector is one."""
        return None if self.kind == "reach" else self.view.project(state.effector)

    def goal_reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Reward of the goal variant, (...,), of goals (..., 2 N); see ``goals.goal_reward``.

        Raises:
            ValueError: This is not the goal variant.
        """
        if not self.goal:
            raise ValueError("this is not the goal variant: make the environment with goal=True")
        return goal_reward(achieved, desired, self.reward)

    def with_task(self, task: Task) -> ArmWorld:
        """The same world with another task, whose scenes have to fit into the same spaces.

        Raises:
            ValueError: They do not; the message says what differs.
        """
        return with_task(self, task, self.show_attention)

    def find_task(self, task: object) -> Task:
        """A task as it is, by the name of its action, or by the pair (action, argument); or raises."""
        return find_task(task)

    def demonstrations(self, k: int, seed: int) -> Event:
        """``k`` satisfying events of the particle world, from the seed alone."""
        return self.task.demonstrations(k, seed, self.entities)
