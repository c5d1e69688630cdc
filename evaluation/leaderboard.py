"""The board: one page of HTML that needs no network, made from rows of records."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..concepts.files import written_atomically
from .board_tables import markdown
from .comparison import against, courses, learning
from .rows import Row, film_path, load_row, row_path, summary
from .suites import FOLDER

_PARTS = Path(__file__).parent / "board"
_SEED = 0
_LARGEST_FILM = 2_000_000


def safe_json(value: object) -> str:
    """JSON that may stand inside of a script element, whatever its texts say."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _source_hash(text: str) -> str:
    """The hash by which a content security policy allows a script or a style."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def commands(row: Row) -> dict[str, str]:
    """How a row is run again, and how it is checked."""
    source, name = shlex.quote(str(row.agent["source"])), f"{row.suite.name}-v{row.suite.version}"
    path, tasks = row_path(row, Path("docs/board/rows")), row.tasks()
    told = "".join(f" {shlex.quote(row.suite.items[task].name)}" for task in tasks)
    part = f" --task{told}" if len(tasks) < len(row.suite.items) else ""
    words = f"conceptgym evaluate agent {source} --suite {name} --seeds {max(row.replicates, 1)}"
    return {
        "command": words + part,
        "check": f"conceptgym verify {path}",
    }


def entry(row: Row, films: Path | None = None, rows: Sequence[Row] = ()) -> dict[str, Any]:
    """What the page knows of a row.

    Args:
        row: The row.
        films: Folder of the films.
        rows: All rows, which it is compared with.
    """
    told = summary(row, np.random.default_rng(_SEED)) | commands(row)
    newest = max((one.suite.version for one in rows if one.suite.name == row.suite.name), default=0)
    if row.suite.version < newest:  # other tasks or starts: nothing that stands beside those of the newest
        told["suite"] = f"{row.suite.name} v{row.suite.version}"
    told["against"] = against(row, rows, np.random.default_rng(_SEED))
    told["curves"] = learning(row, rows, np.random.default_rng(_SEED))
    told["courses"] = courses(row, rows or [row])
    film = films and film_path(row, films)
    if film and film.is_file() and film.stat().st_size <= _LARGEST_FILM:
        told["film"] = "data:image/webp;base64," + base64.b64encode(film.read_bytes()).decode()
    return told


def page(entries: Iterable[dict[str, Any]]) -> str:
    """The page."""
    style, script = ((_PARTS / name).read_text() for name in ("board.css", "board.js"))
    text = (_PARTS / "board.html").read_text()
    parts = {
        "@STYLE_HASH@": _source_hash(style),
        "@SCRIPT_HASH@": _source_hash(script),
        "@STYLE@": style,
        "@SCRIPT@": script,
        "@DATA@": safe_json(list(entries)),
    }
    for name, part in parts.items():
        text = text.replace(name, part)
    return text


def rows_in(folder: Path, suites: Path = FOLDER) -> tuple[list[Row], list[str]]:
    """All rows of a folder, and what is wrong with the files that hold none; those are left out.

    An agent's name is in a suite once, in the file of that name: whoever else takes it is left out.
    """
    rows, wrong = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            row = load_row(path, suites)
        except (ValueError, TypeError, KeyError, OSError, RecursionError) as error:
            wrong.append(f"{path.name}: {error}")
            continue
        if row_path(row, folder).name != path.name:
            wrong.append(f"{path.name}: it holds the row of {row_path(row, folder).name}")
            continue
        rows.append(row)
    return rows, wrong


def build(rows: Iterable[Row], target: Path, films: Path | None = None) -> Path:
    """Writes the page, and beside it its tables as Markdown, atomically."""
    every = list(rows)
    entries = [entry(row, films, every) for row in every]
    texts = {target: page(entries), target.parent / "tables.md": markdown(entries)}
    for path, text in texts.items():
        with written_atomically(path) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")
    return target
