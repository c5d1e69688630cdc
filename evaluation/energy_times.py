"""How long the energy's operations take, one at a time and a thousand at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ..concepts.catalogue import CATALOGUE
from ..concepts.model import ConceptModel, Search
from ..concepts.task import Task


@dataclass(frozen=True)
class Timing:
    """Seconds of one operation.

    Attributes:
        what: The operation.
        one: Median seconds for one.
        thousand: Seconds for a thousand at once.
    """

    what: str
    one: float
    thousand: float


def timings(model: ConceptModel, repeats: int = 9) -> list[Timing]:
    """Seconds of inference, generation and identification, with one thread."""
    near = CATALOGUE["near"]
    rng = np.random.default_rng(0)
    shown = near.sample(rng, 5000, 5, "generate").map(lambda a: a.reshape(1000, 5, *a.shape[1:]))
    scenes = Task(near).sample(rng, 1000, 5)
    pointed = near.sample(rng, 1000, 5, "identify")
    code = model.infer(shown[0])
    few = Search(steps=model.objective.inner_steps, particles=1)
    jobs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "infer codes of five demonstrations": (lambda: model.infer(shown[0]), lambda: model.infer(shown)),
        "generate, 5 steps": (
            lambda: model.generate(scenes[:1], code, search=few),
            lambda: model.generate(scenes, code, search=few),
        ),
        "generate, default search": (
            lambda: model.generate(scenes[:1], code),
            lambda: model.generate(scenes, code),
        ),
        "identify, 5 steps": (
            lambda: model.identify(pointed[:1], code, search=few),
            lambda: model.identify(pointed, code, search=few),
        ),
        "identify, default search": (
            lambda: model.identify(pointed[:1], code),
            lambda: model.identify(pointed, code),
        ),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = []
    for what, (one, thousand) in jobs.items():
        single = float(np.median([_seconds(one) for _ in range(repeats)]))
        found.append(Timing(what, single, _seconds(thousand)))
    torch.set_num_threads(threads)
    return found


def _seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start
