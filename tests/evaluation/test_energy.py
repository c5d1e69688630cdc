"""Cells of the energy's tables: what counts as success, and what the baselines know."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import conceptgym
import numpy as np
import pytest
from conceptgym.concepts import CATALOGUE
from conceptgym.concepts.model import ConceptModel
from conceptgym.concepts.task import Task
from conceptgym.evaluation import energy_report, energy_tables
from conceptgym.evaluation.composition import FORMULAS, Composite, _truth, composite_scenes
from conceptgym.evaluation.energy_baselines import baseline_cell
from conceptgym.evaluation.energy_cells import (
    Protocol,
    Score,
    concept_cell,
    demonstration_sets,
    entity_limits,
    generation_scenes_of,
)
from conceptgym.evaluation.energy_report import evaluate_energy, measured
from conceptgym.evaluation.energy_tables import Size, Table, known, pooled, static_modes

FEW = Protocol(sets=40)


@pytest.fixture(scope="module")
def model() -> ConceptModel:
    """The shipped model."""
    return conceptgym.load_pretrained()


@pytest.mark.parametrize(("name", "mode"), (("near", "generate"), ("near", "identify"), ("red", "identify")))
def test_the_shipped_energy_infers_simple_concepts(model: ConceptModel, name: str, mode: str) -> None:
    score = concept_cell(model, CATALOGUE[name], mode, FEW)
    assert score.rate >= 0.9 and score.interval[0] > 0.75, score


def test_the_truth_succeeds_and_chance_does_not() -> None:
    for name, mode in (("square", "generate"), ("red", "identify"), ("closest", "identify")):
        ceiling = baseline_cell("descent on the true error", CATALOGUE[name], mode, FEW)
        floor = baseline_cell("random", CATALOGUE[name], mode, FEW)
        assert ceiling.rate == 1.0 and floor.rate < 0.4
    copied = baseline_cell("nearest demonstration", CATALOGUE["left_of"], "generate", FEW)
    assert copied.rate > 0.5, "a copied offset from the reference is to the left of it, too"


def test_demonstrations_and_scenes_differ_and_depend_on_the_seed_alone() -> None:
    task = Task(CATALOGUE["near"])
    shown, scene = demonstration_sets(task, "generate", FEW), generation_scenes_of(task, FEW)
    assert shown.positions.shape[:2] == (40, 5) and scene.positions.shape[0] == 40
    first = {row.tobytes() for row in shown.positions[:, :, 0, :3].reshape(200, -1)}
    assert not first & {row.tobytes() for row in scene.positions[:, 0, :3].reshape(40, -1)}
    again = demonstration_sets(task, "generate", FEW)
    assert (again.positions == shown.positions).all()
    other = demonstration_sets(task, "generate", Protocol(sets=40, seed=7))
    assert (other.initial != shown.initial).any()


def test_numbers_of_entities_are_never_changed_silently() -> None:
    part = CATALOGUE["circle"].part("identify")
    assert entity_limits(part, None, (8, 12)) == (8, 10)
    with pytest.raises(ValueError, match="takes 7 to 10"):
        entity_limits(part, None, (12, 14))


def test_pooled_scores_add_up() -> None:
    score = pooled([Score(3, 10, 0.5), Score(5, 10), Score(10, 10, 0.7)])
    assert (score.hits, score.of) == (18, 30) and score.iou == pytest.approx(0.6)
    assert 0.4 < score.interval[0] < 0.6 < score.interval[1] < 0.8


def test_tables_cover_every_static_concept_once() -> None:
    cells = [(concept.name, mode) for concept, mode in static_modes()]
    assert len(cells) == len(set(cells)) and ("near", "generate") in cells
    assert not {"follow", "help", "pentagon"} & {name for name, _ in cells}


@pytest.mark.parametrize("name", ("near A and left of B", "near A and not left of B", "near A or near B"))
def test_composite_scenes_are_not_solved_but_can_be(name: str) -> None:
    composite = FORMULAS[name]
    assert isinstance(composite, Composite)
    scene, masks = composite_scenes(composite, 6, seed=1)
    assert not _truth(composite, scene, masks).any()
    rng, solved = np.random.default_rng(0), np.zeros(6, dtype=bool)
    for _ in range(400):
        last = np.where(scene.marker[..., None], rng.uniform(-0.9, 0.9, (6, 1, 2)), scene.final)
        solved |= _truth(composite, scene.replace(positions=np.stack([scene.initial, last], 1)), masks)
    assert solved.all()


def test_the_known_concepts_are_those_of_each_kind() -> None:
    counts = {
        (mode, late): len(known(mode, late)) for mode in ("generate", "identify") for late in (False, True)
    }
    trained = [concept for concept in CATALOGUE.values() if concept.split == "train"]
    assert sum(counts.values()) == sum(len(concept.modes) for concept in trained)
    assert {(concept, "generate") for concept in known("generate")} <= set(static_modes())
    assert {concept.name for concept in known("identify", late=True)} == {
        "still", "slow", "approach", "follow",
    }  # fmt: skip


def test_baselines_are_beside_the_feed_forward_network_and_the_energy(
    model: ConceptModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = CATALOGUE["near"]
    monkeypatch.setattr(energy_tables, "known", lambda mode, late: [CATALOGUE["follow"] if late else near])
    rows = {row.labels: row.score for row in energy_tables.by_baseline(model, Size(pooled=20))}
    for mode in ("generate", "identify"):
        rates = [rows[who, mode].rate for who in ("random", "the energy", "descent on the true error")]
        assert rates[0] < 0.5 < rates[1] <= rates[2] == 1.0
        assert rows["feed-forward network", mode].rate > 0.5
        assert rows["feed-forward network", f"{mode}, over time"].rate > 0.5
    assert rows["the energy", "generate"].residual > 0 == rows["feed-forward network", "generate"].residual


def test_a_table_is_measured_anew_when_what_it_depends_on_changes(
    model: ConceptModel, tmp_path: Path
) -> None:
    said: list[str] = []

    def rows(model: ConceptModel, size: Size) -> Iterator[energy_tables.Row]:
        said.append("measured")
        yield energy_tables.Row(("here",), Score(1, 2))

    for weights, times in (("one", 1), ("one", 1), ("other", 2)):
        table = Table("small", "Small", ("where",), rows, partial(str, weights))
        assert measured(model, table, Size(), tmp_path, "energy")["rows"]
        assert len(said) == times


def test_a_part_of_the_tables_adds_to_the_rest(
    model: ConceptModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def table(name: str) -> Table:
        row = energy_tables.Row((name,), Score(1, 2))
        return Table(name, name.capitalize(), ("where",), lambda model, size: iter((row,)))

    times = count(1)
    monkeypatch.setattr(energy_report, "TABLES", (table("small"), table("large")))
    monkeypatch.setattr(energy_report, "timing_table", lambda of: f"took {next(times)}")

    def run(*names: str, weights: str = "one") -> str:
        return evaluate_energy(model, tmp_path, weights, Size(), names)

    assert "## Large" in run("large") and "## Small" not in run("large")
    both = run("small", "time")
    assert both.index("## Small") < both.index("## Large") < both.index("## Time") and "took 1" in both
    assert run("large") == both and "took 2" in run("time"), "times are of now, where they are asked for"
    assert "## Large" not in run("small", weights="other"), "those of other weights are not"
    with pytest.raises(ValueError, match="no table"):
        run("huge")
