"""conceptgym: concepts as energy functions, and Gymnasium worlds to enact and to recognise them in.

``import conceptgym`` registers the environments::

    env = gymnasium.make("conceptgym/ParticleSquare-v0")

It loads NumPy and Gymnasium, but neither torch nor mujoco nor matplotlib.
"""

from . import concepts
from .envs.registration import register_all

__version__ = "0.1.0"
__all__ = ["__version__", "concepts"]

register_all()
