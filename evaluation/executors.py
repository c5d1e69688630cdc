"""Where cells are run: in this process, in others, on a Ray cluster, or by Slurm."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Executor: TypeAlias = Callable[[Callable[[Any], Any], Sequence[Any], int, Path], Iterator[Any]]
"""Maps a function over items with a number of jobs, and a folder of its own; results come in any order."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _local(function: Callable[[T], R], items: Sequence[T], jobs: int, folder: Path) -> Iterator[R]:
    """In this process with one job, else in processes of this machine, by joblib's loky."""
    if jobs == 1:
        yield from map(function, items)
        return
    joblib = _imported("joblib", "board")
    for name in _ONE_THREAD:  # small tensors: threads of several processes would wait for one another
        os.environ.setdefault(name, "1")
    parallel = joblib.Parallel(jobs, backend="loky", return_as="generator_unordered", batch_size=1)
    yield from parallel(joblib.delayed(function)(item) for item in items)


def _ray(function: Callable[[T], R], items: Sequence[T], jobs: int, folder: Path) -> Iterator[R]:
    """On the Ray cluster that the environment names, or on one of this machine's cores."""
    ray = _imported("ray", "ray")
    if not ray.is_initialized():
        ray.init(num_cpus=None if os.environ.get("RAY_ADDRESS") else jobs, log_to_driver=False)
    remote = ray.remote(num_cpus=1, max_retries=2)(function)
    waiting = [remote.remote(item) for item in items]
    while waiting:
        done, waiting = ray.wait(waiting, num_returns=1)
        yield ray.get(done[0])


def _submitit(
    function: Callable[[T], R], items: Sequence[T], jobs: int, folder: Path, *, cluster: str
) -> Iterator[R]:
    """Through Slurm, whose nodes have to see the folder, or as it works on one machine ("local")."""
    submitit = _imported("submitit", "slurm")
    executor = submitit.AutoExecutor(folder=folder / "submitit", cluster=cluster)
    executor.update_parameters(timeout_min=600, cpus_per_task=1)
    if cluster != "local":
        executor.update_parameters(slurm_array_parallelism=jobs)
        yield from (
            job.result() for job in submitit.helpers.as_completed(executor.map_array(function, list(items)))
        )
        return
    for first in range(0, len(items), jobs):
        chunk = [executor.submit(function, item) for item in items[first : first + jobs]]
        yield from (job.result() for job in chunk)


EXECUTORS: dict[str, Executor] = {
    "local": _local,
    "ray": _ray,
    "slurm": partial(_submitit, cluster="slurm"),
    "submitit-local": partial(_submitit, cluster="local"),
}
"""Executors by name; "submitit-local" is Slurm's way of working on one machine."""


def mapped(
    function: Callable[[T], R], items: Sequence[T], executor: str, jobs: int, folder: Path = Path("out")
) -> Iterator[R]:
    """Maps a function over items; results come in any order.

    Args:
        function: What to do with each.
        items: What there is.
        executor: A name in ``EXECUTORS``.
        jobs: How many at once.
        folder: For an executor's own files.

    Raises:
        ValueError: An unknown executor, or less than one job.
    """
    if executor not in EXECUTORS:
        raise ValueError(f"executor is {executor!r}, expected one of {', '.join(EXECUTORS)}")
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}, expected one at least")
    return EXECUTORS[executor](function, items, jobs, folder)


def _imported(name: str, extra: str) -> Any:  # noqa: ANN401  (a module)
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f'this executor needs {name}: pip install "conceptgym[{extra}]"') from error
