"""The landscape under a film: the energy at its places, looked at again where others have moved."""

from __future__ import annotations

from dataclasses import replace

import conceptgym
import numpy as np
import pytest
import torch
from conceptgym.concepts import CATALOGUE
from conceptgym.concepts.event import Event
from conceptgym.concepts.model import ConceptModel
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.evaluation.landscape import CELLS, Landscape


@pytest.fixture(scope="module")
def model() -> ConceptModel:
    """The shipped model."""
    return conceptgym.load_pretrained()


def moved(event: Event, who: np.ndarray, by: float) -> Event:
    """Some go by the same way from the first frame on; the start of the course stays as it is."""
    positions = event.positions.copy()
    positions[1:] += by * who[:, None]
    return replace(event, positions=positions)


def test_it_is_the_energy_of_standing_there(model: ConceptModel) -> None:
    env = ParticleEnv("near")
    env.reset(seed=0)
    code = model.infer(CATALOGUE["near"].demonstrations(5, 0))
    line = np.linspace(-1, 1, CELLS)
    places = np.array([[line[3], line[20]], [line[30], line[5]], [0.5 * (line[3] + line[4]), line[20]]])
    drawn = Landscape(model, code)(places, env.event)
    there = []
    for place in (*places[:2], np.array([line[4], line[20]])):
        positions = env.event.positions.copy()
        positions[1:, env.event.movable] = place
        there.append(float(model.energy(replace(env.event, positions=positions)[None], code)[0]))
    assert drawn[:2] == pytest.approx(there[:2], rel=1e-4)
    assert drawn[2] == pytest.approx(0.5 * (there[0] + there[2]), rel=1e-4), "halfway between two places"


def test_it_is_looked_at_again_where_others_have_moved(
    model: ConceptModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = ParticleEnv("near")
    env.reset(seed=0)
    heat, points = Landscape(model, model.infer(CATALOGUE["near"].demonstrations(5, 0))), np.zeros((1, 2))
    looks, look = [], Landscape._looked

    def counted(self: Landscape, event: Event, who: int) -> torch.Tensor:
        looks.append(who)
        return look(self, event, who)

    monkeypatch.setattr(Landscape, "_looked", counted)
    first, me = heat(points, env.event), env.event.movable
    assert heat(points, moved(env.event, me, 0.5)) == first, "where the mover is makes no difference"
    assert heat(points, moved(env.event, ~me, 0.05)) == first and len(looks) == 1
    assert heat(points, moved(env.event, ~me, 0.2)) != first and len(looks) == 2
