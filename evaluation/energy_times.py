"""How long the energy's operations take, one at a time and a thousand at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ..concepts.catalogue import CATALOGUE
from ..concepts.event import Event
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
    jobs: dict[str, tuple[Callable[[Event], object], Event]] = {
        "infer codes of five demonstrations": (model.infer, shown),
        "generate, 5 steps": (lambda batch: model.generate(batch, code, search=few), scenes),
        "generate, default search": (lambda batch: model.generate(batch, code), scenes),
        "identify, 5 steps": (lambda batch: model.identify(batch, code, search=few), pointed),
        "identify, default search": (lambda batch: model.identify(batch, code), pointed),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = []
    for what, (job, batch) in jobs.items():
        single = float(np.median([_seconds(job, batch[:1]) for _ in range(repeats)]))
        found.append(Timing(what, single, _seconds(job, batch)))
    torch.set_num_threads(threads)
    return found


def _seconds(job: Callable[[Event], object], batch: Event) -> float:
    start = time.perf_counter()
    job(batch)
    return time.perf_counter() - start
