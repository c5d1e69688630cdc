"""The arm environments: robots in MuJoCo that bring concepts about."""

from gymnasium.error import DependencyNotInstalled

try:
    import mujoco.batch  # noqa: F401  (here to say what is missing, once for all modules)
except ImportError as error:
    raise DependencyNotInstalled(
        'the arm needs MuJoCo 3.17 or later: pip install "conceptgym[arm]"'
    ) from error
