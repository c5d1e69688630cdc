"""GAIL: the judge tells expert and learner apart, its reward alone is learned from, everything is charged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conceptgym.agents.baselines.adversarial import Adversarial, Judge, JudgeConfig, Judged
from conceptgym.agents.baselines.canonical import Canonical
from conceptgym.agents.baselines.reinforcement import ReinforcementConfig
from conceptgym.agents.lesson import Lesson
from conceptgym.evaluation.bodies import make_body
from conceptgym.evaluation.episodes import enact

SMALL = Adversarial(
    ReinforcementConfig("PPO", steps=256, width=16, batch=32, extra={"n_steps": 128}),
    JudgeConfig(episodes=2, width=16, updates=2, batch=32),
)


def lesson(folder: Path | None = None) -> Lesson:
    def make(**arguments: Any) -> Any:  # noqa: ANN401  (a ConceptEnv)
        return make_body("particle", "near", None, **arguments)

    return Lesson(make, None, 1, folder)


def test_a_judge_learns_to_tell_the_expert_and_rewards_who_is_like_it() -> None:
    told = lesson()
    judge = Judge(told, JudgeConfig(episodes=5, updates=400))
    env, rng = Judged(Canonical(told.env()), judge), np.random.default_rng(0)
    for episode in range(5):
        env.reset(seed=episode)
        over = False
        while not over:
            _, reward, terminated, truncated, _ = env.step(rng.uniform(-1, 1, 2).astype(np.float32))
            over = terminated or truncated
            assert reward >= 0
    learner = torch.stack(judge.seen)
    judge.learn()
    assert judge.seen == []
    with torch.no_grad():
        right = [
            (judge.network(judge.expert) > 0).float().mean(),
            (judge.network(learner) < 0).float().mean(),
        ]
    assert min(right) > 0.8


def test_steps_and_episodes_are_charged_and_what_was_learned_is_found_again(tmp_path: Path) -> None:
    first, again = lesson(tmp_path), lesson(tmp_path)
    agent = SMALL.learn(first)
    assert first.meter.steps == 256 == agent.given.environment_steps
    assert first.meter.episodes == 2 == agent.given.episodes
    assert not agent.given.reward
    other = SMALL.learn(again)
    assert again.meter.steps == 0
    env = make_body("particle", "near")
    assert enact(env, agent, 500_000, None).error == enact(env, other, 500_000, None).error


def test_the_learner_never_sees_the_environments_reward() -> None:
    told = lesson()
    judge = Judge(told, JudgeConfig(episodes=1))
    env = Judged(Canonical(told.env()), judge)
    seen, _ = env.reset(seed=0)
    action = np.ones(2, dtype=np.float32)
    _, reward, *_ = env.step(action)
    assert reward == pytest.approx(judge.reward(seen, action))


def test_actions_that_come_to_the_same_are_judged_alike() -> None:
    """Slots that nobody has are driven by nobody, and of a mask only the signs count."""
    rng = np.random.default_rng(0)
    for body, concept in (("particle", "square"), ("identify", "red")):

        def make(body: str = body, concept: str = concept, **arguments: Any) -> Any:  # noqa: ANN401
            return make_body(body, concept, None, **arguments)

        told = Lesson(make, None, 1)
        judge = Judge(told, JudgeConfig(episodes=2))
        inner = told.env()
        env = Judged(Canonical(inner), judge)
        env.reset(seed=3)
        observation = inner.unwrapped.world.observe(inner.unwrapped.state)  # type: ignore[attr-defined]
        action = rng.uniform(-1, 1, inner.action_space.shape or ()).astype(np.float32)
        if body == "identify":
            other = 0.1 * action
        else:
            # Sorted, those who move come first: what is added to the last slots moves nobody.
            movers = int((observation["movable"][0] * observation["present"][0]).sum())
            other = action.copy()
            other[2 * movers :] = 1.0
            assert 0 < 2 * movers < len(action)
        rewards, places = [], []
        for each in (action, other):
            env.reset(seed=3)
            seen, reward, *_ = env.step(each)
            rewards.append(reward)
            places.append(seen)
        assert rewards[0] == rewards[1] and np.array_equal(places[0], places[1])
        env.reset(seed=3)
        assert env.step(-action)[1] != rewards[0]


def test_an_unknown_reward_is_named() -> None:
    with pytest.raises(ValueError, match="expected 'softplus' or 'logit'"):
        JudgeConfig(reward="sparse")


@pytest.mark.slow
@pytest.mark.parametrize(("episodes", "level"), ((5, 0.7), (200, 0.9)))
def test_the_boards_steps_bring_the_agent_near(episodes: int, level: float) -> None:
    contestant = replace(Adversarial(), judge=JudgeConfig(episodes=episodes))
    agent, env = contestant.learn(lesson()), make_body("particle", "near")
    rate = np.mean([enact(env, agent, start, None).success for start in range(500_000, 500_100)])
    assert rate >= level, "97 and 100 of 100 where this was written"
