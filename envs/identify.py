"""The identification world: one step, and the action says which entities the concept is about."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from ..concepts.catalogue import get
from ..concepts.concept import Concept, Identification
from ..concepts.event import FRAME_SECONDS, Event
from ..concepts.sampling import entity_range, identification_scenes, least_entities, most_entities
from ..concepts.streams import Streams
from .checks import check_choice, slots
from .scenes import Look, entity_spaces, fit, look, padded
from .single import ConceptEnv
from .state import Observation, Outcome, batch_last, outcome
from .vector import ConceptVectorEnv
from .viewer import HeatMap


@dataclass(frozen=True)
class IdentifyState:
    """State of B episodes with N entities.

    Attributes:
        scene: The scenes, positions (B, T+1, N, 2), attention on a true mask, float32.
        look: The constant part of the observations.
        chosen: The mask that was answered, zeros before, (B, N).
        steps: 0 before the answer, 1 after it, (B,).
    """

    scene: Event
    look: Look
    chosen: np.ndarray
    steps: np.ndarray


@dataclass(frozen=True)
class IdentifyWorld:
    """Batched identification episodes of one concept.

    Attributes:
        task: The concept to identify.
        entities: Smallest and largest number of entities in a scene.
        width: Number of entity slots, N.
        reward: "dense" or "sparse".
        dt: Seconds between two states of what is seen.
        horizon: Steps of an episode.
        goal: There is no goal variant.
    """

    task: Concept
    entities: tuple[int, int]
    width: int
    reward: str = "dense"
    dt: float = FRAME_SECONDS
    horizon: int = 1
    goal: bool = False

    @property
    def part(self) -> Identification:
        """The concept's ground truth."""
        assert self.task.identification is not None, "checked when the world was made"
        return self.task.identification

    @property
    def frames(self) -> int:
        """T of the events; 0 where a single state says it all."""
        return self.part.frames

    @property
    def action_space(self) -> spaces.Box:
        """Of one row: attend an entity where the action is above zero, (N,)."""
        return spaces.Box(-1.0, 1.0, (self.width,), np.float32)

    @property
    def observation_space(self) -> spaces.Dict:
        """Of one row: a dictionary of bounded arrays, float32."""
        parts = entity_spaces(self.width, show_attention=False)
        if self.part.frames:
            parts["history"] = spaces.Box(-1, 1, (self.part.frames + 1, self.width, 2), np.float32)
        return spaces.Dict(parts)

    def begin(self, streams: Streams) -> IdentifyState:
        """Draws a scene for every row."""
        return self._start(
            identification_scenes(streams, self.part, self.entities, self.width, self.task.name)
        )

    def begin_at(self, scene: Event) -> IdentifyState:
        """The state in which these scenes start; the truth is worked out anew."""
        scene = padded(scene, self.width, self.part.frames)
        return self._start(scene.replace(attention=self.part.mask(scene).astype(np.float32)))

    def _start(self, scene: Event) -> IdentifyState:
        scene = scene.map(batch_last)
        steps = np.zeros(len(scene.sizes), dtype=np.int32)
        return IdentifyState(scene, look(scene, self.width), np.zeros_like(scene.attention), steps)

    def _wrong(self, state: IdentifyState) -> np.ndarray:
        """Number of entities wrongly attended or missed, (B,)."""
        if self.part.unique:
            return np.abs(state.chosen - state.scene.attention).sum(-1)
        return np.asarray(self.part.error(self.event(state)))

    def advance(self, state: IdentifyState, actions: np.ndarray) -> tuple[IdentifyState, Outcome]:
        """Takes the answers, (B, N), and ends all episodes."""
        before = self._wrong(state)
        state = replace(state, chosen=(actions > 0).astype(np.float32), steps=state.steps + 1)
        wrong = self._wrong(state)
        success = wrong <= self.part.tolerance
        terms = {"success": success}
        if self.reward == "dense":
            terms = {"progress": before - wrong, "success": success}
        over = np.ones_like(success)
        return state, outcome(terms, over, ~over, self.info(state))

    def event(self, state: IdentifyState) -> Event:
        """The scene under the mask that was answered."""
        return state.scene.replace(attention=state.chosen)

    def observe(self, state: IdentifyState) -> Observation:
        """What the agent sees, in fresh arrays."""
        parts = state.look.copied("colors", "sizes", "present", "marker")
        parts["positions"] = state.scene.final.copy()
        if self.part.frames:
            parts["history"] = state.scene.positions.copy()
        return parts

    def info(self, state: IdentifyState) -> dict[str, np.ndarray]:
        """Whether the mask is right, and how many entities are wrong."""
        wrong = self._wrong(state)
        return {"is_success": wrong <= self.part.tolerance, "concept_error": wrong}

    def hand(self, state: IdentifyState) -> None:
        """There is none."""
        return None

    def goal_reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """There is no goal variant.

        Raises:
            ValueError: Always.
        """
        raise ValueError("identification has no goal variant")

    def with_task(self, task: Concept) -> IdentifyWorld:
        """The same world with another concept, whose scenes have to fit into the same spaces.

        Raises:
            ValueError: They do not; the message says what differs.
        """
        part = task.part("identify")
        return fit(self, task, (least_entities(part), most_entities(part)))

    def find_task(self, task: object) -> Concept:
        """A concept as it is, or by name.

        Raises:
            TypeError: ``task`` is neither.
            ValueError: An unknown name, or the concept cannot be identified.
        """
        if not isinstance(task, (str, Concept)):
            raise TypeError(f"task is {task!r}, expected the name of a concept or a Concept")
        concept = get(task) if isinstance(task, str) else task
        concept.part("identify")
        return concept

    def demonstrations(self, k: int, seed: int) -> Event:
        """``k`` scenes with attention on the true mask, from the seed alone."""
        return self.task.demonstrations(k, seed, self.entities, "identify")


