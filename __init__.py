"""conceptgym: concepts as energy functions, and Gymnasium worlds to enact and to recognise them in."""

from . import concepts

__version__ = "0.1.0"
__all__ = ["__version__", "concepts"]
