"""Records: what came of one cell, and all that is needed to run it again; JSON, checked against a schema.

A cell is an agent, a task of a suite, a replicate (the seed of demonstrations and of learning) and a
block of starts. Its record's name is the hash of what its results depend on, so that a cell which has
been run is not run again, and two machines never write different things under one name.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..concepts.files import written_atomically

SCHEMA = 1
PACKAGES = ("conceptgym", "gymnasium", "numpy", "torch", "mujoco", "stable-baselines3")
_LONGEST_CONFIG = 4000
_MOST_PARTS = 100


class RecordError(ValueError):
    """A record that is none: the message says what is wrong, and where."""


@dataclass(frozen=True)
class Outcome:
    """One episode: one frozen start.

    Attributes:
        start: Its seed.
        success: Whether the concept held at the end.
        once: Whether it ever did.
        returned: Sum of the rewards.
        error: The true error at the end.
        steps: Steps taken.
        model_steps: Steps of a model that were taken.
        missed: Actions that came after their deadline.
    """

    start: int
    success: bool
    once: bool
    returned: float
    error: float
    steps: int
    model_steps: int
    missed: int


@dataclass(frozen=True)
class Record:
    """One cell.

    Attributes:
        schema: Version of this format.
        key: Hash of what the results depend on: suite, task, agent, replicate and block.
        suite: Name, version and hash of the suite.
        item: Body, action and argument.
        agent: Name, track, configuration and where it comes from.
        replicate: Number of the replicate.
        shown: Seed of the demonstrations and of the learning.
        block: Number of the block of starts.
        demonstrations: Hash of the demonstrations.
        given: What the agent was given.
        outcomes: One for each start.
        latency: Median and 95th percentile of the seconds of an action.
        seconds: Of learning, and of acting.
        machine: What it ran on, with how many threads.
        versions: Of the packages.
        commit: Of this package's repository, if it is one.
        curve: Where it learned in the environment: pairs of steps and success.
        failure: What went wrong, where it did; the outcomes are missing then.
        status: "self-reported", or "re-run matched".
    """

    schema: int
    key: str
    suite: Mapping[str, Any]
    item: Mapping[str, Any]
    agent: Mapping[str, Any]
    replicate: int
    shown: int
    block: int
    demonstrations: str
    given: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
    latency: Mapping[str, float | None]
    seconds: Mapping[str, float]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    commit: str
    curve: tuple[tuple[float, float], ...] = ()
    failure: str = ""
    status: str = "self-reported"


def digest(value: object) -> str:
    """Hash of anything that JSON has, 16 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def array_digest(*arrays: np.ndarray) -> str:
    """Hash of arrays, rounded so that it does not depend on the last bit."""
    told = hashlib.sha256()
    for array in arrays:
        told.update((np.round(np.asarray(array, dtype=np.float64), 4) + 0.0).tobytes())
    return told.hexdigest()[:16]


def machine() -> dict[str, Any]:
    """What this runs on."""
    return {"system": platform.system(), "processor": platform.machine(), "python": platform.python_version()}


def versions() -> dict[str, str]:
    """Versions of the packages that matter, as far as they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def to_json(record: Record) -> dict[str, Any]:
    """The record as JSON has it."""
    return json.loads(json.dumps(asdict(record), allow_nan=False))


def from_json(value: object) -> Record:
    """A record from JSON, checked.

    Raises:
        RecordError: It is none.
    """
    check(value)
    told: dict[str, Any] = dict(value)  # type: ignore[call-overload]
    outcomes = tuple(Outcome(**outcome) for outcome in told.pop("outcomes"))
    told["given"] = {"goal": False, **told["given"]}  # older records do not say it
    told["curve"] = tuple((steps, success) for steps, success in told["curve"])
    return Record(**told, outcomes=outcomes)


def save_record(record: Record, folder: Path) -> Path:
    """Writes a record under its key, atomically."""
    told = to_json(record)
    check(told)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record.key}.json"
    with written_atomically(path) as temporary:
        Path(temporary).write_text(json.dumps(told, separators=(",", ":")) + "\n")
    return path


def read_json(path: Path) -> Any:  # noqa: ANN401  (JSON)
    """What a file of JSON holds; NaN and infinity are no JSON.

    Raises:
        RecordError: The file is no JSON.
    """

    def refuse(text: str) -> float:
        raise RecordError(f"{path} holds {text}, which is no number")

    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"{path} is no JSON: {error}") from error


def load_record(path: Path) -> Record:
    """Reads a record.

    Raises:
        RecordError: The file holds none.
    """
    told = read_json(path)
    try:
        return from_json(told)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from error


@cache
def validator() -> Any:  # noqa: ANN401  (jsonschema's)
    """Checks JSON against the published schema, ``record.schema.json``."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError as error:
        raise ImportError('records are checked with jsonschema: pip install "conceptgym[board]"') from error
    return Draft202012Validator(json.loads((Path(__file__).parent / "record.schema.json").read_text()))


def check(value: object) -> None:
    """Checks that JSON is a record: every field, no other, of the right kind and of a sensible size.

    Raises:
        RecordError: It is none; the message says where.
    """
    try:
        wrong = next(validator().iter_errors(value), None)
    except RecursionError as error:
        raise RecordError("record is nested too deeply") from error
    if wrong is not None:
        raise RecordError(f"{wrong.json_path.replace('$', 'record')}: {wrong.message[:200]}")
    told: dict[str, Any] = value  # type: ignore[assignment]
    if not told["outcomes"] and not told["failure"]:
        raise RecordError("record.outcomes is empty, and record.failure does not say why")
    starts = [outcome["start"] for outcome in told["outcomes"]]
    if len(set(starts)) < len(starts):
        raise RecordError("record.outcomes names one start twice")
    check_config(told["agent"]["config"])
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise RecordError("record holds half of a character, which cannot be written") from error
    if told["key"] != cell_key(told):
        raise RecordError("record.key is not the hash of what the results depend on")


def check_config(config: Mapping[str, object]) -> None:
    """Checks that a contestant's configuration is small enough for a record.

    Raises:
        RecordError: It is not.
    """
    text = json.dumps(dict(config))
    if len(text) > _LONGEST_CONFIG:
        raise RecordError(f"record.agent.config is longer than {_LONGEST_CONFIG} characters")
    if text.count("{") + text.count("[") > _MOST_PARTS:
        raise RecordError(f"record.agent.config has more than {_MOST_PARTS} lists and objects")


def cell_key(told: Mapping[str, Any]) -> str:
    """Hash of what the results of a cell depend on."""
    parts = ("schema", "suite", "item", "agent", "replicate", "shown", "block")
    return digest({name: told[name] for name in parts})
