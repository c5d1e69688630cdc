"""Gymnasium environments to enact concepts and to recognise them."""

from .registration import identify_id, particle_id, register_all

__all__ = ["identify_id", "particle_id", "register_all"]
