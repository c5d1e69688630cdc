"""Tuning of what is learned per task: as many trials for everybody, on tasks that no suite has.

The trials are Optuna's (Akiba et al., 2019; its tree-structured Parzen estimator), kept in a journal: a
killed study goes on. The first trial is what the contestant has by default.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from gymnasium.error import DependencyNotInstalled

from ..agents import roster
from ..agents.baselines.adversarial import Adversarial
from ..agents.baselines.reinforcement import Reinforcement
from ..agents.lesson import Contestant, Lesson
from ..concepts.catalogue import get
from ..concepts.files import written_atomically
from ..concepts.task import Task, task
from ..envs.single import ConceptEnv
from .bodies import BODIES
from .episodes import enact


@dataclass(frozen=True)
class Trial:
    """A task that settings are tried on.

    Attributes:
        body: A name in ``bodies.BODIES``.
        action: Name of the concept that is enacted.
        argument: Name of the concept that says about whom, or None.
        parameters: Parameters of the action, of which suites have the usual ones alone.
    """

    body: str
    action: str
    argument: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """What is to be done."""
        return task(get(self.action, **self.parameters), self.argument)

    def make(self, **more: object) -> ConceptEnv:
        """An environment of the task."""
        return BODIES[self.body].make(self.task, **more)


TASKS: tuple[Trial, ...] = (
    Trial("particle", "ring", parameters={"distance": 0.6}),
    Trial("particle", "offset", parameters={"vector": (-0.2, 0.4)}),
    Trial("particle", "left_of", "largest"),
)
"""Of the training split, and in no suite, not even as a term."""

_FIRST_START, _STARTS, _SHOWN = 700_000, 20, 800_000

Choice: TypeAlias = tuple[float, ...] | tuple[str, ...] | tuple[int, ...] | tuple[float | str, ...]
Change: TypeAlias = Callable[[Any, Mapping[str, Any]], Contestant]


@dataclass(frozen=True)
class Space:
    """What may be varied of a contestant.

    Attributes:
        choices: Values by name.
        default: The values that the contestant has.
        changed: Makes the contestant with other values.
        steps: Steps in the environment of a trial, where it practises; None leaves them.
    """

    choices: Mapping[str, Choice]
    default: Mapping[str, Any]
    changed: Change
    steps: int | None = None


_RATES = (1e-4, 3e-4, 1e-3, 3e-3)


def _split(settings: object, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of fields that settings have, and the others."""
    fields = {name: value for name, value in values.items() if hasattr(settings, name)}
    return fields, {name: value for name, value in values.items() if name not in fields}


def _practising(contestant: Reinforcement, values: Mapping[str, Any]) -> Reinforcement:
    """Fields of the settings, and, where there is none of a name, further arguments of the library."""
    fields, extra = _split(contestant.settings, values)
    settings = replace(contestant.settings, **fields, extra={**contestant.settings.extra, **extra})
    return replace(contestant, settings=settings)


def _cloning(contestant: Any, values: Mapping[str, Any]) -> Contestant:  # noqa: ANN401
    """Fields of the settings, and, where there is none of a name, of the contestant."""
    fields, own = _split(contestant.settings, values)
    made: Contestant = replace(contestant, settings=replace(contestant.settings, **fields), **own)
    return made


def _adversarial(contestant: Adversarial, values: Mapping[str, Any]) -> Adversarial:
    judge = {name.removeprefix("judge_"): v for name, v in values.items() if name.startswith("judge_")}
    rest = {name: value for name, value in values.items() if not name.startswith("judge_")}
    learner = replace(contestant.settings, **rest)
    return replace(contestant, settings=learner, judge=replace(contestant.judge, **judge))


_SOFT = Space(
    {
        "rate": _RATES,
        "discount": (0.8, 0.9, 0.95),
        "ent_coef": (0.005, 0.02, 0.05, "auto"),
        "width": (128, 256),
    },
    {"rate": 1e-3, "discount": 0.8, "ent_coef": 0.02, "width": 128},
    _practising,
    8_000,
)
_COPYING: dict[str, Choice] = {"rate": _RATES, "updates": (1000, 2000, 4000)}

SPACES: dict[str, Space] = {
    "ppo": Space(
        {"rate": _RATES, "discount": (0.8, 0.9, 0.95), "n_steps": (512, 1024, 2048), "ent_coef": (0.0, 0.01)},
        {"rate": 3e-4, "discount": 0.95, "n_steps": 1024, "ent_coef": 0.0},
        _practising,
        40_000,
    ),
    "sac": _SOFT,
    "tqc": _SOFT,
    "td3": Space(
        {"rate": _RATES, "discount": (0.8, 0.9, 0.95), "noise": (0.05, 0.1, 0.3), "width": (128, 256)},
        {"rate": 1e-3, "discount": 0.95, "noise": 0.1, "width": 128},
        _practising,
        8_000,
    ),
    "gail": Space(
        {
            "rate": _RATES,
            "discount": (0.8, 0.9, 0.95),
            "judge_rate": _RATES,
            "judge_penalty": (1.0, 10.0),
            "judge_reward": ("softplus", "logit"),
        },
        {
            "rate": 3e-4,
            "discount": 0.9,
            "judge_rate": 3e-4,
            "judge_penalty": 10.0,
            "judge_reward": "softplus",
        },
        _adversarial,
        40_000,
    ),
    "cloning": Space(
        {**_COPYING, "width": (128, 256, 512), "decay": (1e-4, 1e-2)},
        {"rate": 1e-3, "updates": 2000, "width": 256, "decay": 1e-4},
        _cloning,
    ),
    "chunked-cloning": Space(
        {**_COPYING, "horizon": (5, 10, 20), "ensemble": (0.0, 0.1)},
        {"rate": 3e-3, "updates": 1000, "horizon": 5, "ensemble": 0.1},
        _cloning,
    ),
    "implicit-cloning": Space(
        {**_COPYING, "negatives": (64, 256), "decay": (1e-4, 1e-2)},
        {"rate": 1e-4, "updates": 2000, "negatives": 64, "decay": 1e-4},
        _cloning,
    ),
    "diffusion": Space(
        {**_COPYING, "horizon": (8, 16), "execute": (1, 4, 8)},
        {"rate": 3e-4, "updates": 2000, "horizon": 16, "execute": 1},
        _cloning,
    ),
}
"""What is tuned of whom."""


