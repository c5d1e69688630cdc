"""The page in a browser: it sorts and filters, and no record can break or script it."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conceptgym.evaluation.board_tables import _percent, markdown
from conceptgym.evaluation.comparison import common
from conceptgym.evaluation.leaderboard import build, entry, page, rows_in, safe_json
from conceptgym.evaluation.records import Record, cell_key, from_json, to_json
from conceptgym.evaluation.rows import Row, collected, load_row, merged, save_row, summary
from conceptgym.evaluation.runner import cells_of, evaluate
from conceptgym.evaluation.statistics import (
    bootstrap_interval,
    design_effect,
    interquartile_mean,
    mean,
    wilson,
)
from conceptgym.evaluation.suites import load_suite

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'></script>"


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Two agents on the smoke suite."""
    suite, out = load_suite("smoke"), tmp_path_factory.mktemp("records")
    return [
        record
        for agent in ("random", "idle")
        for record in evaluate(cells_of(suite, agent, 2, out), progress=False)
    ]


def renamed(record: Record, **changes: Any) -> Record:  # noqa: ANN401  (parts of an agent)
    """The record of another agent, with a key that fits."""
    told = to_json(record)
    told["agent"].update(changes)
    told["key"] = cell_key(told)
    return from_json(told)


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium, of the extra dev")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs chromium and chromium-driver: `make browser` installs Debian's")
    from selenium.webdriver.chrome.service import Service

    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = selenium.Chrome(options=options, service=Service(driver))
    yield made
    made.quit()


def opened(browser: Any, rows: list[Row], path: Path) -> Any:  # noqa: ANN401  (selenium's driver)
    browser.get(f"file://{build(rows, path)}")
    return browser


def texts(browser: Any, selector: str) -> list[str]:  # noqa: ANN401
    script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
    return list(browser.execute_script(script, selector))


def test_the_page_sorts_filters_and_says_nothing_on_the_console(
    browser: Any,  # noqa: ANN401
    records: list[Record],
    tmp_path: Path,
) -> None:
    others = [renamed(record, name="third agent", track="few-shot") for record in records[:6]]
    rows = collected([*records, *others])
    driver = opened(browser, rows, tmp_path / "board.html")
    names = "#board tbody tr:not(.track) th"
    assert set(texts(driver, names)) == {"random", "do nothing", "third agent"}
    assert len(texts(driver, "#board tr.track")) == 2, "tracks are never mixed"
    buttons = driver.find_elements("css selector", "#board th button")
    buttons[0].click()
    once = texts(driver, names)[1:]
    driver.find_elements("css selector", "#board th button")[0].click()
    assert texts(driver, names)[1:] == once[::-1] and once == sorted(once)
    assert driver.find_elements("css selector", "#board th")[0].get_attribute("aria-sort") == "descending"
    compare = "for (const [id, name] of [['suite', 'smoke'], ['versus', 'do nothing']]) {"
    compare += "const s = document.getElementById(id); s.value = name; s.dispatchEvent(new Event('input')); }"
    driver.execute_script(compare)
    assert sorted(texts(driver, "#against tbody th")) == ["random", "third agent"]
    heads = texts(driver, "#heat thead th")
    assert heads == ["Task", "random", "third agent", "do nothing"], "those that succeed more come first"
    idle, third = (
        next(row for row in rows if row.agent["name"] == name) for name in ("do nothing", "third agent")
    )
    ours, theirs = common(third, idle)
    ours, theirs = ours.mean(2), theirs.mean(2)
    wins = ((ours > theirs) + 0.5 * (ours == theirs)).mean()
    line = next(one for one in texts(driver, "#against tbody tr") if one.startswith("third agent"))
    assert ours.mean() > theirs.mean() == 0 and line.startswith(
        f"third agent{ours.mean():.1%}0.0%{wins:.1%} "
    )
    choose = "const s = document.getElementById('track'); s.value = 'few-shot'; "
    driver.execute_script(choose + "s.dispatchEvent(new Event('input'))")
    assert texts(driver, names) == ["third agent"] and texts(driver, "#count") == ["1 of 3 rows"]
    driver.find_element("css selector", "#search").send_keys("nobody")
    assert texts(driver, names) == [] and texts(driver, "#count") == ["0 of 3 rows"]
    assert driver.get_log("browser") == []
    assert len(driver.find_elements("css selector", ".figure > svg")) == 2, "nobody practised"


