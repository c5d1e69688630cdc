"""How fast planners are: ours beside pytorch_mppi's, and where the time of a robot's plan goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..agents.planning import MPC, MPPI, Context, Cost, Trajectory
from ..agents.planning.dynamics import checked_fields
from ..agents.planning.trajectory import finite_rows
from ..agents.planning_agent import by_sampling, settings_for
from ..concepts.catalogue import get
from ..concepts.model import ConceptModel
from ..envs.arm.env import ArmEnv

SAMPLES, HORIZON, WIDTH = 512, 20, 128
_BLOCK = 128
"""Samples whose activations fit into a core's cache together."""


@dataclass(frozen=True)
class PointMass:
    """A point that is pushed about: the smallest model there is; a state is (x, y, vx, vy)."""

    actions: int = 2
    dt: float = 0.05

    def rollout(
        self, state: Tensor, actions: Float[Tensor, "samples horizon action"], fields: tuple[str, ...]
    ) -> Trajectory:
        """Velocities that fade, and places that follow them."""
        checked_fields(fields, ("state",))
        now = state.expand(len(actions), -1)
        path = [now]
        for index in range(actions.shape[1]):
            now = moved(now, actions[:, index])
            path.append(now)
        states = torch.stack(path, dim=1)
        return Trajectory({"state": states}, actions, finite_rows(states))


def moved(state: Tensor, action: Tensor) -> Tensor:
    """One step of the point mass."""
    velocity = 0.95 * state[..., 2:] + 0.3 * action
    return torch.cat([state[..., :2] + 0.05 * velocity, velocity], dim=-1)


@dataclass(frozen=True, eq=False)
class NetworkCost:
    """An energy network of two layers of 128, as a cost of states."""

    network: nn.Module
    fields: tuple[str, ...] = ("state",)

    def prepare(self, context: Context) -> Cost:
        """Needs nothing."""
        return self

    def evaluate(self, trajectory: Trajectory) -> Float[Tensor, "samples horizon"]:
        """Cost of each step, (K, H)."""
        blocks = torch.split(trajectory["state"][:, 1:], _BLOCK)
        return torch.cat([energy(self.network, states) for states in blocks])


def energy(network: nn.Module, states: Tensor) -> Tensor:
    """Half the squared norm of the network's outputs."""
    value = network(states)
    return 0.5 * (value * value).sum(-1)


def small_network() -> nn.Module:
    """Two hidden layers of 128, the same for everybody."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Linear(4, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 4)
        return nn.Sequential(*layers).requires_grad_(False)


def _median(job: Callable[[], object], repeats: int = 41) -> float:
    """Median milliseconds, after a few to warm up."""
    for _ in range(5):
        job()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        job()
        times.append(time.perf_counter() - begun)
    return 1000 * float(np.median(times))


def point_mass() -> dict[str, float]:
    """Milliseconds of a plan of 512 samples and 20 steps: ours, and pytorch_mppi's where it is installed."""
    network, state = small_network(), torch.tensor([0.5, -0.3, 0.0, 0.0])
    event = get("near").demonstrations(1, seed=0, mode="generate")[0]
    mpc = MPC(PointMass(), NetworkCost(network), MPPI(0.3, 0.1), HORIZON, 5, samples=SAMPLES)
    generator, context = torch.Generator().manual_seed(0), Context(event, 0.0, 0.05)
    rows = {"conceptgym MPPI": _median(lambda: mpc.plan(state, context, generator))}
    try:
        import pytorch_mppi
    except ImportError:
        return rows
    other = pytorch_mppi.MPPI(
        moved,
        lambda states, actions: energy(network, states),
        4,
        0.09 * torch.eye(2),
        num_samples=SAMPLES,
        horizon=HORIZON,
    )
    rows["pytorch_mppi MPPI"] = _median(lambda: other.command(state))
    return rows


@dataclass(frozen=True)
class Share:
    """Where the time of a robot's plan goes.

    Attributes:
        milliseconds: Median of a plan.
        physics: Of it, the simulation.
        energy: Of it, the cost.
    """

    milliseconds: float
    physics: float
    energy: float

    @property
    def rest(self) -> float:
        """What is left: sampling, splines, bookkeeping."""
        return self.milliseconds - self.physics - self.energy


def arm_plan(model: ConceptModel, entities: int = 5) -> Share:
    """A plan of the arm with the learned energy of "near", among five entities."""
    from ..agents.concept_agent import concept_intention

    env = ArmEnv("near", n_entities=entities)
    env.reset(seed=0)
    intention = concept_intention(model)(env, env.demonstrations(5, 0), 0)
    mpc = by_sampling(env.world, intention.cost, settings_for(env.world))
    context, generator = Context(env.event, 0.0, env.world.dt), torch.Generator().manual_seed(0)
    bound = replace(intention.cost, context=context)
    actions = torch.zeros(mpc.samples, mpc.horizon, env.world.machine.joints)
    rollout = mpc.models[0].rollout(env.state, actions, bound.fields)
    whole = _median(lambda: mpc.plan(env.state, context, generator))
    physics = _median(lambda: mpc.models[0].rollout(env.state, actions, bound.fields))
    return Share(whole, physics, _median(lambda: bound.evaluate(rollout)))


def planner_page(model: ConceptModel) -> str:
    """The figures as Markdown; torch uses one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows, share = point_mass(), arm_plan(model)
    torch.set_num_threads(threads)
    lines = ["| planner, 512 samples of 20 steps, point mass, network 2x128 | ms a plan |", "|---|---|"]
    lines += [f"| {name} | {value:.1f} |" for name, value in rows.items()]
    lines += ["", "| the arm, learned energy, five entities | ms |", "|---|---|"]
    parts = {
        "a plan": share.milliseconds,
        "physics": share.physics,
        "energy": share.energy,
        "rest": share.rest,
    }
    lines += [f"| {name} | {value:.1f} |" for name, value in parts.items()]
    return "\n".join([*lines, "", f"{1000 / share.milliseconds:.0f} plans a second."])
