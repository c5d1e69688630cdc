"""Registers every environment with Gymnasium, by a loop over the catalogue."""

from __future__ import annotations

import gymnasium as gym

from ..concepts.catalogue import CATALOGUE

NAMESPACE = "conceptgym"


def camel_case(name: str) -> str:
    """The part of an id that names a concept: "left_of" becomes "LeftOf"."""
    return "".join(word.capitalize() for word in name.split("_"))


def particle_id(name: str) -> str:
    """Id of the particle environment of a concept."""
    return f"{NAMESPACE}/Particle{camel_case(name)}-v0"


def identify_id(name: str) -> str:
    """Id of the identification environment of a concept."""
    return f"{NAMESPACE}/Identify{camel_case(name)}-v0"


def arm_id(name: str) -> str:
    """Id of the arm environment of a concept."""
    return f"{NAMESPACE}/Arm{camel_case(name)}-v0"


def register_all() -> None:
    """Registers the generic ids and one id for every concept and mode; a second call does nothing."""
    if f"{NAMESPACE}/Particle-v0" in gym.registry:
        return
    _register(f"{NAMESPACE}/Particle-v0", "particle.env:Particle", {})
    _register(f"{NAMESPACE}/Identify-v0", "identify:Identify", {})
    _register(f"{NAMESPACE}/Arm-v0", "arm.env:Arm", {})
    for concept in CATALOGUE.values():
        if concept.generation is not None and concept.generation.actor != "pusher":
            _register(arm_id(concept.name), "arm.env:Arm", {"concept": concept.name})
        if concept.generation is not None:
            _register(particle_id(concept.name), "particle.env:Particle", {"concept": concept.name})
        if concept.identification is not None:
            _register(identify_id(concept.name), "identify:Identify", {"concept": concept.name})


def _register(env_id: str, where: str, arguments: dict[str, str]) -> None:
    package = __name__.rpartition(".")[0]
    gym.register(
        env_id,
        entry_point=f"{package}.{where}Env",
        vector_entry_point=f"{package}.{where}VectorEnv",
        kwargs=arguments,
        disable_env_checker=False,
    )