def test_the_page_shows_all_suites_at_a_glance_and_draws_learning_curves(
    browser: Any,  # noqa: ANN401
    records: list[Record],
    tmp_path: Path,
) -> None:
    def practised(record: Record) -> Record:
        curve = ((1000, 0.0), (9000, 0.5 + 0.1 * record.replicate))
        return replace(record, curve=curve, given={**record.given, "environment_steps": 10_000})

    part = [renamed(record, name="learner", track="reward") for record in records[:6]]
    part = [practised(one) for one in part if one.item["action"] == "near"]
    # The concept agent stands here for somebody who has 6 hits of 12.
    shown = [renamed(one, name="concept agent", source="concept", track="few-shot") for one in records[:6]]
    shown = [
        replace(one, outcomes=tuple(replace(o, success=i == 0) for i, o in enumerate(one.outcomes)))
        for one in shown
    ]
    # Of somebody there is one replicate: only that is what all have.
    single = [renamed(one, name="single") for one in records[:6] if one.replicate == 1]
    driver = opened(browser, collected([*records, *part, *shown, *single]), tmp_path / "board.html")
    lines = "return [...document.querySelectorAll('#glance tbody tr:not(.track)')].map("
    lines += "(line) => [...line.children].map((cell) => cell.textContent))"
    told = {name: cell for name, cell in driver.execute_script(lines)}
    assert set(told) == {"concept agent", "learner", "random", "do nothing", "single"}
    assert told["concept agent"] == "50.0%" and told["do nothing"] == "0.0%"
    assert told["learner"].endswith("1 of 3"), "part of a suite says so"
    driver.find_element("css selector", "#common").click()
    told = {name: cell for name, cell in driver.execute_script(lines)}
    assert told["learner"] and all(cell.endswith("1 of 3") for cell in told.values()), "in common"
    near = [r for r in records[:6] if (r.item["action"], r.replicate) == ("near", 1)]
    share = np.mean([one.success for record in near for one in record.outcomes])
    assert told["random"] == f"{share:.1%}1 of 3" and told["concept agent"] == "50.0%1 of 3"
    assert texts(driver, "#courses .legend li") == [" learner (1 of 3 tasks)"]
    assert texts(driver, "#course option") == ["all that everybody practised", "particle near"]
    assert texts(driver, "#courses .level title") == ["concept agent: 50.0%"]
    ends = "return document.querySelector('#courses .course').getAttribute('d').split('L').at(-1).split(' ')"
    height = float(driver.execute_script(ends)[1])
    assert height == pytest.approx(285 - 265 * 0.55, abs=0.1), "the mean of both replicates"
    driver.execute_script("document.getElementById('suite').value = ''")
    driver.execute_script("document.getElementById('suite').dispatchEvent(new Event('input'))")
    assert texts(driver, "#courses p") == ["Choose a suite above"]
    driver.find_element("css selector", "#glance thead button").click()
    assert driver.execute_script("return document.getElementById('suite').value") == "smoke"
    assert texts(driver, "#courses .legend li") and driver.get_log("browser") == []


def test_an_older_version_of_a_suite_stands_apart(records: list[Record]) -> None:
    rows = collected(records)
    newer = [replace(row, suite=replace(row.suite, version=2)) for row in rows[:1]]
    every = [*rows, *newer]
    assert [entry(row, None, every)["suite"] for row in every] == ["smoke v1"] * len(rows) + ["smoke"]
    assert {entry(row, None, rows)["suite"] for row in rows} == {"smoke"}


def test_the_page_fits_a_phone(browser: Any, records: list[Record], tmp_path: Path) -> None:  # noqa: ANN401
    browser.set_window_size(500, 800)
    driver = opened(browser, collected(records), tmp_path / "board.html")
    width = "return [document.documentElement.scrollWidth, window.innerWidth]"
    inside, window = driver.execute_script(width)
    assert inside <= window


def test_a_malicious_record_cannot_script_the_page(
    browser: Any,  # noqa: ANN401
    records: list[Record],
    tmp_path: Path,
) -> None:
    short = EVIL[:60]
    evil = [
        renamed(record, name=short, config={EVIL: [EVIL, 1e300, None]}, source=EVIL[:100])
        for record in records[:6]
    ]
    driver = opened(browser, collected([*records, *evil]), tmp_path / "board.html")
    assert driver.execute_script("return window.hacked") is None
    assert short in texts(driver, "#board tbody tr:not(.track) th")
    assert driver.get_log("browser") == []


