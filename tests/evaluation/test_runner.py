"""Cells are idempotent, records say all that a re-run needs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from conceptgym.agents import roster
from conceptgym.agents.agent import Agent, Given
from conceptgym.agents.baselines.floors import Idle
from conceptgym.agents.baselines.reinforcement import Policy, td3
from conceptgym.agents.lesson import Contestant, Lesson, Track
from conceptgym.cli import main
from conceptgym.evaluation.bodies import BODIES, make_body
from conceptgym.evaluation.records import RecordError, check, load_record, to_json
from conceptgym.evaluation.rows import collected, save_row
from conceptgym.evaluation.runner import Cell, cells_of, evaluate, identity, lesson_of, run_cell
from conceptgym.evaluation.suites import (
    FOLDER,
    Suite,
)
from conceptgym.evaluation.verify import difference, verify


@dataclass(frozen=True)
class Broken:
    """Fails at a task."""

    how: type[BaseException] = RuntimeError
    name: str = "broken"
    track: Track = "few-shot"
    config: Mapping[str, object] = field(default_factory=dict)

    def learn(self, lesson: Lesson) -> Agent:
        """Does not."""
        if "near" in lesson.make().task.name:
            raise self.how("no idea")
        return Idle().learn(lesson)


@dataclass(frozen=True)
class Talkative:
    """Does nothing, and says this of what it was given and of its learning."""

    given: Given = field(default_factory=Given)
    info: Mapping[str, object] = field(default_factory=dict)
    name: str = "talkative"
    track: Track = "few-shot"
    config: Mapping[str, object] = field(default_factory=dict)

    def learn(self, lesson: Lesson) -> Agent:
        """Learns nothing."""
        size = lesson.make().action_space.shape or ()
        zeros = np.zeros(size, dtype=np.float32)
        return Policy(lambda seen: zeros, self.given, dict(self.info))


def test_what_was_learned_before_counts_with_the_time_that_it_took(
    smoke: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "find", lambda name: Talkative(info={"learning": 3600.0}))
    record = run_cell(cells_of(smoke, "talkative", 1, tmp_path)[0])
    assert not record.failure and record.seconds["learning"] == 3600.0
    assert 0 <= record.seconds["acting"] < 600


def in_numpy(given: Given, steps: float | np.int64 = np.int64(3)) -> Given:  # noqa: B008
    """The same with numbers that types here forbid: a contestant of somebody else's is not checked."""
    object.__setattr__(given, "environment_steps", steps)
    object.__setattr__(given, "reward", np.bool_(True))
    return given


@pytest.mark.parametrize(
    ("given", "curve", "wrong"),
    [
        (in_numpy(Given()), [[np.float32(1), np.float32(0.5)]], ""),
        (Given(), [[1.0, float("nan")]], "Out of range float values"),
        (Given(), [[1.0, 1.5]], "1.5 is greater than the maximum of 1"),
        (Given(model_steps=-1), [], "-1 is less than the minimum"),
        (Given(), [[1.0]], "not enough values to unpack"),
        (in_numpy(Given(), 3.7), [], "cannot be interpreted as an integer"),
    ],
)
def test_what_a_contestant_says_is_taken_or_its_cell_fails_and_no_other(
    smoke: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Given, curve: object, wrong: str
) -> None:
    monkeypatch.setattr(roster, "find", lambda name: Talkative(given, {"curve": curve}))
    for record in evaluate(cells_of(smoke, "talkative", 1, tmp_path)[:2], progress=False):
        assert wrong in record.failure and bool(record.failure) == bool(wrong)
        if not wrong:
            assert record.given["environment_steps"] == 3 and record.curve == ((1.0, 0.5),)


def test_a_configuration_that_fits_into_no_record_is_refused_before_it_learns(
    smoke: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "find", lambda name: Broken(GeneratorExit, config={"long": "x" * 5000}))
    with pytest.raises(RecordError, match="longer than 4000"):
        run_cell(cells_of(smoke, "broken", 1, tmp_path)[0])


