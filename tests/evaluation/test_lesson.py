"""What a contestant may practise with, and what it is charged."""

import pytest
from conceptgym.agents.lesson import RESERVED, Lesson, expert_action, recorded_episode
from conceptgym.evaluation.bodies import make_body
from conceptgym.evaluation.suites import load_suite, suite_names


def test_steps_and_episodes_are_charged_by_the_harness() -> None:
    lesson = Lesson(lambda: make_body("particle", "near"), None, 0)
    env = lesson.env()
    env.reset(seed=0)
    for _ in range(7):
        env.step(env.action_space.sample())
    assert lesson.meter.steps == 7 and lesson.meter.rewarded
    while not lesson.meter.ended:
        *_, info = env.step(0 * env.action_space.sample())
    assert lesson.meter.ended == [info["is_success"]]
    shown = lesson.episodes(2)
    assert lesson.meter.episodes == 2 and shown[0].seed != shown[1].seed
    assert shown[0].rewards.sum() > 5, "the expert brings it about"


def test_nobody_practises_from_the_starts_of_an_evaluation() -> None:
    lesson = Lesson(lambda: make_body("particle", "near"), None, 0)
    for seed in (load_suite("smoke").starts[0], 1_999_999):
        with pytest.raises(ValueError, match=r"1,000,000 to 1,999,999 are those of evaluations"):
            lesson.env().reset(seed=seed)
    lesson.env().reset(seed=2_000_000)
    for name in suite_names():
        suite = load_suite(name)
        assert set(suite.starts) <= set(RESERVED) and not set(suite.shown) & set(RESERVED)


def test_who_is_shown_a_task_is_not_told_how_well_it_goes() -> None:
    """Rewards are zero, and nothing says so in ``info``; the harness knows all the same."""
    particles = make_body("identify", "red")
    lesson = Lesson(lambda: make_body("identify", "red"), particles.demonstrations(5, 0), 0)
    env = lesson.env()
    _, first = env.reset(seed=3)
    expert = expert_action(env.unwrapped)  # type: ignore[arg-type]
    _, reward, terminated, _, info = env.step(expert())
    assert terminated and reward == 0.0 and lesson.meter.ended == [True]
    assert not first and not info
    assert lesson.meter.steps == 1 and not lesson.meter.rewarded
    assert not lesson.episodes(1)[0].rewards.any()
    with pytest.raises(ValueError, match="tells a solution"):
        lesson.env(goal=True)


def test_the_experts_episode_can_be_taken_again() -> None:
    env = make_body("arm", "near")
    episode = recorded_episode(env, 5)
    env.reset(seed=5)
    rewards = [env.step(action)[1] for action in episode.actions]
    assert rewards == pytest.approx(list(episode.rewards)) and sum(rewards) > 0
