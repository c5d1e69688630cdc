"""Tuning: disjoint tasks, the default first, a study that goes on, and everything that may vary varies."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from conceptgym.agents import roster
from conceptgym.concepts.task import task
from conceptgym.evaluation import tuning
from conceptgym.evaluation.suites import load_suite, suite_names
from conceptgym.evaluation.tuning import SPACES, TASKS, tune, with_values


def test_no_suite_has_a_task_of_the_tuning() -> None:
    tested = {(i.body, i.action, i.argument) for name in suite_names() for i in load_suite(name).items}
    for body, action, argument in TASKS:
        assert (body, action, argument) not in tested
        assert task(action, argument).split == "train"
    starts = {start for name in suite_names() for start in load_suite(name).starts}
    assert not starts & set(range(tuning._FIRST_START, tuning._FIRST_START + 1000))


@pytest.mark.parametrize("name", SPACES)
def test_defaults_are_what_a_contestant_has_and_every_choice_changes_it(name: str) -> None:
    space, known = SPACES[name], roster.find(name)
    assert set(space.default) == set(space.choices)
    assert with_values(name, space.default, short=False) == known
    for option, choices in space.choices.items():
        assert space.default[option] in choices
        made = {json.dumps(asdict(with_values(name, {option: value}, short=False))) for value in choices}  # type: ignore[call-overload]
        assert len(made) == len(choices), option


def test_a_study_tries_the_default_first_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def score(contestant: object, *rest: object) -> float:
        tried.append(contestant)
        return 1.0 / len(tried)

    monkeypatch.setattr(tuning, "score", score)
    first = tune("cloning", tmp_path, trials=2)
    assert len(first["trials"]) == 2 == len(tried)
    assert first["best"] == {"values": dict(SPACES["cloning"].default), "score": 1.0}
    again = tune("cloning", tmp_path, trials=5)
    assert len(tried) == 5 and again["trials"][:2] == first["trials"]
    assert json.loads((tmp_path / "cloning.json").read_text())["best"] == again["best"]
    assert len(tune("cloning", tmp_path, trials=5)["trials"]) == 5 == len(tried)
    with pytest.raises(ValueError, match="nothing is known to tune"):
        tune("random", tmp_path)


def test_success_is_measured_after_learning(tmp_path: Path) -> None:
    values = {"rate": 1e-3, "updates": 5, "width": 128, "decay": 1e-4}
    share = tuning.score(with_values("cloning", values), TASKS[:2], starts=2)
    assert share in (0.0, 0.25, 0.5, 0.75, 1.0)
