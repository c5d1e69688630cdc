"""Frozen suites: which tasks, from which starts, shown by which demonstrations; versioned and hashed.

A suite is a JSON file beside this module. Its hash covers everything in it, and every task's own hash
covers the first observations and the demonstrations that its seeds give: where a sampler changes, a
suite does not verify any more, and needs another version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..agents.lesson import RESERVED
from ..concepts.catalogue import CATALOGUE
from ..concepts.files import written_atomically
from ..concepts.task import pairs
from .bodies import BODIES, make_body

FOLDER = Path(__file__).parent / "frozen"
FORMAT = 1

_FIRST_START, _FIRST_SHOWN = RESERVED.start, 2_000_000
_CHECKED = 2
"""Starts and demonstrations whose content a task's hash covers."""


@dataclass(frozen=True)
class Item:
    """One task of a suite.

    Attributes:
        body: A name in ``BODIES``.
        action: Name of the concept that is enacted, or identified.
        argument: Name of the concept that says about whom, or None.
        digest: Hash of the first observations and demonstrations.
    """

    body: str
    action: str
    argument: str | None
    digest: str = ""

    @property
    def name(self) -> str:
        """For instance "arm near(red)"."""
        task = self.action if self.argument is None else f"{self.action}({self.argument})"
        return f"{self.body} {task}"


@dataclass(frozen=True)
class Suite:
    """Tasks, starts and demonstrations that everybody is tested with.

    Attributes:
        name: Its name.
        version: Counts up with every change.
        title: What it is about.
        k: Demonstrations of a task.
        starts: Seeds of the starts; each is one episode.
        shown: Seeds of the demonstrations, one for each replicate.
        items: The tasks.
        digest: Hash of all of that.
    """

    name: str
    version: int
    title: str
    k: int
    starts: tuple[int, ...]
    shown: tuple[int, ...]
    items: tuple[Item, ...]
    digest: str = ""


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def suite_digest(suite: Suite) -> str:
    """The hash of a suite's content."""
    return _sha(json.dumps(asdict(replace(suite, digest="")), sort_keys=True))


def item_digest(item: Item, suite: Suite) -> str:
    """The hash of what a task's first seeds give, rounded, so that it does not depend on the last bit."""
    env, told = make_body(item.body, item.action, item.argument), hashlib.sha256()

    def add(array: np.ndarray) -> None:
        told.update(np.round(np.asarray(array, dtype=np.float64), 4).__add__(0.0).tobytes())

    for start in suite.starts[:_CHECKED]:
        observation, _ = env.reset(seed=start)
        for name in sorted(observation):
            add(observation[name])
    for shown in suite.shown[:_CHECKED]:
        event = env.demonstrations(suite.k, shown)
        for part in (event.positions, event.colors, event.sizes, event.attention):
            add(part)
    env.close()
    return told.hexdigest()[:16]


def frozen(suite: Suite, progress: bool = True) -> Suite:
    """The suite with its hashes worked out."""
    bar = tqdm(suite.items, desc=suite.name, disable=not progress, leave=False)
    items = tuple(replace(item, digest=item_digest(item, suite)) for item in bar)
    whole = replace(suite, items=items)
    return replace(whole, digest=suite_digest(whole))


def save_suite(suite: Suite, folder: Path = FOLDER) -> Path:
    """Writes a frozen suite, atomically; a version that exists is never overwritten.

    Raises:
        ValueError: There is another suite of that name and version.
    """
    path = folder / f"{suite.name}-v{suite.version}.json"
    if path.exists() and load_suite(suite.name, folder, suite.version) != suite:
        raise ValueError(f"{path} holds another suite, and suites are frozen: give this one another version")
    folder.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as temporary:
        Path(temporary).write_text(json.dumps({"format": FORMAT, **asdict(suite)}, indent=1) + "\n")
    return path


def load_suite(name: str, folder: Path = FOLDER, version: int | None = None) -> Suite:
    """Reads a suite, the latest version unless told otherwise, and checks its hash.

    Args:
        name: Its name, such as "arm-reach"; or, with a version, "arm-reach-v1".
        folder: Where the suites are.
        version: Which one, where the name says none.

    Raises:
        ValueError: There is none of that name; or its hash is not that of its content.
    """
    stem, _, digits = name.rpartition("-v")
    if version is None and stem and digits.isdecimal():
        return load_suite(stem, folder, int(digits))
    found = sorted(folder.glob(f"{name}-v*.json"), key=lambda path: int(path.stem.rpartition("-v")[2]))
    chosen = [path for path in found if version in (None, int(path.stem.rpartition("-v")[2]))]
    if not chosen:
        wanted = name if version is None else f"{name}-v{version}"
        raise ValueError(f"there is no suite {wanted!r}, only {', '.join(suite_names(folder))}")
    told = json.loads(chosen[-1].read_text())
    if told.pop("format", None) != FORMAT:
        raise ValueError(f"{chosen[-1]} has another format than {FORMAT}")
    items = tuple(Item(**item) for item in told.pop("items"))
    suite = Suite(**{**told, "starts": tuple(told["starts"]), "shown": tuple(told["shown"]), "items": items})
    if suite_digest(suite) != suite.digest:
        raise ValueError(f"{chosen[-1].name} is not what its hash says: it was changed by hand")
    return suite


