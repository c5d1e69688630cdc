"""From an agent's name to a page, by commands alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conceptgym.cli import main
from conceptgym.evaluation import plan
from conceptgym.evaluation.films import film, forgotten
from conceptgym.evaluation.records import cell_key, load_record, save_record
from conceptgym.evaluation.rows import (
    MATCHED,
    film_path,
    load_row,
    save_row,
    summary,
)
from conceptgym.evaluation.suites import load_suite


def test_from_evaluation_to_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records, rows, page = tmp_path / "records", tmp_path / "rows", tmp_path / "index.html"
    for agent in ("idle", "replay"):
        words = ["evaluate", "agent", agent, "--suite", "smoke", "--seeds", "1", "--out", str(records)]
        assert main(words) == 0
    printed = capsys.readouterr().out
    assert printed.count("smoke") == 2 and "do nothing" in printed
    found = {path: path.stat().st_mtime_ns for path in records.rglob("*.json")}
    assert len(found) == 2 * len(load_suite("smoke").items)
    assert main(words) == 0
    assert found == {path: path.stat().st_mtime_ns for path in records.rglob("*.json")}, "nothing ran again"
    assert main(["leaderboard", "collect", "--records", str(records), "--rows", str(rows)]) == 0
    assert sorted(path.name for path in rows.iterdir()) == [
        "smoke-v1--do-nothing.json",
        "smoke-v1--nearest-replay.json",
    ]
    films = tmp_path / "films"
    told = ["--rows", str(rows), "--films", str(films)]
    assert main(["leaderboard", "film", *told, "--records", str(records)]) == 0
    assert len(list(films.glob("smoke-v1--*.webp"))) == 2
    torch.set_num_threads(2)
    frames = film(load_row(rows / "smoke-v1--nearest-replay.json"), records, index=0)
    assert torch.get_num_threads() == 1, "what a film learns again is learned as in its cell"
    assert len(frames) > 10 and max(frames[0].shape) <= 420
    assert frames[0].std() > 0 and (frames[0] != frames[-1]).any()
    capsys.readouterr()
    assert main(["leaderboard", "build", *told, "--out", str(page)]) == 0
    assert "2 rows" in capsys.readouterr().out
    text = page.read_text()
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert all(row["film"].startswith("data:image/webp;base64,") for row in data)
    rates = {row["agent"]: row["success"] for row in data}
    assert rates["do nothing"] == 0.0 < rates["nearest replay"]
    one = rows / "smoke-v1--nearest-replay.json"
    assert main(["verify", str(one), "--share", "0.5", "--mark"]) == 0
    assert "2 of 2 cells match" in capsys.readouterr().out
    collect = ["leaderboard", "collect", "--records", str(records), "--rows", str(rows)]
    assert main(collect) == 0
    now = summary(load_row(one), np.random.default_rng(0))
    assert now["status"] == "re-run matched, 2 of 3 cells", "those that were run again, and no other"
    key = next(record.key for record in load_row(one).records if record.status == MATCHED)
    folder = records / "smoke-v1" / "nearest-replay"
    save_record(replace(load_record(folder / f"{key}.json"), commit="another"), folder)
    assert main(collect) == 0
    now = summary(load_row(one), np.random.default_rng(0))
    assert now["status"] == "re-run matched, 1 of 3 cells", "one is another"
    assert "another" in now["commit"] and ", " in now["commit"]
    forged = load_row(one)
    first = forged.records[0]
    outcomes = tuple(replace(outcome, steps=outcome.steps + 1) for outcome in first.outcomes)
    save_row(replace(forged, records=(replace(first, outcomes=outcomes), *forged.records[1:])), rows)
    assert main(["verify", str(one), "--share", "1", "--mark"]) == 1
    now = summary(load_row(one), np.random.default_rng(0))
    assert now["status"] == "self-reported", "one that does not match takes all marks back"
    capsys.readouterr()
    for path in list(folder.glob("*.json"))[1:]:
        path.unlink()
    assert main(collect) == 0 and len(load_row(one).records) == 3, (
        "what the file has, and records lack, stays"
    )


def test_an_evaluation_goes_on_where_committed_rows_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, rows = tmp_path / "first", tmp_path / "second", tmp_path / "rows"
    words = ["evaluate", "agent", "idle", "--suite", "smoke", "--seeds", "1", "--out"]
    assert main([*words, str(first)]) == 0
    assert main(["leaderboard", "collect", "--records", str(first), "--rows", str(rows)]) == 0
    assert main(["leaderboard", "restore", "--records", str(second), "--rows", str(rows)]) == 0
    assert "3 records of 1 rows" in capsys.readouterr().out
    found = {path: path.stat().st_mtime_ns for path in second.rglob("*.json")}
    assert {path.relative_to(second) for path in found} == {
        p.relative_to(first) for p in first.rglob("*.json")
    }
    assert main([*words, str(second)]) == 0
    assert found == {path: path.stat().st_mtime_ns for path in second.rglob("*.json")}, "nothing ran again"
    (next(iter(found))).unlink()
    capsys.readouterr()
    next(path for path in found if path.exists()).write_text('{"cut": ')  # damaged: it is mended, too
    assert main(["leaderboard", "restore", "--records", str(second), "--rows", str(rows)]) == 0
    assert "2 records of 1 rows" in capsys.readouterr().out
    for words in (["restore", "--rows"], ["build", "--rows"], ["film", "--rows"], ["collect", "--records"]):
        assert main(["leaderboard", *words, str(tmp_path / "nowhere")]) == 2
        assert "nowhere" in capsys.readouterr().err


def test_records_of_another_configuration_are_not_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would never be used: an evaluation looks for those of the agent as it is."""
    records, rows, again = tmp_path / "records", tmp_path / "rows", tmp_path / "again"
    assert (
        main(["evaluate", "agent", "replay", "--suite", "smoke", "--seeds", "1", "--out", str(records)]) == 0
    )
    for path in list(records.rglob("*.json")):
        told = json.loads(path.read_text())
        told["agent"]["config"]["planning"] -= 1
        told["key"] = cell_key(told)
        path.write_text(json.dumps(told))
    assert main(["leaderboard", "collect", "--records", str(records), "--rows", str(rows)]) == 0
    assert main(["leaderboard", "restore", "--records", str(again), "--rows", str(rows)]) == 1
    printed = capsys.readouterr().out
    assert "0 records of 1 rows" in printed and "has another configuration" in printed
    assert not list(again.rglob("*.json"))


