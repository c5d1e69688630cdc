"""The arm environments: thin constructors of the two faces."""

from __future__ import annotations

import mujoco
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from ...concepts.concept import Concept
from ...concepts.event import Event
from ...concepts.task import Task
from ...concepts.task import task as make_task
from ..checks import check_choice, slots
from ..single import ConceptEnv
from ..vector import ConceptVectorEnv
from ..viewer import HeatMap
from .randomisation import Randomisation
from .render import Camera
from .world import ArmWorld

MAX_OBJECTS = 8
VIEWS = ("both", "scene", "concept")


def arm_world(
    concept: str | Concept | Task = "near",
    argument: str | Concept | None = None,
    *,
    robot: str = "arm",
    gripper: str = "suction",
    plane: str = "table",
    control: str = "joints",
    n_entities: int | tuple[int, int] | None = None,
    max_entities: int | None = None,
    reward: str = "dense",
    goal: bool = False,
    show_attention: bool | None = None,
    discount: float = 1.0,
    randomisation: tuple[Randomisation, ...] = (),
) -> ArmWorld:
    """Makes the world that ``ArmEnv`` describes.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: An unknown name, or arguments that do not go together; the message says why.
    """
    if not isinstance(goal, bool):
        raise TypeError(f"goal is {goal!r}, expected True or False")
    check_choice("gripper", gripper, ("suction", "pusher"))
    task = concept if isinstance(concept, Task) else make_task(concept, argument)
    entities = task.entity_range(n_entities)
    width = slots(entities, max_entities, task.limits[1])
    kind = "reach" if task.generation.actor == "agent" else gripper
    shown = (not task.asks) if show_attention is None else bool(show_attention)
    return ArmWorld(
        task,
        entities,
        width,
        robot,
        kind,
        plane,
        control,
        reward,
        goal,
        shown,
        discount,
        tuple(randomisation),
    )


