"""Files of tensors: safetensors, written atomically, with text beside the tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..files import written_atomically


def save_tensors(path: Path, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
    """Writes a file in one go: whoever reads finds the old one or the new one, complete."""
    kept = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with written_atomically(path) as temporary:
        save_file(kept, temporary, metadata=meta)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Reads the tensors and the text of a file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is truncated, or no safetensors file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            return {name: torch.as_tensor(file.get_tensor(name)) for name in file.keys()}, meta
    except SafetensorError as error:
        raise ValueError(f"{path} is no intact safetensors file: {error}") from error


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser, by parameter and name."""
    state = optimiser.state_dict()["state"]
    return {f"optimiser/{index}/{name}": value for index, own in state.items() for name, value in own.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Gives an optimiser the state that ``optimiser_tensors`` told."""
    state: dict[int, dict[str, Tensor]] = {}
    for path, value in tensors.items():
        group, _, name = path.partition("/")
        if group == "optimiser":
            index, _, key = name.partition("/")
            state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def start_weights(own: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Networks' weights from a file; where it has fewer code steps, the last one's sizes go on.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds other networks.
    """
    given = load_tensors(path)[0]
    if own.keys() != given.keys():
        raise ValueError(f"{path} holds no networks of this kind")
    for name, value in given.items():
        steps = name == "code_steps.size" and value.shape[1:] == own[name].shape[1:]
        if value.shape != own[name].shape and not steps:
            raise ValueError(f"in {path}, {name} is {tuple(value.shape)}, not {tuple(own[name].shape)}")
        count = min(len(value), len(own[name])) if value.ndim else 0
        own[name] = value.clone() if not steps else own[name].clone()
        if steps:
            own[name][:count] = value[:count]
            own[name][count:] = value[-1]
    return own


def updates_of(card: object) -> int:
    """Updates that a card tells of, with those of the weights that its training started from."""
    if not isinstance(card, dict):
        return 0
    training = card.get("training", {})
    own = int(training.get("steps", 0)) if isinstance(training, dict) else 0
    return own + updates_of(card.get("started_from"))


def read_card(path: Path) -> dict[str, Any]:
    """Reads a card.

    Raises:
        ValueError: It is no JSON object.
    """
    try:
        card = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"the card {path} is no JSON: {error}") from error
    if not isinstance(card, dict):
        raise ValueError(f"the card {path} is no JSON object")
    return card
