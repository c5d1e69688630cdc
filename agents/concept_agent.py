"""The concept agent: five demonstrations of particles in, and whatever robot there is does it.

At the beginning of an episode it infers the codes of the demonstrations, identifies the argument in
the present scene, and then plans with the energy as its cost; objects that have to be carried get
places from the energy, too. A joint concept is shown term by term: each has codes and an argument of
its own, and the energies add up.

Before it acts it has several solutions in mind, what the model draws and what was demonstrated, as it would
be here, and takes the one with the least energy: a learned energy is better at telling solutions than at
leading to them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import and_

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..concepts.energy.codes import ConceptCode, Formula
from ..concepts.event import Event
from ..concepts.joint import parted
from ..concepts.model import DEFAULT, ConceptModel, Search
from ..envs.single import ConceptEnv
from .copying import copies
from .mission import Draft, Intention
from .planning import Context, energy_cost
from .planning.path import caught_up
from .planning_agent import PlanningAgent, Settings

UNDERSTOOD = 0.1
"""Mean energy of the demonstrations above which the agent says that it does not understand them."""

CANDIDATES = 2
"""Counts up with what is considered, and is part of what results depend on."""

_CHANGED = 0.1
"""What a unit of distance costs by which a path had to be changed, so that one can walk it: energies of paths
that are right differ by less than tells which of them is."""

_TRUST = 3.0
"""What straying from a copied path costs: down the energy one comes where it is wrong."""

_SEARCH = Search(steps=50)
"""For a place, once an episode, more than usual; a path gains nothing by more, see "How well it works"."""


def concept_intention(
    model: ConceptModel, points: int | None = 3
) -> Callable[[ConceptEnv, Event | None, int], Intention]:
    """To bring the energy of inferred codes to zero.

    Args:
        model: The model.
        points: At how many steps of a plan the energy is looked at.
    """

    def intend(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Intention:
        if demonstrations is None:
            raise ValueError("the concept agent needs demonstrations: five are usual")
        generator = torch.Generator().manual_seed(seed)
        task, event = env.world.task, env.event
        parts = parted(task.action, demonstrations)
        codes = [model.infer(part, generator=generator) for part in parts]
        masks = [_identified(model, event, code, generator) for code in codes] if task.asks else []
        code: Formula = codes[0]
        if task.action.terms:
            code = reduce(and_, (code.about(mask) for code, mask in zip(codes, masks, strict=True)))

        def considered(event: Event, search: Search = DEFAULT) -> np.ndarray:
            drawn = model.generate(event, code, search=search, generator=generator)
            seen = [event.replace(attention=mask) for mask in masks] or [event]
            copied = [copies(one, part) for one, part in zip(seen, parts, strict=True)]
            return np.concatenate([np.asarray(drawn.positions)[None], *copied])

        def targets(event: Event) -> np.ndarray:
            doubled = event.replace(positions=np.repeat(event.positions[-1:], 2, axis=0))
            places = considered(doubled, _SEARCH)
            found: np.ndarray = places[_least(model, code, doubled, places), -1]
            return found

        def draft(event: Event) -> Draft:
            paths = torch.as_tensor(considered(event))
            walked = caught_up(Context(event, 0.0, env.world.dt), paths)
            away = torch.linalg.vector_norm(walked - paths, dim=-1)[:, :, event.movable].mean((1, 2))
            best = _least(model, code, event, walked.numpy(), _CHANGED * away)
            return Draft(walked[best].numpy(), _TRUST if best else 0.0)

        residual = max(float(code.residual[0]) for code in codes)
        info = {"residual": residual, "understood": residual <= UNDERSTOOD}
        # A state is judged as it is where no term is about the past, as the observation tells.
        forget = bool(task.action.terms) or not task.generation.history
        attention = np.max(masks, axis=0) if masks else None
        return Intention(energy_cost(model, code, points, forget=forget), attention, targets, draft, info)

    return intend


def _least(
    model: ConceptModel,
    code: Formula,
    event: Event,
    paths: Float[np.ndarray, "k t1 n 2"],
    more: Float[Tensor, " k"] | float = 0.0,
) -> int:
    """Which path has the least energy, and what it costs more."""
    batch = event.map(lambda array: np.repeat(array[None], len(paths), axis=0)).replace(positions=paths)
    return int(torch.nan_to_num(model.energy(batch, code) + more, nan=torch.inf).argmin())


def _identified(
    model: ConceptModel, event: Event, code: ConceptCode, generator: torch.Generator
) -> Float[np.ndarray, " n"]:
    """Whom the demonstrations are about in the present scene, (N,)."""
    now = event.replace(positions=event.positions[:1], attention=np.zeros_like(event.attention))
    return model.identify(now, code, generator=generator).astype(event.attention.dtype)


def concept_agent(
    model: ConceptModel, settings: Settings | None = None, points: int | None = 3
) -> PlanningAgent:
    """The concept agent, ``ConceptAgent(model, planner)`` in other words.

    Args:
        model: The model, for instance ``conceptgym.load_pretrained()``.
        settings: How to plan; what suits the world by default.
        points: At how many steps of a plan the energy is looked at.
    """
    return PlanningAgent(concept_intention(model, points), settings, pretraining=model.training_steps)
