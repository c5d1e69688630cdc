"""What took long is kept in a file beside its key, and made again only where the key is another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..concepts.files import written_atomically


def remembered(path: Path, key: object) -> dict[str, Any] | None:
    """What a JSON file holds, if it is there and of this key."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return known if known.get("key") == json.loads(json.dumps(key)) else None


def kept(path: Path, key: object, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """What a JSON file holds, if it is of this key; else it is made and written, atomically.

    Args:
        path: The file.
        key: Everything that the content depends on, as JSON has it.
        make: Makes the content.

    Returns:
        The content, with the key as "key".
    """
    known = remembered(path, key)
    if known is None:
        known = {"key": json.loads(json.dumps(key)), **make()}
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_atomically(path) as temporary:
            Path(temporary).write_text(json.dumps(known, indent=1) + "\n")
    return known
