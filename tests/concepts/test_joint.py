"""Joint concepts: their truth is that of their terms, and each is shown on its own."""

import pickle

import numpy as np
import pytest
from conceptgym import concepts
from conceptgym.concepts.catalogue import CATALOGUE
from conceptgym.concepts.joint import parted
from conceptgym.concepts.streams import streams_from
from conceptgym.envs.arm.env import ArmEnv
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.evaluation.suites import load_suite

NAMES = tuple(item.action for item in load_suite("compose").items if item.body == "particle")


@pytest.mark.parametrize("name", NAMES)
def test_solutions_satisfy_every_term_about_its_own_entity(name: str) -> None:
    joint = concepts.task(name)
    scene, event = joint.scenes(streams_from(np.random.default_rng(0), 16))
    assert (joint.error(event) <= 1e-7).all()
    assert not joint.satisfied(scene).any()
    union = np.zeros(event.attention.shape, dtype=bool)
    for action, argument in joint.action.terms:
        assert argument.identification is not None
        mask = argument.identification.mask(event.replace(positions=event.positions[:, :1]))
        assert (mask.sum(-1) == 1).all()
        assert not (mask & union).any()
        union |= mask
        assert action.satisfied(event.replace(attention=mask.astype(float)), "generate").all()
    assert np.array_equal(union, event.attention > 0.5)


def test_the_error_is_the_largest_of_the_terms() -> None:
    joint = concepts.task("near(red) & left_of(blue)")
    event = joint.sample(np.random.default_rng(1), 40)
    rng = np.random.default_rng(2)
    moved = event.positions.copy()
    moved[:, -1] += rng.uniform(-0.4, 0.4, moved[:, -1].shape) * event.movable[..., None]
    event = event.replace(positions=moved)
    parts = [
        CATALOGUE[name].error(event.replace(attention=event.colors[..., channel] * ~event.marker), "generate")
        for name, channel in (("near", 0), ("left_of", 2))
    ]
    assert np.allclose(joint.error(event), np.max(parts, axis=0))
    assert (np.argmax(parts, axis=0) == 0).any()
    assert (np.argmax(parts, axis=0) == 1).any()


def test_terms_are_shown_apart() -> None:
    joint = concepts.task("ring(red) & above(largest)")
    shown = joint.demonstrations(5, seed=3)
    assert shown.positions.shape[0] == 10
    parts = parted(joint.action, shown)
    for (action, _), part in zip(joint.action.terms, parts, strict=True):
        assert (part.attention.sum(-1) >= 1).all()
        assert action.satisfied(part, "generate").all()
    assert np.array_equal(shown.positions, joint.demonstrations(5, seed=3).positions)
    assert not joint.satisfied(parts[1]).all()
    with pytest.raises(ValueError, match="9 demonstrations"):
        parted(joint.action, shown[:9])


def test_joint_concepts_are_pickled_by_name() -> None:
    joint = concepts.get("near(red)&left_of( blue )")
    assert joint.name == "near(red) & left_of(blue)"
    assert pickle.loads(pickle.dumps(joint)).name == joint.name


def test_nobody_tells_whom_a_joint_concept_is_about() -> None:
    for env in (ParticleEnv("near(red) & left_of(blue)"), ArmEnv("near(red) & left_of(blue)")):
        observation, _ = env.reset(seed=0)
        assert "attention" not in observation
        env.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("near(red) & ", "no joint concept"),
        ("near & left_of(blue)", "no joint concept"),
        ("near(red) & near(blue) & near(large) & near(small)", "no joint concept"),
        ("nearby(red) & near(blue)", "unknown concept 'nearby'"),
        ("square(red) & near(blue)", "'square' cannot be joined"),
        ("follow(red) & near(blue)", "'follow' cannot be joined"),
        ("near(red) & left_of(red)", "names an argument twice"),
        ("near(two) & near(blue)", "leaves open who is meant"),
    ],
)
def test_what_cannot_be_joined(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        concepts.get(name)


def test_a_joint_concept_is_as_much_held_out_as_its_terms() -> None:
    for name in NAMES:
        joint = concepts.task(name)
        splits = {concepts.task(*term).split for term in joint.action.terms}
        assert joint.split == max(splits, key=("train", "held_out_pair", "held_out_concept").index)
    assert len({concepts.task(name).split for name in NAMES}) > 1


def test_scenes_have_as_many_entities_as_every_term_takes() -> None:
    joint = concepts.task("ring(odd_one_out) & above(leftmost)")
    terms = [concepts.task(*term) for term in joint.action.terms]
    low, high = joint.entity_range()
    assert all(term.entity_range((low, high)) == (low, high) for term in terms)
    with pytest.raises(ValueError, match="takes"):
        joint.entity_range(3)


def test_who_knows_solutions_stays_where_there_is_none() -> None:
    env = ParticleEnv("near(red) & left_of(blue)")
    env.reset(seed=0)
    colors = np.zeros_like(env.event.colors)
    colors[..., 0] = env.event.present
    env.reset(options={"scene": env.event.replace(colors=colors, positions=env.event.positions[:1])})
    assert np.array_equal(env.state.episode.solution[:, -1], env.state.episode.scene.positions[:, -1])
