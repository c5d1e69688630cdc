"""Checks of constructor arguments that environments of every kind share."""

from __future__ import annotations


def check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Checks an argument that takes one of a few strings.

    Raises:
        ValueError: The value is none of them.
    """
    if value not in known:
        raise ValueError(f"{name} is {value!r}, expected one of {list(known)}")


def slots(entities: tuple[int, int], max_entities: int | None, most: int) -> int:
    """Number of entity slots: as asked for, or as many as the largest scene has.

    Raises:
        TypeError: ``max_entities`` is no int.
        ValueError: It is too small for the scenes.
    """
    if max_entities is None:
        return entities[1]
    if not isinstance(max_entities, int) or isinstance(max_entities, bool):
        raise TypeError(f"max_entities is {max_entities!r}, expected an int")
    if not entities[1] <= max_entities <= 64:
        raise ValueError(
            f"max_entities is {max_entities}, but the scenes have up to {entities[1]} entities: "
            f"expected {entities[1]} to 64, or fewer n_entities (this concept takes up to {most})"
        )
    return max_entities
