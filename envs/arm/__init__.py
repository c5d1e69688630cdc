"""The arm environments: robots in MuJoCo that bring concepts about."""

import os
import sys

from gymnasium.error import DependencyNotInstalled

if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    # MuJoCo reads this when it is imported; its own default needs a display.
    os.environ.setdefault("MUJOCO_GL", "egl")

try:
    import mujoco.batch  # noqa: F401  (here to say what is missing, once for all modules)
except ImportError as error:
    raise DependencyNotInstalled(
        'the arm needs MuJoCo 3.17 or later: pip install "conceptgym[arm]"'
    ) from error