def test_halves_are_rounded_alike_in_tables_and_on_the_page() -> None:
    told = {0.9925: "99.3%", 0.8125: "81.3%", 0.5 * (0.64 + 0.595): "61.8%", 0.0: "0.0%", None: ""}
    assert [_percent(share) for share in told] == list(told.values())


def test_no_text_ends_the_script_element() -> None:
    told = safe_json({"name": EVIL, "other": "&amp; ]]> \u2028"})
    assert "<" not in told and ">" not in told and "&" not in told
    assert json.loads(told)["name"] == EVIL
    assert page([]).count("</script>") == 2


def nested(depth: int) -> object:
    return [nested(depth - 1)] if depth else []


def changed(good: str, shared: dict[str, Any] | None = None, **parts: object) -> dict[str, Any]:
    """A row's file whose first record has other parts, and a key that fits."""
    told = json.loads(good)
    told["shared"]["agent"].update(shared or {})
    first = {**told["records"][0], **parts}
    for one in (first, *told["records"][1:]):
        one["key"] = cell_key({**told["shared"], **one})
    for name in set(parts) & set(told["shared"]):
        value = told["shared"].pop(name)
        told["records"] = [{name: value, **one} for one in told["records"]]
    return {**told, "records": [first, *told["records"][1:]]}


