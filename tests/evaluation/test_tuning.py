"""Tuning: disjoint tasks, the default first, a study that goes on, and everything that may vary varies."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conceptgym.agents import roster
from conceptgym.concepts.catalogue import get
from conceptgym.concepts.task import task
from conceptgym.evaluation import tuning
from conceptgym.evaluation.suites import load_suite, suite_names
from conceptgym.evaluation.tuning import SPACES, TASKS, tune, with_values


def test_no_suite_has_a_task_of_the_tuning() -> None:
    tested = {(i.body, i.action, i.argument) for name in suite_names() for i in load_suite(name).items}
    joined = {
        (a.name, b.name)
        for _, action, argument in tested
        for a, b in (task(action).action.terms if "&" in action and argument is None else ())
    }
    assert ("near", "red") in joined
    for one in TASKS:
        if not one.parameters:
            assert (one.body, one.action, one.argument) not in tested and (
                one.action,
                one.argument,
            ) not in joined
        for name, value in one.parameters.items():
            assert value != get(one.action).parameters[name]
        assert one.task.split == "train"
        assert one.make().world.task.action.parameters == (one.parameters or get(one.action).parameters)
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
    tried: list[object] = []

    def score(contestant: object, *rest: object) -> float:
        tried.append(contestant)
        if len(tried) == 1:
            raise KeyboardInterrupt
        return 1.0 / (len(tried) - 1)

    monkeypatch.setattr(tuning, "score", score)
    with pytest.raises(KeyboardInterrupt):
        tune("cloning", tmp_path, trials=2)
    tried[:] = ["the one that was killed"]
    first = tune("cloning", tmp_path, trials=2)
    tried.pop(0)
    assert len(first["trials"]) == 2 == len(tried)
    assert first["best"] == {"values": dict(SPACES["cloning"].default), "score": 1.0}
    again = tune("cloning", tmp_path, trials=5)
    assert len(tried) == 5 and again["trials"][:2] == first["trials"]
    assert json.loads((tmp_path / "cloning.json").read_text())["best"] == again["best"]
    assert len(tune("cloning", tmp_path, trials=5)["trials"]) == 5 == len(tried)
    for trials in (6, 7, 8):  # one after each restart
        tune("cloning", tmp_path, trials=trials)
    assert len({str(one) for one in tried}) == len(tried) == 8, "nothing is tried twice, restarts or not"
    assert len(tune("cloning", tmp_path, trials=1, starts=3)["trials"]) == 1, "another measure, another study"
    with pytest.raises(ValueError, match="nothing is known to tune"):
        tune("random", tmp_path)


def test_a_study_ends_where_nothing_is_left_to_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(SPACES["cloning"], choices={"rate": (1e-3, 1e-4)}, default={"rate": 1e-3})
    monkeypatch.setattr(tuning, "SPACES", {"cloning": few})
    monkeypatch.setattr(tuning, "score", lambda contestant, *_: contestant.settings.rate)
    trials = tune("cloning", tmp_path, trials=5)["trials"]
    assert [one["values"]["rate"] for one in trials] == [1e-3, 1e-4] == [one["score"] for one in trials]


def test_success_is_the_mean_over_tasks() -> None:
    assert tuning.score(roster.find("idle"), TASKS[:2], starts=3) == 0.0
    assert tuning.score(roster.find("oracle"), TASKS[:2], starts=3) == 1.0
