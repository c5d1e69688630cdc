"""What energies are judged by: events that satisfy a concept, and events that do not."""

from __future__ import annotations

import conceptgym
import pytest
from conceptgym.concepts.catalogue import CATALOGUE
from conceptgym.evaluation.energy_cells import Protocol
from conceptgym.evaluation.judgement import _events, judged

SMALL = Protocol(sets=24)


@pytest.mark.parametrize("name", ("near", "two", "more_than_three", "red", "square", "follow", "closest"))
def test_one_side_is_true_and_the_other_is_not(name: str) -> None:
    concept = CATALOGUE[name]
    for mode in concept.modes:
        good, other = _events(concept, mode, SMALL)
        assert len(good.sizes) == len(other.sizes) == 24
        assert concept.satisfied(good, mode).all()
        assert not concept.satisfied(other, mode).any()


def test_the_shipped_energy_tells_near_from_not_near() -> None:
    found = judged(conceptgym.load_pretrained(), CATALOGUE["near"], "generate", SMALL)
    assert found.area > 0.95 and found.told.rate > 0.85 and found.told.of == 48
