"""Reinforcement learning: steps are charged, what was learned is found again, and enough steps suffice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conceptgym.agents import roster
from conceptgym.agents.baselines import reinforcement
from conceptgym.agents.baselines.canonical import Canonical
from conceptgym.agents.baselines.reinforcement import Reinforcement, ReinforcementConfig, curve_of
from conceptgym.agents.lesson import Lesson
from conceptgym.evaluation.bodies import make_body
from conceptgym.evaluation.episodes import enact

FAST = ReinforcementConfig("SAC", steps=230, width=16, batch=32, start=100)


def lesson(folder: Path | None, concept: str = "near", body: str = "particle") -> Lesson:
    def make(**arguments: Any) -> Any:  # noqa: ANN401  (a ConceptEnv)
        return make_body(body, concept, None, **arguments)

    return Lesson(make, None, 1, folder)


@pytest.mark.parametrize(
    "settings",
    [
        FAST,
        replace(FAST, algorithm="TD3"),
        replace(FAST, algorithm="TQC", episodes=1),
        replace(FAST, goal=True),
        ReinforcementConfig("PPO", steps=300, width=16, batch=32, extra={"n_steps": 128}),
    ],
    ids=lambda settings: f"{settings.algorithm}{'-goal' * settings.goal}",
)
def test_steps_are_charged_and_what_was_learned_is_found_again(
    settings: ReinforcementConfig, tmp_path: Path
) -> None:
    contestant, first = Reinforcement(settings, "x"), lesson(tmp_path)
    agent = contestant.learn(first)
    taken = 384 if settings.algorithm == "PPO" else settings.steps  # three rollouts
    assert first.meter.steps == taken == agent.given.environment_steps
    assert first.meter.episodes == settings.episodes and first.meter.rewarded
    assert agent.given.goal == settings.goal, "who is told a solution of each scene says so"
    again = lesson(tmp_path)
    other = contestant.learn(again)
    assert again.meter.steps == 0 and other.given == agent.given and other.info == agent.info
    assert agent.info["learning"] > 0, "how long it took is kept, too"
    env = make_body("particle", "near")
    one, two = (enact(env, each, 500_000, None) for each in (agent, other))
    assert (one.error, one.returned) == (two.error, two.returned)


def test_further_arguments_of_a_policy_leave_its_width() -> None:
    settings = replace(FAST, algorithm="PPO", extra={"policy_kwargs": {"log_std_init": -1.0}})
    model = reinforcement.make_learner(settings, Canonical(lesson(None).env()), lesson(None))
    assert model.policy.net_arch == [16, 16]
    assert np.allclose(model.policy.log_std.detach(), -1.0)


def test_half_of_what_was_kept_is_learned_again(tmp_path: Path) -> None:
    contestant = Reinforcement(FAST, "x")
    contestant.learn(lesson(tmp_path))
    (tmp_path / "policy.json").unlink()
    again = lesson(tmp_path)
    assert contestant.learn(again).given.environment_steps == again.meter.steps == FAST.steps
    assert (tmp_path / "policy.json").is_file()


def test_the_seed_decides(tmp_path: Path) -> None:
    contestant, env = Reinforcement(FAST, "x"), make_body("particle", "near")
    errors = []
    for seed in (1, 1, 2):
        agent = contestant.learn(replace(lesson(None), seed=seed))
        errors.append(enact(env, agent, 500_000, None).error)
    assert errors[0] == errors[1] != errors[2]


def test_the_curve_is_a_running_mean() -> None:
    ends = [(100 * (i + 1), i >= 50) for i in range(100)]
    curve = curve_of(ends)
    assert curve[0] == [2_500.0, 0.0], "in the middle of the first fifty"
    assert curve[-1] == [7_500.0, 1.0] and len(curve) <= 60
    assert curve_of(ends[49:51]) == [[5_000.0, 0.5]], "what is shorter is one point"
    middle = next(success for steps, success in curve if steps >= 5_000)
    assert middle == pytest.approx(0.5, abs=0.05)
    assert curve_of([]) == []


def test_settings_that_do_not_go_together_are_named() -> None:
    with pytest.raises(ValueError, match="expected one of PPO"):
        replace(FAST, algorithm="DQN")
    for wrong in ({"algorithm": "PPO", "episodes": 1}, {"goal": True, "episodes": 1}, {"episodes": -1}):
        with pytest.raises(ValueError, match="go into the buffer of an off-policy learner"):
            replace(FAST, **wrong)


@pytest.mark.parametrize(
    ("body", "concept", "ends"), (("identify", "red", True), ("particle", "near", False))
)
def test_what_a_task_ended_is_an_end_for_the_learner(body: str, concept: str, ends: bool) -> None:
    """And what the time ended is not: the value of what would have come is learned from there on."""
    shown = lesson(None, concept, body)
    assert shown.episodes(1)[0].terminated == ends
    settings = replace(FAST, episodes=2)
    model = reinforcement.make_learner(settings, Canonical(shown.env()), shown)
    reinforcement.remember(model, shown, 2)
    buffer = model.replay_buffer
    done, late = (part[: buffer.pos, 0] for part in (buffer.dones, buffer.timeouts))
    assert done.sum() == 2 and (done * (1 - late)).sum() == (2 if ends else 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sac", "td3", "tqc", "sac-her", "tqc-her", "sac-demonstrations", "ppo"])
def test_between_is_solved_in_the_steps_of_the_board(name: str) -> None:
    contestant: Any = roster.find(name)
    assert contestant.settings.steps == (100_000 if name == "ppo" else 16_000)
    agent, env = contestant.learn(lesson(None, "between")), make_body("particle", "between")
    rate = np.mean([enact(env, agent, start, None).success for start in range(500_000, 500_100)])
    assert rate >= (0.85 if name == "td3" else 0.95)  # 88, 91 and 100 of 100 with three seeds


@pytest.mark.slow
def test_sac_learns_which_one_was_the_closest() -> None:
    agent, env = (
        roster.find("sac").learn(lesson(None, "move_to_closest")),
        make_body("particle", "move_to_closest"),
    )
    rate = np.mean([enact(env, agent, start, None).success for start in range(500_000, 500_100)])
    assert rate >= 0.95, "sorted from left to right in every step it was 0.05"


@pytest.mark.slow
def test_sac_solves_near_with_the_arm_in_fifty_thousand_steps() -> None:
    contestant = replace(reinforcement.sac(), settings=replace(reinforcement.sac().settings, steps=50_000))
    agent, env = contestant.learn(lesson(None, "near", "arm")), make_body("arm", "near")
    rate = np.mean([enact(env, agent, start, None).success for start in range(500_000, 500_100)])
    assert rate >= 0.9