def test_rows_that_are_none_are_left_out_by_name(records: list[Record], tmp_path: Path) -> None:
    row = collected(records[:6])[0]
    path = save_row(row, tmp_path)
    good = path.read_text()
    value = json.loads(good)
    value["records"][0]["outcomes"]["error"][0] = 1e300
    short = json.loads(good)
    short["records"][0]["outcomes"]["error"].pop()
    files = {
        "nan.json": good.replace('"error":[', '"error":[NaN,', 1),
        "short.json": json.dumps(short),
        "huge.json": json.dumps(value),
        "twice.json": good,
        "schema.json": good.replace('"schema":1', '"schema":2'),
        "list.json": "[1, 2]",
        "deep.json": "[" * 100_000,
        "binary.json": "\x00\xff",
        "renamed.json": good.replace('"random"', '"best"'),
        "doubled.json": json.dumps({**json.loads(good), "records": json.loads(good)["records"] * 2}),
        "columns.json": json.dumps(changed(good, outcomes=[1, 2])),
        "half.json": good.replace('"source":"random"', '"source":"x\\ud800"'),
        "strange.json": json.dumps({**json.loads(good), "shared": {**json.loads(good)["shared"], "x": 1}}),
        "task.json": json.dumps(changed(good, item={"body": "arm", "action": "near", "argument": None})),
        "float.json": json.dumps(changed(good, replicate=0.0)),
        "picked.json": json.dumps(changed(good, block=7)),
        "nested.json": json.dumps(changed(good, shared={"config": {"a": nested(200)}})),
        "deepest.json": good.replace('"config":{}', '"config":{"a":' + "[" * 980 + "]" * 980 + "}"),
        "name.json": good,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder.json").mkdir()
    rows, wrong = rows_in(tmp_path)
    assert [row.records for row in rows] == [row.records]
    assert {message.split(":")[0] for message in wrong} == {*files, "folder.json"}
    assert any("hash of what the results depend on" in m for m in wrong if m.startswith("renamed"))
    assert any("NaN" in m for m in wrong if m.startswith("nan"))
    reasons = {
        "twice": "holds the row of", "name": "holds the row of", "columns": "no columns",
        "nested": "more than", "half": "half of a character", "strange": "no record has",
        "task": "does not have", "float": "replicate", "picked": "other starts",
        "short": "different lengths", "huge": "greater than the maximum", "schema": "1 was expected",
        "list": "no row", "doubled": "twice", "deep": "recursion", "deepest": "recursion",
        "binary": "is no JSON",
    }  # fmt: skip
    for name, reason in reasons.items():
        assert any(reason in m for m in wrong if m.startswith(f"{name}.json")), name


def test_a_row_is_what_its_cells_say(records: list[Record], tmp_path: Path) -> None:
    row = collected(records[:6])[0]
    told = summary(row, np.random.default_rng(0))
    hits = sum(one.success for record in row.records for one in record.outcomes)
    assert told["success"] == hits / 12 and told["episodes"] == 12 and told["replicates"] == 2
    assert sum(each["hits"] for each in told["each"]) == hits
    scores = row.scores()[0]
    rng = np.random.default_rng(0)
    assert told["mean_interval"] == bootstrap_interval(scores, mean, rng), "starts are drawn again, too"
    assert told["iqm_interval"] == bootstrap_interval(scores.mean(2), interquartile_mean, rng), "stratified"
    effect = design_effect(scores)
    for each in told["each"]:
        assert each["interval"] == wilson(each["hits"] / effect, each["of"] / effect)
    path = save_row(row, tmp_path)
    assert load_row(path).records == row.records
    assert path.stat().st_size < 0.6 * sum(len(json.dumps(to_json(record))) for record in row.records)
    assert "film" not in entry(row, tmp_path)
    # A failed cell is missing, and not a zero.
    failed = replace(row.records[0], failure="it broke", outcomes=())
    partial = summary(Row(row.suite, (failed, *row.records[1:])), np.random.default_rng(0))
    assert partial["replicates"] == 1 and partial["failures"] == 1 and partial["episodes"] == 10
    assert partial["tasks"] == 2 < partial["of_tasks"], "it is no whole row, and stands below those that are"
    assert "iqm" in partial and "iqm_interval" not in partial, "one replicate has no spread"


def test_what_was_kept_was_learned_once(records: list[Record]) -> None:
    """Two blocks of a replicate: the second finds what the first learned in steps, and clones anew."""
    row = collected(records[:6])[0]
    first = replace(row.records[0], seconds={"learning": 100.0, "acting": 3.0})
    cloned = Row(row.suite, (first, replace(first, block=first.block + 1)))
    kept = Row(row.suite, tuple(replace(one, curve=((50.0, 0.5),)) for one in cloned.records))
    spent = [summary(one, np.random.default_rng(0))["spent"] for one in (cloned, kept)]
    assert spent == [206.0, 106.0]
    told = markdown([entry(cloned), entry(kept)])
    assert "The whole board: 0.09 core-hours." in told


def test_what_fails_here_replaces_nothing_that_was_sound(records: list[Record]) -> None:
    old = collected(records[:6])[0]
    failed = [replace(one, failure="no such extra", outcomes=()) for one in old.records[:2]]
    kept = merged(Row(old.suite, tuple(failed)), old)
    assert kept.failures == 0 and sorted(one.key for one in kept.records) == sorted(
        r.key for r in old.records
    )
    assert merged(Row(old.suite, tuple(failed)), Row(old.suite, old.records[1:])).failures == 1
    other = collected([renamed(record, config={"another": 1}) for record in records[:2]])[0]
    assert merged(other, old).records == other.records, "another configuration is another row"


def test_a_sixth_replicate_that_was_begun_does_not_hide_five_whole_ones(records: list[Record]) -> None:
    row = collected(records[:6])[0]
    first = [record for record in row.records if record.replicate == 0]

    def replicated(replicate: int) -> list[Record]:
        return [replace(one, replicate=replicate, shown=row.suite.shown[replicate]) for one in first]

    five = [one for replicate in range(5) for one in replicated(replicate)]
    begun = Row(row.suite, (*five, replicated(5)[0]))
    assert begun.complete == list(range(5)) and begun.sound() == begun.tasks()
    told = summary(begun, np.random.default_rng(0))
    assert told["tasks"] == 3 and told["replicates"] == 5
    six = Row(row.suite, (*five, *replicated(5)))
    assert six.sound() == six.tasks() and six.complete == list(range(6))
    lacking = Row(row.suite, (*five[:-1], *replicated(5)))
    assert len(lacking.sound()) == 2, "one of the five lacks a task"


def test_cells_that_are_left_out_do_not_lift_a_row(records: list[Record]) -> None:
    """Of each task one replicate, the better one: no task is whole, and there is no success to rank by."""
    row = collected(records[:6])[0]
    hits = {(row.number(r), r.replicate): sum(one.success for one in r.outcomes) for r in row.records}
    kept = {(0, 1), (1, 0), (2, 1)}
    picked = Row(row.suite, tuple(r for r in row.records if (row.number(r), r.replicate) in kept))
    told = summary(picked, np.random.default_rng(0))
    assert told["tasks"] == 0 < told["of_tasks"] and told["success"] is None and told["replicates"] == 0
    holed = Row(row.suite, tuple(r for r in row.records if (row.number(r), r.replicate) != (0, 1)))
    told = summary(holed, np.random.default_rng(0))
    assert told["tasks"] == 2 and told["success"] == pytest.approx(holed.scores()[0].mean())
    assert told["success"] == pytest.approx(sum(hits[item, 0] for item in range(3)) / 6)
