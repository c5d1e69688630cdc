"""What was demonstrated, in other scenes: what matters stays, and slots and places do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from conceptgym import concepts
from conceptgym.agents.copying import along, anchors, copies, matched, scenery, warped, ways
from conceptgym.concepts.event import Event
from conceptgym.concepts.task import Task


def begun(one: Event) -> Event:
    """A scene as it goes on, if those who move do not."""
    return one.replace(positions=np.where(one.movable[:, None], one.positions[:1], one.positions))


def test_places_are_matched_so_that_ways_are_short() -> None:
    rng = np.random.default_rng(0)
    places, order = rng.normal(size=(6, 2)), rng.permutation(6)
    near = places[order] + 0.01 * rng.normal(size=(6, 2))
    assert matched(places, near).tolist() == np.argsort(order).tolist()
    assert sorted(matched(places, places[:2]).tolist()) == [0, 0, 0, 1, 1, 1], "they share those there are"
    assert matched(places[:2], places).tolist() == [0, 1], "and leave those that are too many"


def test_ways_are_relative_to_whom_they_are_about() -> None:
    guard = concepts.get("guard").demonstrations(3, seed=0)
    attended = guard.attention > 0.5
    for row, places in enumerate(anchors(guard)):
        assert np.allclose(places, guard.positions[row][:, attended[row]].mean(1)), "where they are by then"
    assert np.ptp(anchors(guard), axis=1).max() > 0.1, "they move"
    square = concepts.get("square").demonstrations(3, seed=0)
    movers = square.movable[0]
    assert np.allclose(anchors(square[0]), square.final[0, movers].mean(0)), "of those who move, the last"
    nobody = square.replace(attention=np.zeros_like(square.attention))
    assert np.allclose(anchors(nobody[0]), square.initial[0, square.present[0]].mean(0))


@pytest.mark.parametrize(
    "name", ["near", "between", "offset", "square", "orbit", "guard", "follow", "after", "visit_in_order"]
)
def test_a_demonstration_copied_to_its_own_scene_is_itself(name: str) -> None:
    shown = concepts.get(name).demonstrations(5, seed=4)
    within = np.abs(shown.positions).max((1, 2, 3)) <= 0.95
    assert within.sum() >= 3
    for row in np.flatnonzero(within):
        # A square is where its corners are at last.
        scene = shown[row] if name == "square" else begun(shown[row])
        assert np.allclose(copies(scene, shown)[row], shown.positions[row], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "least"), [("near", 0.95), ("offset", 0.9), ("orbit", 0.75), ("guard", 0.95)]
)
def test_copies_in_other_scenes_are_of_the_same_concept(name: str, least: float) -> None:
    concept = concepts.get(name)
    shown = concept.demonstrations(5, seed=5)
    others = Task(concept).sample(np.random.default_rng(6), 20)
    held = [concept.satisfied(batch_of(begun(others[row]), shown), "generate")[:5] for row in range(20)]
    assert np.mean(held) >= least


@pytest.mark.parametrize(("name", "least"), [("visit_in_order", 0.7), ("after", 0.4)])
def test_where_several_are_attended_scenes_are_bent(name: str, least: float) -> None:
    concept = concepts.get(name)
    shown = concept.demonstrations(5, seed=5)
    others = Task(concept).sample(np.random.default_rng(6), 20)
    batches = [concept.satisfied(batch_of(begun(others[row]), shown), "generate") for row in range(20)]
    held = np.stack(batches).reshape(20, 2, 5).mean((0, 2))
    assert held[0] < 0.1 and held[1] >= least, "relative to the middle of several there is no way"


def batch_of(scene: Event, shown: Event) -> Event:
    paths = copies(scene, shown)
    return scene.map(lambda array: np.repeat(array[None], len(paths), axis=0)).replace(positions=paths)


def test_shifting_a_scene_shifts_what_is_copied_into_it() -> None:
    shown = concepts.get("between").demonstrations(5, seed=7)
    scene = begun(concepts.get("between").demonstrations(1, seed=8)[0])
    inner = scene.replace(positions=0.3 * scene.positions)
    shifted = inner.replace(positions=inner.positions + 0.1)
    assert np.allclose(copies(shifted, shown), copies(inner, shown) + 0.1, atol=1e-6)


def test_ways_are_cut_or_end_with_the_event_and_stay_within_the_walls() -> None:
    shown = concepts.get("follow").demonstrations(1, seed=9)[0]
    scene, path = begun(shown), ways(shown)
    assert along(scene, path).shape == shown.positions[1:].shape
    short = along(scene, path[:3])
    assert np.allclose(short[:3], along(scene, path)[:3]), "so far it is the same"
    relative = (short - anchors(scene)[1:, None])[:, scene.movable]
    assert np.allclose(relative[3:], relative[2:3]), (
        "and then it keeps its place relative to whom it is about"
    )
    early = scene.replace(positions=scene.positions[:5])
    assert np.allclose(along(early, path), along(scene, path)[:4]), "of a longer one the first part counts"
    assert np.abs(along(scene, 10 * path)[:, scene.movable]).max() == 0.95


def test_a_scene_is_bent_so_that_each_lies_on_its_counterpart() -> None:
    """A path through the three references, in any slots and at other places, goes through them there."""
    concept, rng = concepts.get("visit_in_order"), np.random.default_rng(0)
    shown, scene = concept.demonstrations(1, seed=0)[0], begun(concept.demonstrations(1, seed=1)[0])
    refs, mover = scenery(shown), np.flatnonzero(shown.movable)[0]
    order = [refs[shown.colors[refs, channel].argmax()] for channel in range(3)]
    path = shown.positions.copy()
    for index, one in enumerate(order):
        path[2 + 3 * index, mover] = shown.initial[one]
    told = shown.replace(positions=path)
    slots = rng.permutation(len(scene.sizes))
    mixed = Event(
        scene.positions[:, slots],
        **{
            name: getattr(scene, name)[slots]
            for name in ("colors", "sizes", "present", "movable", "marker", "attention")
        },
    )
    for event in (scene, mixed):
        made, here = warped(event, told), scenery(event)
        assert made is not None
        for index in range(3):
            wanted = event.initial[here[event.colors[here, index].argmax()]]
            assert np.allclose(made[1 + 3 * index, event.movable], wanted, atol=1e-6)
    fewer = scene.replace(attention=np.where(np.arange(len(slots)) == scenery(scene)[0], 1.0, 0.0))
    two = scene.replace(attention=np.where(np.isin(np.arange(len(slots)), scenery(scene)[:2]), 1.0, 0.0))
    assert warped(scene, told) is not None and warped(fewer, fewer) is None, "one has no scene to bend"
    assert warped(two, two) is not None and warped(two, told) is None, "each needs a counterpart"
    state = scene.replace(positions=scene.positions[:2])
    assert warped(state, told) is None, "where only the end counts it does not matter where one begins"
