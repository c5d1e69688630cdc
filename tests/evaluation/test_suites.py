"""Suites are frozen, and what their hashes say."""

from dataclasses import replace
from pathlib import Path

import pytest
from conceptgym.evaluation.suites import (
    Suite,
    changed_items,
    drafts,
    load_suite,
    save_suite,
    suite_digest,
    suite_names,
)


@pytest.mark.parametrize("name", suite_names())
def test_suites_are_what_their_hashes_say(name: str) -> None:
    suite = load_suite(name)
    assert suite.digest == suite_digest(suite) and all(item.digest for item in suite.items)
    draft = next(one for one in drafts() if one.name == name)
    named = [(item.body, item.action, item.argument) for item in draft.items]
    assert named == [(item.body, item.action, item.argument) for item in suite.items]
    assert len(set(suite.starts)) == len(suite.starts) and len(set(suite.shown)) == len(suite.shown) == 10
    assert not set(suite.starts) & set(suite.shown)


def test_every_kind_of_scene_is_still_what_was_frozen(smoke: Suite) -> None:
    assert changed_items(smoke, progress=False) == []
    moved = replace(smoke, starts=tuple(start + 1 for start in smoke.starts))
    assert changed_items(moved, progress=False) == [item.name for item in smoke.items]


def test_a_suite_that_was_changed_by_hand_is_refused(smoke: Suite, tmp_path: Path) -> None:
    path = save_suite(smoke, tmp_path)
    assert load_suite("smoke", tmp_path) == smoke and save_suite(smoke, tmp_path) == path
    path.write_text(path.read_text().replace('"near"', '"far"'))
    with pytest.raises(ValueError, match="changed by hand"):
        load_suite("smoke", tmp_path)
    with pytest.raises(ValueError, match="there is no suite 'other'"):
        load_suite("other")


def test_a_suite_is_found_with_its_version_after_a_newer_one_came(smoke: Suite, tmp_path: Path) -> None:
    newer = replace(smoke, version=smoke.version + 1, starts=smoke.starts[:1])
    for one in (smoke, replace(newer, digest=suite_digest(newer))):
        save_suite(one, tmp_path)
    assert load_suite("smoke", tmp_path).version == smoke.version + 1
    assert load_suite(f"smoke-v{smoke.version}", tmp_path) == smoke
    with pytest.raises(ValueError, match="there is no suite 'smoke-v9'"):
        load_suite("smoke-v9", tmp_path)


def test_another_suite_of_the_same_version_is_not_written(smoke: Suite, tmp_path: Path) -> None:
    save_suite(smoke, tmp_path)
    other = replace(smoke, title="another")
    with pytest.raises(ValueError, match="give this one another version"):
        save_suite(replace(other, digest=suite_digest(other)), tmp_path)