def with_values(name: str, values: Mapping[str, Any], short: bool = True) -> Contestant:
    """A contestant with other values.

    Args:
        name: A name in ``SPACES``.
        values: Values by name.
        short: Whether it practises for as many steps as in a trial.
    """
    space, contestant = SPACES[name], roster.find(name)
    steps = {} if space.steps is None or not short else {"steps": space.steps}
    return space.changed(contestant, {**values, **steps})


def score(contestant: Contestant, tasks: tuple[Trial, ...], starts: int) -> float:
    """Mean success at the end over tasks, after learning each."""
    rates = []
    for index, one in enumerate(tasks):
        env = one.make()
        shown = env.demonstrations(5, _SHOWN + index)
        hidden = contestant.track == "reward"
        agent = contestant.learn(Lesson(one.make, None if hidden else shown, _SHOWN + index))
        wins = [enact(env, agent, _FIRST_START + start, shown).success for start in range(starts)]
        rates.append(np.mean(wins))
        env.close()
    return float(np.mean(rates))


def tune(
    name: str,
    folder: Path,
    trials: int = 12,
    seed: int = 0,
    tasks: tuple[Trial, ...] = TASKS,
    starts: int = _STARTS,
) -> dict[str, Any]:
    """Tries settings until there are as many trials, and writes what came of all of them.

    Args:
        name: A name in ``SPACES``.
        folder: For the journal and the result.
        trials: Trials of different settings in all; those of an earlier call count.
        seed: Seeds the choice of trials.
        tasks: What settings are tried on.
        starts: Starts of each task.

    Returns:
        The best values, its score, and all trials.

    Raises:
        ValueError: Nothing is known that could be varied, or there are to be no trials.
        DependencyNotInstalled: Optuna is not there.
    """
    if name not in SPACES:
        raise ValueError(f"nothing is known to tune of {name!r}, only of {', '.join(SPACES)}")
    if trials < 1:
        raise ValueError(f"trials is {trials}, expected one at least")
    told_tasks = [asdict(one) for one in tasks]
    study = _study(name, folder, seed, (told_tasks, starts))
    if not any(t.value is not None and t.params == SPACES[name].default for t in study.trials):
        study.enqueue_trial(dict(SPACES[name].default))

    from optuna.trial import TrialState

    possible = math.prod(len(choices) for choices in SPACES[name].choices.values())
    while len(found := _tried(study)) < min(trials, possible):
        trial = study.ask()
        values = {n: trial.suggest_categorical(n, choices) for n, choices in SPACES[name].choices.items()}
        if values in [one["values"] for one in found]:
            study.tell(trial, state=TrialState.FAIL)  # the same again would say nothing new
        else:
            study.tell(trial, score(with_values(name, values), tasks, starts))
    best = max(found, key=lambda one: one["score"])
    told = {"agent": name, "tasks": told_tasks, "starts": starts, "best": best, "trials": found}
    with written_atomically(folder / f"{name}.json") as temporary:
        Path(temporary).write_text(json.dumps(told, indent=1) + "\n")
    return told


def _tried(study: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (an optuna.Study)
    """What came of settings, each once."""
    known: list[dict[str, Any]] = []
    for trial in study.trials:
        if trial.value is not None and trial.params not in [one["values"] for one in known]:
            known.append({"values": trial.params, "score": trial.value})
    return known


def _study(name: str, folder: Path, seed: int, measured: tuple[Any, ...]) -> Any:  # noqa: ANN401  (an optuna.Study)
    """The study of this space, measured in this way: another way is another study of the journal."""
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise DependencyNotInstalled('tuning needs Optuna: pip install "conceptgym[baselines]"') from error
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = SPACES[name]
    told = json.dumps([seed, space.choices, dict(space.default), space.steps, measured])
    study = optuna.create_study(
        study_name=f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}",
        storage=JournalStorage(JournalFileBackend(str(folder / f"{name}.journal"))),
        direction="maximize",
        load_if_exists=True,
    )
    # A sampler knows nothing of the draws before a restart: each restart draws others.
    study.sampler = optuna.samplers.TPESampler(seed=1000 * seed + len(study.trials), n_startup_trials=6)
    return study
