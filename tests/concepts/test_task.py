from __future__ import annotations

import zlib

import numpy as np
import pytest
from conceptgym import concepts
from conceptgym.concepts.streams import streams_from
from conceptgym.concepts.task import Task

PAIRS = concepts.pairs()


def test_there_are_enough_pairs_and_a_fixed_part_is_held_out() -> None:
    assert len(PAIRS) >= 300
    held_out = concepts.pairs("held_out_pair")
    assert 0.1 < len(held_out) / (len(held_out) + len(concepts.pairs("train"))) < 0.3
    names = ",".join(sorted(task.name for task in held_out))
    # Changing which pairs are held out would leak them into what was trained before.
    assert (len(held_out), zlib.crc32(names.encode())) == (118, 2568161386)
    for task in concepts.pairs("held_out_concept"):
        assert "held_out" in (task.action.split, task.argument.split if task.argument else "")


@pytest.mark.parametrize("part", range(8))
def test_every_pair_can_be_sampled(part: int) -> None:
    for task in PAIRS[part::8]:
        event = task.sample(np.random.default_rng(0), 2)
        assert task.satisfied(event).all(), task.name
        first = event.replace(positions=event.positions[:, :1])
        assert task.recogniser is not None
        meant = task.recogniser.mask(first)
        assert np.array_equal(meant, event.attention > 0.5), task.name


def test_movable_does_not_give_the_argument_away() -> None:
    event = concepts.task("square", "red").sample(np.random.default_rng(0), 30)
    assert (event.movable.sum(-1) > event.attention.sum(-1)).all()


def test_why_two_concepts_make_no_task() -> None:
    for action, argument, reason in (
        ("red", "square", "no mode 'generate'"),
        ("near", "between", "no mode 'identify'"),
        ("near", "two", "leaves open who is meant"),
        ("near", "slow", "a single state does not show it"),
        ("between", "closest", r"about \(2, 2\) entities"),
        ("line", "horizontal_line", "from the start"),
        ("help", "red", "takes no argument"),
        ("far", "furthest", "satisfied from the start, or never can be"),
    ):
        with pytest.raises(ValueError, match=reason):
            concepts.task(action, argument)
    with pytest.raises(ValueError, match="unknown concept 'reed'"):
        concepts.task("near", "reed")


def test_rows_do_not_depend_on_one_another() -> None:
    task = concepts.task("square", "red")
    streams = streams_from(np.random.default_rng(3), 6)
    whole, _ = task.scenes(streams)
    for i in range(6):
        alone, _ = task.scenes(type(streams)(streams.keys[i : i + 1]))
        assert np.array_equal(alone.positions[0], whole.positions[i])


def test_names() -> None:
    assert concepts.task("square", "red").name == "square(red)"
    assert concepts.task("square").name == "square"
    assert concepts.task("pentagon").split == "held_out_concept"
    assert isinstance(concepts.task("near"), Task)
