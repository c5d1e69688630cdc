"""The particle environments: thin constructors of the two faces."""

from __future__ import annotations

from gymnasium.vector import AutoresetMode

from ...concepts.concept import Concept
from ...concepts.task import Task
from ...concepts.task import task as make_task
from ..checks import slots
from ..single import ConceptEnv
from ..vector import ConceptVectorEnv
from ..viewer import HeatMap
from .layout import TRAP_ENTITIES
from .world import ParticleWorld


def particle_world(
    concept: str | Concept | Task = "near",
    argument: str | Concept | None = None,
    *,
    n_entities: int | tuple[int, int] | None = None,
    max_entities: int | None = None,
    control: str | None = None,
    reward: str = "dense",
    collisions: bool = False,
    goal: bool = False,
    show_attention: bool | None = None,
    discount: float = 1.0,
    layout: str = "random",
) -> ParticleWorld:
    """Makes the world that ``ParticleEnv`` describes.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: An unknown name, or arguments that do not go together; the message says why.
    """
    for name, flag in (("collisions", collisions), ("goal", goal)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} is {flag!r}, expected True or False")
    task = concept if isinstance(concept, Task) else make_task(concept, argument)
    chosen = TRAP_ENTITIES if layout == "trap" and n_entities is None else n_entities
    entities = task.entity_range(chosen)
    width = slots(entities, max_entities, task.limits[1])
    default = {"agent": "one", "attended": "all", "pusher": "push"}[task.generation.actor]
    shown = (not task.asks) if show_attention is None else bool(show_attention)
    return ParticleWorld(
        task,
        entities,
        width,
        control or default,
        reward,
        collisions or layout == "trap",
        goal,
        shown,
        discount,
        layout=layout,
    )


class ParticleEnv(ConceptEnv):
    """Bring a concept about in a plane of discs.

    Discs are second-order points with damping, a speed limit and walls at -1 and 1; time steps are
    0.05 s. An episode ends after three seconds, after the event's duration where the concept is
    about a trajectory, and later where a hand has to carry or push one after the other.

    Observation (a dictionary; N entities, and one body more where there is a hand):

    | key | shape | range | meaning |
    |---|---|---|---|
    | positions | (N, 2) | [-1, 1] | centres |
    | velocities | (N, 2) | [-1.515, 1.515] | units per second |
    | colors | (N, 3) | {0, 1} | one-hot red, green, blue |
    | sizes | (N,) | [0, 1] | radii |
    | present | (N,) | {0, 1} | 0 on padding |
    | movable | (N,) | {0, 1} | who can be moved |
    | marker | (N,) | {0, 1} | the entity that says "me" |
    | attention | (N,) | {0, 1} | who the concept is about; only if ``show_attention`` |
    | time | (1,) | [0, 1] | share of the episode that is over |
    | history | (T+1, N, 2) | [-1, 1] | the event so far; where more than the present counts |
    | hand, held | (N,) | {0, 1} | which body is the hand, which one it holds |

    Action, in [-1, 1]: for control "all" (2 N,), the thrust of every movable disc; for "one" and
    "push" (2,), the thrust of the agent or of the hand; for "grab" (3,), the thrust of the hand and
    its grip (closed above zero; it takes what it touches).

    Reward: 10 * (error before - discount * error now) + 1 if the concept is satisfied (dense), or
    the last term alone (sparse). A concept about a trajectory can be satisfied in its last step only.

    Args:
        concept: The action: a name, a joint one ("near(red) & left_of(blue)"), a ``Concept`` or a ``Task``.
        argument: Who it is about: a name or a ``Concept``; by default each scene says so itself.
        n_entities: Number of entities, or a range with both ends; by default four to seven or so.
        max_entities: Number of entity slots, N; by default the largest number of entities.
        control: "all", "one", "grab" or "push"; by default what suits the concept: one agent, all
            attended discs, or an agent that pushes.
        reward: "dense" or "sparse".
        collisions: Whether all discs repel each other.
        goal: Whether the observation follows the goal interface ("observation", "achieved_goal",
            "desired_goal": the places of the movable discs in one solution), with ``compute_reward``:
            minus the largest distance of a disc from its place (dense), or 0 within 0.05 and -1
            elsewhere (sparse).
        show_attention: Whether the observation tells who is attended; by default only where no
            argument does.
        discount: Discount of the potential in the dense reward; the learner's own, for a shaping that
            leaves the optimum untouched (Ng, Harada, Russell, ICML 1999, theorem 1).
        layout: "random", or "trap": thirteen entities that repel each other, eleven of them a U between
            the agent and what it is to reach; for concepts of one agent and one reference.
        render_mode: "rgb_array", "human" or None.
        heatmap: Maps points, (P, 2), and the event so far to energies, (P,), drawn underneath.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: An unknown name, or arguments that do not go together.
    """

    world: ParticleWorld

    def __init__(
        self,
        concept: str | Concept | Task = "near",
        argument: str | Concept | None = None,
        *,
        n_entities: int | tuple[int, int] | None = None,
        max_entities: int | None = None,
        control: str | None = None,
        reward: str = "dense",
        collisions: bool = False,
        goal: bool = False,
        show_attention: bool | None = None,
        discount: float = 1.0,
        layout: str = "random",
        render_mode: str | None = None,
        heatmap: HeatMap | None = None,
    ) -> None:
        """See the class."""
        world = particle_world(
            concept,
            argument,
            n_entities=n_entities,
            max_entities=max_entities,
            control=control,
            reward=reward,
            collisions=collisions,
            goal=goal,
            show_attention=show_attention,
            discount=discount,
            layout=layout,
        )
        super().__init__(world, render_mode, heatmap)


class ParticleVectorEnv(ConceptVectorEnv):
    """``ParticleEnv`` for many rows at once; the arguments mean the same.

    Args:
        num_envs: Number of rows.
        concept: See ``ParticleEnv``.
        argument: See ``ParticleEnv``.
        n_entities: See ``ParticleEnv``.
        max_entities: See ``ParticleEnv``.
        control: See ``ParticleEnv``.
        reward: See ``ParticleEnv``.
        collisions: See ``ParticleEnv``.
        goal: See ``ParticleEnv``.
        show_attention: See ``ParticleEnv``.
        discount: See ``ParticleEnv``.
        layout: See ``ParticleEnv``.
        render_mode: "rgb_array" or None.
        heatmap: See ``ParticleEnv``.
        autoreset_mode: When a row whose episode is over starts anew.
    """

    def __init__(
        self,
        num_envs: int = 1,
        concept: str | Concept | Task = "near",
        argument: str | Concept | None = None,
        *,
        n_entities: int | tuple[int, int] | None = None,
        max_entities: int | None = None,
        control: str | None = None,
        reward: str = "dense",
        collisions: bool = False,
        goal: bool = False,
        show_attention: bool | None = None,
        discount: float = 1.0,
        layout: str = "random",
        render_mode: str | None = None,
        heatmap: HeatMap | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        """See the class."""
        world = particle_world(
            concept,
            argument,
            n_entities=n_entities,
            max_entities=max_entities,
            control=control,
            reward=reward,
            collisions=collisions,
            goal=goal,
            show_attention=show_attention,
            discount=discount,
            layout=layout,
        )
        super().__init__(world, num_envs, render_mode, autoreset_mode, heatmap)