def test_a_damaged_record_is_run_again(smoke: Suite, tmp_path: Path) -> None:
    cell = cells_of(smoke, "idle", 1, tmp_path)[0]
    record = run_cell(cell)
    (path,) = tmp_path.rglob("*.json")
    for text in ("", path.read_text()[:50]):
        path.write_text(text)
        assert run_cell(cell).outcomes == record.outcomes == load_record(path).outcomes


def test_what_learning_depends_on_has_a_folder_of_its_own(
    smoke: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, contestant = cells_of(smoke, "td3", 1, tmp_path)[0], td3()
    shown = make_body("particle", "near").demonstrations(5, 0)

    def folder(cell: Cell, contestant: Contestant) -> Path | None:
        return lesson_of(cell, smoke, contestant, tmp_path, shown).folder

    found = {
        folder(cell, contestant),
        folder(replace(cell, replicate=1), contestant),
        folder(replace(cell, agent="mine:Td3"), contestant),
        folder(cell, replace(contestant, settings=replace(contestant.settings, rate=0.1))),
    }
    assert folder(replace(cell, block=1), contestant) in found, "one lesson for all starts"
    monkeypatch.setitem(BODIES, "particle", replace(BODIES["particle"], dynamics=7))
    found.add(folder(cell, contestant))
    assert len(found) == 5 and None not in found


def test_a_cell_is_run_once(smoke: Suite, tmp_path: Path) -> None:
    cells = cells_of(smoke, "random", 2, tmp_path)
    assert len(cells) == 6
    first = list(evaluate(cells, progress=False))
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert len(stamps) == 6
    again = list(evaluate(cells, progress=False))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == stamps
    assert [record.key for record in first] == [record.key for record in again]
    starts = [outcome.start for record in first[:3] for outcome in record.outcomes]
    assert starts == list(smoke.starts) * 3, "one episode, one frozen start"


def test_processes_change_nothing(smoke: Suite, tmp_path: Path) -> None:
    one = list(evaluate(cells_of(smoke, "replay", 1, tmp_path / "a"), progress=False))
    two = list(evaluate(cells_of(smoke, "replay", 1, tmp_path / "b"), jobs=2, progress=False))
    assert {r.key: r.outcomes for r in one} == {r.key: r.outcomes for r in two}
    assert all(record.given["episodes"] == 5 for record in one)


def test_slurms_local_executor_does_the_same(
    smoke: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    monkeypatch.chdir(tmp_path)
    cells = cells_of(smoke, "idle", 1, tmp_path / "a", items=["particle near"])
    here = list(evaluate(cells, progress=False))
    there = list(
        evaluate(
            [replace(cell, out=str(tmp_path / "b")) for cell in cells],
            executor="submitit-local",
            progress=False,
        )
    )
    assert [r.outcomes for r in here] == [r.outcomes for r in there]
    assert (tmp_path / "submitit").is_dir() and not (tmp_path / "out").exists(), "its files lie beside ours"


@pytest.mark.slow
def test_ray_does_the_same(smoke: Suite, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    cells = cells_of(smoke, "random", 2, tmp_path / "a")
    here = list(evaluate(cells, progress=False))
    elsewhere = [replace(cell, out=str(tmp_path / "b")) for cell in cells]
    there = list(evaluate(elsewhere, executor="ray", jobs=2, progress=False))
    ray.shutdown()
    assert {r.key: r.outcomes for r in here} == {r.key: r.outcomes for r in there}


def test_a_kill_loses_no_finished_cell(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "conceptgym.cli", "evaluate", "agent", "oracle"]
    command += ["--suite", "smoke", "--seeds", "2", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.rglob("*.json"))) < 2:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.read_text() for path in tmp_path.rglob("[!.]*.json")}
    assert 2 <= len(before) < 6
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    after = {path: path.read_text() for path in tmp_path.rglob("[!.]*.json")}
    assert len(after) == 6 and all(after[path] == text for path, text in before.items())


@pytest.mark.parametrize("how", (RuntimeError, SystemExit))
def test_what_goes_wrong_stands_in_the_record_and_is_tried_again(
    how: type[BaseException], smoke: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "find", lambda name: Broken(how))
    records = list(evaluate(cells_of(smoke, "broken", 1, tmp_path), progress=False))
    failed = [record for record in records if record.failure]
    assert len(failed) == 1 and "no idea" in failed[0].failure and failed[0].outcomes == ()
    monkeypatch.setattr(roster, "find", lambda name: replace(Idle(), name="broken", track="few-shot"))
    mended = list(evaluate(cells_of(smoke, "broken", 1, tmp_path), progress=False))
    assert not any(record.failure for record in mended)


def test_who_learns_nothing_that_acts_is_told_so(
    smoke: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(Idle):
        def learn(self, lesson: Lesson) -> Agent:
            return None  # type: ignore[return-value]

    monkeypatch.setattr(roster, "find", lambda name: Forgetful())
    record = run_cell(cells_of(smoke, "forgetful", 1, tmp_path)[0])
    assert "learn returned a NoneType, expected an agent" in record.failure


def test_keys_know_how_a_body_moves(smoke: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a body whose dynamics have changed, what was run before is not what would be run now."""
    cell = cells_of(smoke, "random", 1, tmp_path)[0]
    before = identity(cell, smoke, roster.find("random"))
    assert "dynamics" not in before["item"]
    body = smoke.items[cell.item].body
    monkeypatch.setitem(BODIES, body, replace(BODIES[body], dynamics=3))
    after = identity(cell, smoke, roster.find("random"))
    assert after["item"]["dynamics"] == 3 and after["key"] != before["key"]


def test_a_row_verifies_and_a_lie_does_not(
    smoke: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = collected(evaluate(cells_of(smoke, "random", 2, tmp_path), progress=False))
    verdicts = list(verify(rows[0], np.random.default_rng(0), share=1.0))
    assert len(verdicts) == 6 and all(one.matches for one in verdicts)
    record = rows[0].records[0]
    better = replace(record, outcomes=tuple(replace(o, success=not o.success) for o in record.outcomes))
    assert "came out as" in difference(better, record)
    lied = replace(rows[0], records=(better, *rows[0].records[1:]))
    assert [one.matches for one in verify(lied, np.random.default_rng(0), share=1.0)].count(False) == 1
    path = save_row(lied, tmp_path / "rows")
    assert main(["verify", str(path), "--share", "1.0"]) == 1
    assert main(["verify", str(save_row(rows[0], tmp_path / "rows")), "--share", "0.2", "--mark"]) == 0
    assert '"re-run matched"' in path.read_text()
    given = replace(record, given={**record.given, "demonstrations": 3})
    assert "it was given" in difference(given, record)
    assert "curve" in difference(replace(record, curve=((100.0, 0.9),)), record)
    thrifty = replace(
        record, outcomes=tuple(replace(o, model_steps=o.model_steps + 1) for o in record.outcomes)
    )
    assert "came out as" in difference(thrifty, record)
    late = replace(record, outcomes=tuple(replace(o, missed=o.missed + 1) for o in record.outcomes))
    assert difference(late, record) == "", "a clock decides that"
    # What does not match any more is not marked any more, and neither is a row of which something failed.
    told = replace(lied, records=tuple(replace(one, status="re-run matched") for one in lied.records))
    path = save_row(told, tmp_path / "rows")
    assert main(["verify", str(path), "--share", "1.0", "--mark"]) == 1
    assert '"re-run matched"' not in path.read_text()
    broken = replace(record, outcomes=(), failure="it broke")
    path = save_row(replace(rows[0], records=(broken, *rows[0].records[1:])), tmp_path / "rows")
    capsys.readouterr()
    assert main(["verify", str(path), "--share", "1.0", "--mark"]) == 0
    assert "5 of 5 cells match, of 6 in the row; 1 cells of the row failed" in capsys.readouterr().out
    assert '"re-run matched"' not in path.read_text()
    with pytest.raises(ValueError, match="nothing to run again"):
        next(verify(replace(rows[0], records=(broken,)), np.random.default_rng(0)))


def test_records_are_checked_field_by_field(smoke: Suite, tmp_path: Path) -> None:
    record = run_cell(cells_of(smoke, "idle", 1, tmp_path)[0])
    told = to_json(record)
    check(told)
    for change, message in (
        ({"replicate": -1}, "record.replicate"),
        ({"commit": 3}, "record.commit"),
        ({"outcomes": []}, "does not say why"),
        ({"extra": 1}, "record"),
        ({"shown": 5}, "not the hash"),
        ({"outcomes": told["outcomes"] * 2}, "one start twice"),
        ({"agent": {**told["agent"], "track": "mine"}}, "record.agent.track"),
    ):
        with pytest.raises(RecordError, match=message):
            check({**told, **change})
    text = tmp_path / "x.json"
    text.write_text("{")
    with pytest.raises(RecordError, match="no JSON"):
        load_record(text)


def test_contestants_are_found_by_name_and_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in roster.CONTESTANTS:
        found = roster.find(name)
        assert isinstance(found, Contestant) and json.dumps(dict(found.config)) is not None
    assert roster.find("conceptgym.agents.baselines.floors:Random").name == "random"
    for change, reason in (
        ({"name": "n" * 61}, "1 to 60 characters"),
        ({"name": ""}, "1 to 60 characters"),
        ({"track": "fewshot"}, "expected one of"),
        ({"config": {"f": print}}, "no JSON object"),
        ({"config": {1: 2}}, "no text"),
    ):
        parts = {"name": "x", "track": "few-shot", "config": {}, "learn": lambda self, lesson: None}
        told = type("Told", (), parts | change)
        monkeypatch.setattr(roster, "_attribute", lambda path, told=told: told)
        with pytest.raises(ValueError, match=reason):
            roster.find("mine:Told")
    monkeypatch.setattr(roster, "_attribute", lambda path: lambda: 1 / 0)
    with pytest.raises(ValueError, match="mine:Told could not be made"):
        roster.find("mine:Told")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="there is no agent 'nobody'"):
        roster.find("nobody")
    with pytest.raises(ValueError, match="cannot load"):
        roster.find("conceptgym.agents.nowhere:Nobody")
    with pytest.raises(ValueError, match="expected name, track"):
        roster.find("pathlib:Path")


def test_another_configuration_learns_for_itself(smoke: Suite, tmp_path: Path) -> None:
    cell, env = cells_of(smoke, "td3", 1, tmp_path)[0], make_body("particle", "near")
    shown = env.demonstrations(5, 0)
    one, other = td3(), replace(td3(), settings=replace(td3().settings, noise=0.3))
    folders = [lesson_of(cell, smoke, each, tmp_path, shown).folder for each in (one, other, td3())]
    assert folders[0] == folders[2] != folders[1]
    assert lesson_of(cell, smoke, one, tmp_path, shown).demonstrations is None, "it is told the reward"


def test_nonsense_is_refused(smoke: Suite, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="demonstrations for 1 to 10"):
        cells_of(smoke, "random", 11, tmp_path)
    with pytest.raises(ValueError, match="has no tasks"):
        cells_of(smoke, "random", 1, tmp_path, items=["particle nothing"])
    with pytest.raises(ValueError, match="executor is 'cloud'"):
        list(evaluate([], executor="cloud", progress=False))
    with pytest.raises(ValueError, match="there is no body"):
        make_body("leg", "near")
    assert isinstance(Cell("smoke", 1, 0, "random", 0, 0, "out").suites, str) and FOLDER.is_dir()
