from __future__ import annotations

import numpy as np
import pytest
from conceptgym.concepts.streams import Streams, mix, streams_from
from hypothesis import given
from hypothesis import strategies as st


def test_splitmix64_known_answer() -> None:
    # First outputs of SplitMix64 seeded with 1234567, published with the reference implementation.
    golden, state, outputs = 0x9E3779B97F4A7C15, 1234567, []
    for _ in range(3):
        state = (state + golden) % 2**64
        outputs.append(int(mix(np.array([state], dtype=np.uint64))[0]))
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.integers(0, 2**64 - 1), st.integers(1, 5))
def test_a_row_does_not_depend_on_the_others(key: int, rows: int) -> None:
    keys = np.arange(rows, dtype=np.uint64)
    keys[-1] = key
    together = Streams(keys).fork("a").uniform("x", 3)[-1]
    alone = Streams(np.array([key], dtype=np.uint64)).fork("a").uniform("x", 3)[0]
    assert np.array_equal(together, alone)


def test_uniform_is_uniform_and_tags_are_independent() -> None:
    streams = streams_from(np.random.default_rng(0), 20_000)
    x, y = streams.uniform("x", 2), streams.uniform("y", 2)
    for values in (x[:, 0], x[:, 1], y[:, 0]):
        counts = np.histogram(values, bins=20, range=(0, 1))[0]
        # chi-squared with 19 degrees of freedom: 43.8 is its 99.9% quantile
        assert ((counts - 1000) ** 2 / 1000).sum() < 43.8
    assert abs(np.corrcoef(x[:, 0], x[:, 1])[0, 1]) < 0.03
    assert abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1]) < 0.03


def test_fork_each_is_fork() -> None:
    streams = Streams(np.array([5, 5], dtype=np.uint64))
    both = streams.fork_each(np.array([3, 4]))
    assert both.keys[0] == streams.fork(3).keys[0]
    assert both.keys[1] == streams.fork(4).keys[1]
    assert both.keys[0] != both.keys[1]


def test_integers_cover_both_ends() -> None:
    values = streams_from(np.random.default_rng(1), 2000).integers("n", 3, 5)
    assert set(values.tolist()) == {3, 4, 5}


def test_shuffle_permutes_the_mask_and_keeps_the_rest() -> None:
    mask = np.tile(np.arange(6) < 4, (500, 1))
    order = streams_from(np.random.default_rng(2), 500).shuffle("o", mask)
    assert (np.sort(order, axis=1) == np.arange(6)).all()
    assert (order[:, 4:] == [4, 5]).all()
    assert all(set(order[:, i].tolist()) == {0, 1, 2, 3} for i in range(4))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_directions_have_length_one(shape: tuple[int, ...]) -> None:
    directions = streams_from(np.random.default_rng(3), 10).direction("d", *shape)
    assert directions.shape == (10, *shape, 2)
    assert np.allclose((directions**2).sum(-1), 1)
