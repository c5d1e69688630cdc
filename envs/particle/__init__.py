"""Particle worlds: discs in a plane, driven, carried or pushed until a concept holds."""

from .dynamics import Bodies, Physics, make_bodies, step
from .env import ParticleEnv, ParticleVectorEnv

__all__ = ["Bodies", "ParticleEnv", "ParticleVectorEnv", "Physics", "make_bodies", "step"]
