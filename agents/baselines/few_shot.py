"""The concept agent as a contestant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ...concepts.event import Event
from ...concepts.model import ConceptModel
from ...concepts.release import load_pretrained
from ...envs.identify import IdentifyWorld
from ...envs.single import ConceptEnv
from ..agent import Agent, Given
from ..concept_agent import CANDIDATES, UNDERSTOOD, concept_agent
from ..lesson import Lesson, Track
from ..mission import DRAFTS
from ..planning_agent import PLANNING


@dataclass(frozen=True)
class ConceptContestant:
    """The concept agent: infers codes from the demonstrations, and plans or points with the energy.

    Attributes:
        model: Gives the model; the shipped one by default.
    """

    model: Callable[[], ConceptModel] = load_pretrained
    name: str = "concept agent"
    track: Track = "few-shot"

    @property
    def config(self) -> Mapping[str, object]:
        """Which weights, what it considers, and how it plans."""
        told = {"candidates": CANDIDATES, "drafts": DRAFTS, "planning": PLANNING}
        return {"weights": self.model().digest, **told}

    def learn(self, lesson: Lesson) -> Agent:
        """Learns nothing before an episode: inference is part of acting."""
        model = self.model()
        if isinstance(lesson.make().world, IdentifyWorld):
            return Pointing(model)
        return concept_agent(model)


@dataclass
class Pointing:
    """Points out whom the demonstrations are about.

    Attributes:
        model: The model.
        given: What it was given.
        info: Residual energy, and whether it understood.
    """

    model: ConceptModel
    given: Given = field(default_factory=Given)
    info: dict[str, Any] = field(default_factory=dict)
    _action: np.ndarray | None = None

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Infers the code, and points.

        Raises:
            ValueError: There are no demonstrations.
        """
        if demonstrations is None:
            raise ValueError("the concept agent needs demonstrations: five are usual")
        generator = torch.Generator().manual_seed(seed)
        code = self.model.infer(demonstrations, generator=generator)
        event = env.event.replace(attention=np.zeros_like(env.event.attention))
        mask = self.model.identify(event, code, generator=generator)
        residual = float(code.residual[1])
        self.info = {"residual": residual, "understood": residual <= UNDERSTOOD}
        shown = len(demonstrations.positions)
        self.given = Given(demonstrations=shown, pretraining_steps=self.model.training_steps)
        self._action = np.where(mask, 1.0, -1.0).astype(np.float32)

    def act(self, observation: Mapping[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The mask, as 1 and -1."""
        assert self._action is not None, "reset comes first"
        return self._action
