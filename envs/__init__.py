"""Gymnasium environments to enact concepts and to recognise them."""

from .registration import arm_id, identify_id, particle_id, register_all

__all__ = ["arm_id", "identify_id", "particle_id", "register_all"]