def identify_world(
    concept: str | Concept = "closest",
    *,
    n_entities: int | tuple[int, int] | None = None,
    max_entities: int | None = None,
    reward: str = "dense",
) -> IdentifyWorld:
    """Makes the world that ``IdentifyEnv`` describes.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: An unknown name, a concept that cannot be identified, or a wrong number of entities.
    """
    found = get(concept) if isinstance(concept, str) else concept
    if not isinstance(found, Concept):
        raise TypeError(f"concept is {concept!r}, expected a name or a Concept")
    part = found.part("identify")
    check_choice("reward", reward, ("dense", "sparse"))
    limits = least_entities(part), most_entities(part)
    entities = entity_range(n_entities, limits)
    return IdentifyWorld(found, entities, slots(entities, max_entities, limits[1]), reward)


class IdentifyEnv(ConceptEnv):
    """Say which entities of a scene a concept is about: one step, the action is the mask.

    Observation (a dictionary; N entity slots): positions (N, 2), colors (N, 3), sizes (N,), present
    (N,), marker (N,) as in ``ParticleEnv``, and history (T+1, N, 2) where a motion has to be seen.

    Action (N,), in [-1, 1]: an entity is attended where it is above zero.

    Reward: the number of entities that the mask gets right more than the empty mask does, plus one
    if it is right altogether (dense), or the last term alone (sparse). The episode then ends.

    Args:
        concept: A name or a ``Concept``.
        n_entities: Number of entities, or a range with both ends; by default four to seven or so.
        max_entities: Number of entity slots, N; by default the largest number of entities.
        reward: "dense" or "sparse".
        render_mode: "rgb_array", "human" or None.
        heatmap: Maps points, (P, 2), and the event to energies, (P,), drawn underneath.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: An unknown name, or a concept that cannot be identified.
    """

    def __init__(
        self,
        concept: str | Concept = "closest",
        *,
        n_entities: int | tuple[int, int] | None = None,
        max_entities: int | None = None,
        reward: str = "dense",
        render_mode: str | None = None,
        heatmap: HeatMap | None = None,
    ) -> None:
        """See the class."""
        world = identify_world(concept, n_entities=n_entities, max_entities=max_entities, reward=reward)
        super().__init__(world, render_mode, heatmap)


class IdentifyVectorEnv(ConceptVectorEnv):
    """``IdentifyEnv`` for many rows at once; the arguments mean the same.

    Args:
        num_envs: Number of rows.
        concept: See ``IdentifyEnv``.
        n_entities: See ``IdentifyEnv``.
        max_entities: See ``IdentifyEnv``.
        reward: See ``IdentifyEnv``.
        render_mode: "rgb_array" or None.
        heatmap: See ``IdentifyEnv``.
        autoreset_mode: When a row whose episode is over starts anew.
    """

    def __init__(
        self,
        num_envs: int = 1,
        concept: str | Concept = "closest",
        *,
        n_entities: int | tuple[int, int] | None = None,
        max_entities: int | None = None,
        reward: str = "dense",
        render_mode: str | None = None,
        heatmap: HeatMap | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        """See the class."""
        world = identify_world(concept, n_entities=n_entities, max_entities=max_entities, reward=reward)
        super().__init__(world, num_envs, render_mode, autoreset_mode, heatmap)