def suite_names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of all suites."""
    return tuple(sorted({path.stem.rpartition("-v")[0] for path in folder.glob("*-v*.json")}))


def changed_items(suite: Suite, progress: bool = True) -> list[str]:
    """Names of the tasks whose seeds give something else than when the suite was frozen."""
    bar = tqdm(suite.items, desc=suite.name, disable=not progress, leave=False)
    return [item.name for item in bar if item_digest(item, suite) != item.digest]


def _concepts(body: str, mode: str, split: str = "train") -> list[Item]:
    chosen = [c for c in CATALOGUE.values() if c.split == split and mode in c.modes]
    return [Item(body, c.name, None) for c in chosen]


def _pairs(body: str, split: str, count: int, actions: Iterable[str] = ()) -> list[Item]:
    """Some pairs, evenly spread over all of a split."""
    wanted = set(actions)
    fitting = [t for t in pairs(split) if t.argument and (not wanted or t.action.name in wanted)]  # type: ignore[arg-type]
    step = max(1, len(fitting) // count)
    return [Item(body, t.action.name, t.argument.name) for t in fitting[::step][:count] if t.argument]


def _robot(body: str, family: Iterable[str], kind: str) -> list[Item]:
    """Concepts of the training split that a robot enacts, by family and by who acts."""
    families = set(family)
    return [
        Item(body, c.name, None)
        for c in CATALOGUE.values()
        if c.split == "train" and c.generation and c.generation.actor == kind and c.family in families
    ]


_STILL = ("spatial", "proximity", "extremes", "arrangement", "quantity", "visual")
_MOVING = ("temporal", "social")


_JOINT = (
    "near(red) & left_of(blue)", "left_of(green) & above(largest)", "ring(red) & right_of(large)",
    "far(blue) & below(leftmost)", "above(red) & right_of(smallest)", "near(largest) & below(green)",
    "offset(green) & far(red)", "near(topmost) & far(bottommost)", "at(closest) & left_of(red)",
    "ring(odd_one_out) & above(leftmost)", "left_of(red) & above(blue) & near(largest)",
    "far(red) & right_of(leftmost) & below(large)",
)  # fmt: skip
"""Relations that hold at once, each about somebody of its own."""


def _drafts() -> list[tuple[str, str, int, list[Item]]]:
    """Name, title, number of starts and tasks of every suite."""
    known = {item.action for item in _concepts("particle", "generate")}
    robots = [item for body in ("planar", "point", "arm, wall") for item in _robot(body, _STILL, "agent")]
    return [
        ("particle-5shot", "known concepts, and pairs of them, on particles", 10,
         _concepts("particle", "generate") + _pairs("particle", "train", 16, known)),
        ("particle-heldout", "concepts and pairs that no training has seen, on particles", 10,
         _concepts("particle", "generate", "held_out") + _pairs("particle", "held_out_pair", 16, known)),
        ("identify-5shot", "known concepts to point out", 20, _concepts("identify", "identify")),
        ("identify-heldout", "concepts to point out that no training has seen", 20,
         _concepts("identify", "identify", "held_out")),
        ("arm-reach", "the arm's effector is the agent", 10, _robot("arm", _STILL, "agent")),
        ("arm-rearrange", "the arm carries objects", 10, _robot("arm", _STILL, "attended")),
        ("arm-temporal", "the arm among moving objects", 10, _robot("arm", _MOVING, "agent")),
        ("robots", "a planar arm, a mobile robot, and the arm at a wall", 10, robots),
        ("compose", "two and three things at once, each shown on its own", 10,
         [Item("particle", one, None) for one in _JOINT] + [Item("arm", one, None) for one in _JOINT[::2]]),
        ("smoke", "a few tasks, for tests", 2,
         [Item("particle", "near", None), Item("particle", "left_of", "red"), Item("identify", "red", None)]),
    ]  # fmt: skip


def drafts() -> list[Suite]:
    """All suites, not yet frozen."""
    made = []
    for name, title, starts, items in _drafts():
        seeds = tuple(range(_FIRST_START, _FIRST_START + starts))
        shown = tuple(range(_FIRST_SHOWN, _FIRST_SHOWN + 10))
        made.append(Suite(name, 1, title, 5, seeds, shown, tuple(items)))
    assert all(item.body in BODIES for suite in made for item in suite.items), "suites name bodies"
    return made
