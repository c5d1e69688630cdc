"""From a training run to a model that is shipped, and the model that is."""

from __future__ import annotations

import subprocess
from dataclasses import asdict
from pathlib import Path

from .energy.training import Trainer
from .model import ConceptModel

WEIGHTS = Path(__file__).parent / "energy" / "weights" / "energy-v1.safetensors"
"""The shipped weights; the card lies beside them."""


def commit() -> str:
    """The commit of the working tree, "unknown" outside of one; "+" says that files had changed."""
    folder = str(Path(__file__).parent)
    try:
        name = subprocess.run(
            ["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "-C", folder, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+" if changed else "")


def release(trainer: Trainer) -> ConceptModel:
    """The model of a training run, with averaged parameters and a card that says where it comes from."""
    card = {
        "training": asdict(trainer.config),
        "steps": trainer.step,
        "commit": commit(),
        "data_seed": trainer.config.pool.seed,
        "parameters": sum(p.numel() for p in trainer.networks.parameters()),
    }
    return ConceptModel(trainer.shipped(), trainer.config.network, trainer.config.objective, card)


def load_pretrained(device: str = "cpu") -> ConceptModel:
    """The shipped model.

    Args:
        device: Where it goes, for instance "cuda".
    """
    return ConceptModel.load(WEIGHTS, device)
