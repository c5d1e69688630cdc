"""Shapes and types are executed: every function of the package is checked at each call."""

from __future__ import annotations

import os
import sys
from types import ModuleType

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")
# Two workers on two cores: with more threads each, they wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MUJOCO_GL", "egl")

import hypothesis
from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

# PEP 484: an int is welcome where a float is expected. The hook wants the checker by import path.
checks = ModuleType("conceptgym_checks")
checks.checker = beartype(conf=BeartypeConf(is_pep484_tower=True))  # type: ignore[attr-defined]
sys.modules["conceptgym_checks"] = checks
install_import_hook("conceptgym", "conceptgym_checks.checker")

hypothesis.settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.load_profile("default")