def test_two_configurations_of_one_name_are_not_written_over_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, rows = tmp_path / "records", tmp_path / "rows"
    words = ["evaluate", "agent", "idle", "--suite", "smoke", "--seeds", "1", "--out", str(records)]
    assert main(words) == 0
    path = next(records.rglob("*.json"))
    told = json.loads(path.read_text())
    told["agent"]["config"] = {"another": True}
    told["key"] = cell_key(told)
    path.with_name("other.json").write_text(json.dumps(told))
    capsys.readouterr()
    assert main(["leaderboard", "collect", "--records", str(records), "--rows", str(rows)]) == 2
    assert "several configurations" in capsys.readouterr().err
    assert not rows.exists()


def gathered(folder: Path) -> tuple[Path, Path, list[str]]:
    """One replicate of doing nothing: folder of its records, file of its row, and how they are gathered."""
    records, rows = folder / "records", folder / "rows"
    words = ["evaluate", "agent", "idle", "--suite", "smoke", "--seeds", "1", "--out", str(records)]
    collect = ["leaderboard", "collect", "--records", str(records), "--rows", str(rows)]
    assert main(words) == 0 and main(collect) == 0
    (row,) = rows.iterdir()
    return records, row, collect


def test_a_row_is_not_overwritten_by_somebody_else_of_that_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, row, collect = gathered(tmp_path)
    before = row.read_bytes()
    for path in list(records.rglob("*.json")):
        told = json.loads(path.read_text())
        told["agent"]["source"] = "mine:Lazy"
        told["key"] = cell_key(told)
        path.write_text(json.dumps(told))
    capsys.readouterr()
    assert main(collect) == 2
    assert "is the row of idle, and mine:Lazy calls itself 'do nothing'" in capsys.readouterr().err
    assert row.read_bytes() == before


def test_a_row_gives_way_to_as_many_cells_of_another_configuration_or_when_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, row, collect = gathered(tmp_path)
    first, *others = list(records.rglob("*.json"))
    told = json.loads(first.read_text())
    told["agent"]["config"] = {"another": True}
    told["key"] = cell_key(told)
    for path in (first, *others):
        path.unlink()
    first.write_text(json.dumps(told))
    capsys.readouterr()
    assert main(collect) == 2
    assert "has 3 cells of another configuration, and 1 are there" in capsys.readouterr().err
    assert len(load_row(row).records) == 3
    assert main([*collect, "--replace"]) == 0
    assert [record.agent["config"] for record in load_row(row).records] == [{"another": True}]


def test_films_of_former_configurations_are_forgotten_and_no_others(tmp_path: Path) -> None:
    row = load_row(gathered(tmp_path)[1])
    former = "smoke-v1--do-nothing-00000000.webp"
    for name in (film_path(row, tmp_path).name, former, "smoke-v1--random-00000000.webp", "holiday.webp"):
        (tmp_path / name).touch()
    assert [path.name for path in forgotten([row], tmp_path)] == [former]


def test_the_board_is_filled_with_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "suite_names", lambda: ("smoke",))
    words = ["leaderboard", "fill", "idle", "random", "--out", str(tmp_path)]
    assert main(words) == 0
    assert capsys.readouterr().out == "idle: 15 cells, 0 failed\nrandom: 15 cells, 0 failed\n"
    found = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert len(found) == 30
    gone = next(iter(found))
    gone.unlink()
    assert main(words) == 0
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert after.keys() == found.keys()
    assert {path for path in found if after[path] != found[path]} == {gone}