class ArmEnv(ConceptEnv):
    """Bring a concept about with a robot, in MuJoCo.

    The scenes, the errors and the rewards are those of ``ParticleEnv``; concept coordinates are a
    projection of the world: by default of a table, half a metre square, before the robot. Where one
    agent enacts the concept, the effector is that agent. Where entities are to be arranged, they are
    objects on the table, and the effector grips or pushes them.

    Physics steps take 0.025 s, and a control step has two. An episode ends after four seconds, after
    the event's duration where the concept is about a trajectory, and later where objects are carried.

    Observation (a dictionary; N entities, J joints):

    | key | shape | range | meaning |
    |---|---|---|---|
    | positions | (N, 2) | [-8, 8] | concept coordinates |
    | velocities | (N, 2) | [-100, 100] | units per second |
    | colors, sizes, present, movable, marker, attention | (N, ...) | [0, 1] | see ``ParticleEnv`` |
    | time | (1,) | [0, 1] | share of the episode that is over |
    | history | (T+1, N, 2) | [-8, 8] | the event so far; where more than the present counts |
    | joints, targets | (J,) | [-8, 8] | joint positions and their targets, radians or metres |
    | joint_velocities | (J,) | [-100, 100] | radians or metres per second |
    | effector | (3,) | [-8, 8] | place in the world, metres |
    | held | (N,) | {0, 1} | which object the suction holds |

    Action, in [-1, 1]: for control "joints" (J,), the change of each joint's target, as a share of
    the robot's largest; for "effector" (3,), the change of the effector's place along the world's
    axes, at most 0.5 m/s, by damped least squares. With suction one number more: on above zero.

    Success: the concept holds, and has held for the last five steps; a concept about a trajectory
    counts at its end. ``info["success_once"]`` says whether it ever held.

    Args:
        concept: The action: a name, a joint one ("near(red) & left_of(blue)"), a ``Concept`` or a ``Task``.
        argument: Who it is about: a name or a ``Concept``; by default each scene says so itself.
        robot: "arm" (seven joints), "planar" (three) or "point" (drives on the table).
        gripper: "suction" or "pusher", where objects are to be arranged; in contact all have
            a radius of 0.06.
        plane: "table", or "wall": upright, so that "above" is up.
        control: "joints" or "effector".
        n_entities: Number of entities, or a range with both ends; by default four to seven or so.
        max_entities: Number of entity slots, N; by default the largest number of entities.
        reward: "dense" or "sparse", see ``ParticleEnv``.
        goal: Whether the observation follows the goal interface, see ``ParticleEnv``.
        show_attention: Whether the observation tells who is attended.
        discount: Discount of the potential in the dense reward.
        randomisation: What differs from episode to episode: any of ``masses()``, ``friction()``,
            ``gains()``, ``ObservationNoise()``, ``Latency()`` of ``envs.arm.randomisation``.
        render_mode: "rgb_array", "human" or None.
        view: What is rendered: the 3D "scene", the "concept" plane, or "both" side by side.
        camera: "front" or "top".
        heatmap: Maps points, (P, 2), and the event so far to energies, (P,), drawn on the plane.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: An unknown name, or arguments that do not go together.
    """

    world: ArmWorld

    def __init__(
        self,
        concept: str | Concept | Task = "near",
        argument: str | Concept | None = None,
        *,
        robot: str = "arm",
        gripper: str = "suction",
        plane: str = "table",
        control: str = "joints",
        n_entities: int | tuple[int, int] | None = None,
        max_entities: int | None = None,
        reward: str = "dense",
        goal: bool = False,
        show_attention: bool | None = None,
        discount: float = 1.0,
        randomisation: tuple[Randomisation, ...] = (),
        render_mode: str | None = None,
        view: str = "both",
        camera: str = "front",
        heatmap: HeatMap | None = None,
    ) -> None:
        """See the class."""
        check_choice("view", view, VIEWS)
        world = arm_world(
            concept,
            argument,
            robot=robot,
            gripper=gripper,
            plane=plane,
            control=control,
            n_entities=n_entities,
            max_entities=max_entities,
            reward=reward,
            goal=goal,
            show_attention=show_attention,
            discount=discount,
            randomisation=randomisation,
        )
        super().__init__(world, render_mode, heatmap)
        self.view, self.camera = view, Camera(camera=camera, heatmap=heatmap)

    def picture(self, event: Event, hand: np.ndarray | None) -> np.ndarray:
        """The present state as an image, (H, W, 3)."""
        if self.view == "concept":
            return super().picture(event, hand)
        scene = self.camera.draw(self.world, self.state)
        if self.view == "scene":
            return scene
        return np.concatenate([scene, super().picture(event, hand)], axis=1)

    @property
    def model(self) -> mujoco.MjModel:
        """MuJoCo's model; its constants are shared by all environments of this kind."""
        return self.world.machine.model

    @property
    def data(self) -> mujoco.MjData:
        """MuJoCo's data in the present state; a copy, as the environment's state is its own."""
        if self.state is None:
            raise ResetNeeded("no episode has begun: call reset()")
        data = mujoco.MjData(self.model)
        mujoco.mj_setState(self.model, data, self.state.physics[0], int(mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_forward(self.model, data)
        return data

    def close(self) -> None:
        """Frees the renderer and the window; twice is fine."""
        self.camera.close()
        super().close()


class ArmVectorEnv(ConceptVectorEnv):
    """``ArmEnv`` for many rows at once; the arguments mean the same, rendering shows the concept plane.

    Args:
        num_envs: Number of rows.
        concept: See ``ArmEnv``.
        argument: See ``ArmEnv``.
        robot: See ``ArmEnv``.
        gripper: See ``ArmEnv``.
        plane: See ``ArmEnv``.
        control: See ``ArmEnv``.
        n_entities: See ``ArmEnv``.
        max_entities: See ``ArmEnv``.
        reward: See ``ArmEnv``.
        goal: See ``ArmEnv``.
        show_attention: See ``ArmEnv``.
        discount: See ``ArmEnv``.
        randomisation: See ``ArmEnv``.
        render_mode: "rgb_array" or None.
        heatmap: See ``ArmEnv``.
        autoreset_mode: When a row whose episode is over starts anew.
    """

    def __init__(
        self,
        num_envs: int = 1,
        concept: str | Concept | Task = "near",
        argument: str | Concept | None = None,
        *,
        robot: str = "arm",
        gripper: str = "suction",
        plane: str = "table",
        control: str = "joints",
        n_entities: int | tuple[int, int] | None = None,
        max_entities: int | None = None,
        reward: str = "dense",
        goal: bool = False,
        show_attention: bool | None = None,
        discount: float = 1.0,
        randomisation: tuple[Randomisation, ...] = (),
        render_mode: str | None = None,
        heatmap: HeatMap | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        """See the class."""
        world = arm_world(
            concept,
            argument,
            robot=robot,
            gripper=gripper,
            plane=plane,
            control=control,
            n_entities=n_entities,
            max_entities=max_entities,
            reward=reward,
            goal=goal,
            show_attention=show_attention,
            discount=discount,
            randomisation=randomisation,
        )
        super().__init__(world, num_envs, render_mode, autoreset_mode, heatmap)
