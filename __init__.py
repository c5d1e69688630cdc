"""conceptgym: concepts as energy functions, and Gymnasium worlds to enact and to recognise them in.

``import conceptgym`` registers the environments::

    env = gymnasium.make("conceptgym/ParticleSquare-v0")

    model = conceptgym.load_pretrained()  # five demonstrations in, a concept out

The import loads NumPy and Gymnasium, but neither torch nor mujoco nor matplotlib: those come when
an energy, an arm or a report asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import concepts
from .envs.registration import register_all

if TYPE_CHECKING:
    from .concepts.model import ConceptModel

__version__ = "0.1.0"
__all__ = ["__version__", "concepts", "load_pretrained"]

register_all()


def load_pretrained(device: str = "cpu") -> ConceptModel:
    """The shipped concept energy: infers concepts from demonstrations, generates, identifies.

    Args:
        device: Where it goes, for instance "cuda".

    Raises:
        ModuleNotFoundError: torch is not installed; the message says how to get it.
    """
    from importlib.util import find_spec

    for name in ("torch", "safetensors"):
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"the energy needs {name}: pip install 'conceptgym[torch]'")
    from .concepts.release import load_pretrained as load

    return load(device)
