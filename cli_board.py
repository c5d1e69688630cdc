"""The commands of the board: suites, evaluation of agents, verification, the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

ROWS = Path("docs/board/rows")


def evaluate_agent(
    agent: tyro.conf.Positional[str],
    suite: str = "smoke",
    seeds: int = 5,
    jobs: int = 1,
    executor: Literal["local", "ray", "slurm", "submitit-local"] = "local",
    task: tuple[str, ...] = (),
    out: Path = Path("out/records"),
) -> int:
    """Run an agent over a frozen suite; what is there already is not run again.

    Args:
        agent: A name (random, idle, replay, oracle, concept, goal-average, ...), an entry point's name,
            or module:Class.
        suite: Name of the suite, see "conceptgym suite list"; the latest version, unless
            it says one, such as arm-reach-v1.
        seeds: Replicates: seeds of demonstrations and of learning.
        jobs: Processes.
        executor: Where cells are run.
        task: Only these tasks, for instance "particle near".
        out: Folder of the records.
    """
    from .evaluation.rows import collected
    from .evaluation.runner import cells_of, evaluate
    from .evaluation.suites import load_suite

    cells = cells_of(load_suite(suite), agent, seeds, out, items=task)
    records = list(evaluate(cells, executor=executor, jobs=jobs))
    for record in records:
        if record.failure:
            name = f"{record.item['body']} {record.item['action']}"
            print(f"failed: {name}, replicate {record.replicate}:\n{record.failure}")
    _print_rows(collected(records))
    return int(any(record.failure for record in records))


def _print_rows(rows: list[Any]) -> None:
    from .evaluation.rows import summary

    table = Table(
        "agent", "suite", "track", "success", "IQM and 95% interval", "episodes", "ms", "failed cells"
    )
    for row in rows:
        told = summary(row, np.random.default_rng(0))
        low, high = told.get("iqm_interval", (float("nan"),) * 2)
        milliseconds = told["latency"]["median"]
        table.add_row(
            told["agent"],
            told["suite"],
            told["track"],
            "-" if told["success"] is None else f"{told['success']:.1%}",
            f"{told['iqm']:.1%}, {low:.1%} to {high:.1%}" if "iqm" in told else "-",
            str(told["episodes"]),
            "-" if milliseconds is None else f"{1000 * milliseconds:.1f}",
            str(told["failures"]),
        )
    Console(width=140).print(table)


def suite_list() -> None:
    """List the frozen suites."""
    from .evaluation.suites import load_suite, suite_names

    table = Table("suite", "version", "what it is about", "tasks", "starts", "replicates", "hash")
    for name in suite_names():
        one = load_suite(name)
        counts = (str(len(part)) for part in (one.items, one.starts, one.shown))
        table.add_row(one.name, str(one.version), one.title, *counts, one.digest)
    Console(width=140).print(table)


def suite_verify(suite: tuple[str, ...] = ()) -> int:
    """Work out the hashes of suites again: from their files, and from the scenes that their seeds give.

    Args:
        suite: Only these.
    """
    from .evaluation.suites import changed_items, load_suite, suite_names

    wrong = 0
    for name in suite or suite_names():
        one = load_suite(name)
        changed = changed_items(one)
        wrong += len(changed)
        print(
            f"{name} v{one.version}: {len(one.items)} tasks, "
            + (f"changed: {changed}" if changed else "all as frozen")
        )
    return int(wrong > 0)


def suite_freeze() -> None:
    """Freeze the suites of this version; those that are there already have to be the same."""
    from .evaluation.suites import drafts, frozen, save_suite

    for draft in drafts():
        print(save_suite(frozen(draft)))


def verify(record: Path, share: float, seed: int | None, mark: bool) -> int:
    """Runs cells of a row, or one record, again; see the command."""
    from .evaluation.records import load_record, read_json
    from .evaluation.rows import collected, load_row, marked, save_row
    from .evaluation.verify import verify as run

    told = read_json(record)
    whole = isinstance(told, dict) and "records" in told
    if mark and not whole:
        raise ValueError(f"{record} is a single record: a row is marked, not a record")
    row = load_row(record) if whole else collected([load_record(record)])[0]
    chosen = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    print(f"cells chosen by seed {chosen}")
    verdicts: dict[str, bool] = {}
    for one in run(row, np.random.default_rng(chosen), share):
        print(f"{'match' if one.matches else 'MISMATCH'}: {one.key} {one.task} {one.why}".rstrip())
        verdicts[one.key] = one.matches
    failed = f"; {row.failures} cells of the row failed and were left out" if row.failures else ""
    print(
        f"{sum(verdicts.values())} of {len(verdicts)} cells match, of {len(row.records)} in the row{failed}"
    )
    if mark:
        sound = not row.failures  # what failed cannot be looked at again
        save_row(marked(row, {key: one and sound for key, one in verdicts.items()}), record.parent)
    return int(not all(verdicts.values()))


def leaderboard_fill(
    agent: tyro.conf.Positional[tuple[str, ...]] = (),
    jobs: int = 1,
    executor: Literal["local", "ray", "slurm", "submitit-local"] = "local",
    out: Path = Path("out/records"),
) -> int:
    """Run what the board consists of, and is not there yet: cheap agents on everything, others on a part.

    Args:
        agent: Only these.
        jobs: Processes.
        executor: Where cells are run.
        out: Folder of the records.
    """
    from .evaluation.plan import CHEAP, TRAINED, planned
    from .evaluation.runner import evaluate

    failed = 0
    for name in agent or (*CHEAP, *TRAINED):
        cells = list(planned(name, out))
        failures = sum(bool(record.failure) for record in evaluate(cells, executor=executor, jobs=jobs))
        print(f"{name}: {len(cells)} cells, {failures} failed")
        failed += failures
    return int(failed > 0)


def leaderboard_collect(
    records: Path = Path("out/records"), rows: Path = ROWS, replace: bool = False
) -> None:
    """Gather records into one file a row; what a file has of the same configuration, and marks, stay.

    Args:
        records: Folder of the records.
        rows: Folder of the rows.
        replace: Whether a row of another configuration gives way to one with fewer cells, too.
    """
    from .evaluation.rows import collected, records_in, row_path, save_row

    found = collected(records_in(records))
    if not found:
        raise ValueError(f"there are no records below {records}")
    paths = [row_path(row, rows) for row in found]
    twice = sorted({str(path) for path in paths if paths.count(path) > 1})
    if twice:
        told = [
            f"{len(row.records)} records of {json.dumps(row.agent['config'])}"
            for row, path in zip(found, paths, strict=True)
            if str(path) == twice[0]
        ]
        raise ValueError(
            f"several configurations would be one file, {', '.join(twice)} ({'; '.join(told)}, all below "
            f"{records}): remove the records of those that are not wanted, or give them other names"
        )
    joined = [_joined(row, path, replace) for row, path in zip(found, paths, strict=True)]
    for row in joined:  # once nothing speaks against any of them
        print(f"{save_row(row, rows)}: {len(row.records)} cells, {row.failures} failed")


def _joined(row: Any, path: Path, replace: bool) -> Any:  # noqa: ANN401  (a Row)
    """A row with what a file has of it.

    Raises:
        ValueError: The file is somebody else's, or has more cells of another configuration.
    """
    from .evaluation.rows import load_row, merged, with_marks

    if not path.exists():
        return row
    old = load_row(path)
    if old.agent["source"] != row.agent["source"]:
        raise ValueError(
            f"{path} is the row of {old.agent['source']}, and {row.agent['source']} calls itself "
            f"{row.agent['name']!r}, too: give it a name of its own, or remove the row"
        )
    if old.agent != row.agent and len(row.records) < len(old.records) and not replace:
        raise ValueError(
            f"{path} has {len(old.records)} cells of another configuration, and {len(row.records)} "
            "are there of this one: run the others first, or add --replace"
        )
    return merged(with_marks(row, old), old)


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: rows are written by 'conceptgym leaderboard collect'")
    return folder


def leaderboard_restore(rows: Path = ROWS, records: Path = Path("out/records")) -> int:
    """Put the records of rows back, so that an evaluation goes on where they end.

    Args:
        rows: Folder of the rows.
        records: Folder of the records; what is there and sound stays.
    """
    from .evaluation.leaderboard import rows_in
    from .evaluation.rows import row_path, scatter
    from .evaluation.verify import check_installed

    found, wrong = rows_in(_there(rows))
    written = 0
    for row in found:
        try:
            check_installed(row)
        except ValueError as error:  # its records would never be used
            wrong.append(f"{row_path(row, rows).name}: {error}")
            continue
        written += scatter(row, records)
    print(f"{written} records of {len(found)} rows")
    for message in wrong:
        print(f"left out: {message}")
    return int(bool(wrong))


def leaderboard_build(
    rows: Path = ROWS,
    out: Path = Path("docs/board/index.html"),
    films: Path | None = Path("docs/board/films"),
) -> int:
    """Build the page from rows, and tables.md beside it; files that hold none are named and left out.

    Args:
        rows: Folder of the rows.
        out: The page.
        films: Folder of films, one for a row.
    """
    from .evaluation.leaderboard import build, rows_in

    found, wrong = rows_in(_there(rows))
    for message in wrong:
        print(f"left out: {message}")
    print(f"{build(found, out, films)}: {len(found)} rows")
    return int(bool(wrong))


def leaderboard_film(
    rows: Path = ROWS,
    records: Path = Path("out/records"),
    films: Path = Path("docs/board/films"),
    again: bool = False,
) -> int:
    """Film an episode of each row; agents that train read what they learned, or learn again.

    Films of the same agents as they were configured before are removed.

    Args:
        rows: Folder of the rows.
        records: Folder of the records, with what was learned.
        films: Folder of the films.
        again: Whether to film what has a film, too.
    """
    from tqdm import tqdm

    from .evaluation.films import forgotten, write_film
    from .evaluation.leaderboard import rows_in
    from .evaluation.rows import film_path

    found, wrong = rows_in(_there(rows))
    for row in tqdm([row for row in found if again or not film_path(row, films).exists()], unit="film"):
        try:
            write_film(row, records, films)
        except Exception as error:  # of this row's agent; the others are filmed all the same
            wrong.append(f"{row.agent['name']} in {row.suite.name}: {type(error).__name__}: {error}")
    for path in forgotten(found, films):
        path.unlink()
        print(f"removed: {path}")
    for message in wrong:
        print(f"left out: {message}")
    return int(bool(wrong))


def tune(agent: str, trials: int, out: Path, seed: int) -> None:
    """Tries settings of an agent; see the command."""
    import torch

    from .evaluation.tuning import tune as run

    torch.set_num_threads(1)
    told = run(agent, out, trials, seed)
    for one in sorted(told["trials"], key=lambda one: -one["score"]):
        print(f"{one['score']:.1%}  {one['values']}")


Commands = dict[str, Callable[..., Any]]
SUITE: Commands = {"list": suite_list, "verify": suite_verify, "freeze": suite_freeze}
LEADERBOARD: Commands = {
    "fill": leaderboard_fill, "collect": leaderboard_collect, "restore": leaderboard_restore,
    "film": leaderboard_film, "build": leaderboard_build,
}  # fmt: skip
