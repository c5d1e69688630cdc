"""From a training run to a model that is shipped, and the model that is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from .energy.storage import read_card
from .energy.training import Trainer
from .model import ConceptModel

WEIGHTS = Path(__file__).parent / "energy" / "weights" / "energy-v3.safetensors"
"""The shipped weights; the card lies beside them."""


def release(trainer: Trainer) -> ConceptModel:
    """The model of a training run, with averaged parameters and a card that says where it comes from.

    A run that started from other weights has their card in its own.
    """
    card = {
        "training": asdict(trainer.config),
        "steps": trainer.step,
        "commits": trainer.commits,
        "data_seed": trainer.config.pool.seed,
        "parameters": sum(p.numel() for p in trainer.networks.parameters()),
    }
    start = trainer.config.start
    if start and Path(start).with_suffix(".json").is_file():
        card["started_from"] = read_card(Path(start).with_suffix(".json"))
    return ConceptModel(trainer.shipped(), trainer.config.network, trainer.config.objective, card)


def load_pretrained(device: str = "cpu") -> ConceptModel:
    """The shipped model.

    Args:
        device: Where it goes, for instance "cuda".
    """
    return ConceptModel.load(WEIGHTS, device)
