"""The catalogue: every concept of the ground truth, one module a family."""

from __future__ import annotations

from difflib import get_close_matches

from ..concept import FAMILIES, Concept, Mode, Split
from . import arrangement, extremes, proximity, quantity, social, spatial, temporal, visual

CATALOGUE: dict[str, Concept] = {
    concept.name: concept
    for family in (spatial, arrangement, proximity, extremes, quantity, visual, temporal, social)
    for concept in family.CONCEPTS
}
"""All concepts by name, in the order of the families."""


def get(name: str, **parameters: object) -> Concept:
    """Looks up a concept.

    Args:
        name: Its name, for instance "left_of", or those of a joint concept: "near(red) & above(blue)".
        **parameters: Other values for its parameters, for instance ``distance=0.5`` for "ring".

    Raises:
        ValueError: There is no such concept (the message names the nearest), or it has no parameters.
    """
    if "&" in str(name) and not parameters:
        from ..joint import joint

        return joint(name)
    if name not in CATALOGUE:
        near = get_close_matches(str(name), CATALOGUE, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "names() lists all"
        raise ValueError(f"unknown concept {name!r}: {hint}")
    concept = CATALOGUE[name]
    return concept.with_parameters(**parameters) if parameters else concept


def restored(name: str, parameters: dict[str, object]) -> Concept:
    """The concept of that name and parameters; what pickle calls."""
    return get(name, **parameters)


def names(family: str | None = None, mode: Mode | None = None, split: Split | None = None) -> tuple[str, ...]:
    """Names of the concepts, all or those of a family, with a mode, of a split.

    Raises:
        ValueError: An unknown family, mode or split.
    """
    for value, known in (
        (family, FAMILIES),
        (mode, ("generate", "identify")),
        (split, ("train", "held_out")),
    ):
        if value is not None and value not in known:
            raise ValueError(f"{value!r} is none of {known}")
    return tuple(
        concept.name
        for concept in CATALOGUE.values()
        if family in (None, concept.family)
        and (mode is None or mode in concept.modes)
        and split in (None, concept.split)
    )
