"""Writes golden.json anew: only together with a bump of the ids whose rollouts changed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import conceptgym  # noqa: F401  (registers the environments)

if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("suite", Path(__file__).with_name("test_suite.py"))
    assert spec is not None
    assert spec.loader is not None
    suite = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(suite)
    suite.GOLDEN.write_text(json.dumps({i: suite.fingerprint(i) for i in suite.IDS}, indent=1) + "\n")
