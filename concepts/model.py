"""The concept model: infer codes from demonstrations, generate, identify, and read energies.

::

    model = conceptgym.load_pretrained()
    code = model.infer(demonstrations)  # five events are enough
    event = model.generate(scene, code)
    mask = model.identify(scene, code)
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .energy.codes import ConceptCode, Formula, leaves
from .energy.inference import code_step, contraries_of
from .energy.learner import Networks, Objective
from .energy.network import NetworkConfig
from .energy.reading import checked, first_state, flat, joined, read, written
from .energy.scene import Example
from .energy.search import FormulaEnergy, Found, Search, descent, first_particles
from .energy.storage import load_tensors, read_card, save_tensors, updates_of
from .event import Event
from .files import written_atomically

FORMAT = "conceptgym-energy-1"

_REFINED = 0.1
"""Share of the learned step sizes where the optimisation of codes starts at the encoder's.

Whole steps follow the noise of five demonstrations and lead away from what the encoder knows of all.
"""

DEFAULT = Search()
"""The search, unless told otherwise."""


class ConceptModel:
    """A trained energy with all that uses it; on CPU or GPU, in float32."""

    def __init__(
        self, networks: Networks, config: NetworkConfig, objective: Objective, card: dict[str, object]
    ) -> None:
        """Wraps trained networks.

        Args:
            networks: The networks.
            config: Their sizes.
            objective: What they were trained with; says how many steps were unrolled.
            card: Where they come from, and how well they do.
        """
        self.networks = networks.eval().requires_grad_(False)
        self.config, self.objective, self.card = config, objective, card

    @property
    def training_steps(self) -> int:
        """Updates of the training and of those it started from; 0 where the cards do not say."""
        return updates_of(self.card)

    @property
    def digest(self) -> str:
        """Hash of all parameters, 16 hexadecimal digits."""
        told = hashlib.sha256()
        for name, tensor in sorted(self.networks.state_dict().items()):
            told.update(name.encode() + tensor.cpu().numpy().tobytes())
        return told.hexdigest()[:16]

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.networks.parameters()).device

    def to(self, device: str | torch.device) -> ConceptModel:
        """Moves the model to a device, in place, and returns it."""
        self.networks.to(device)
        return self

    # --- inference -------------------------------------------------------------------------------

    def infer(
        self,
        demonstrations: Event,
        *,
        steps: int | None = None,
        encoder: bool | None = None,
        generator: torch.Generator | None = None,
    ) -> ConceptCode:
        """Infers the codes of action and argument from demonstrations, by descent on their loss.

        Args:
            demonstrations: k events that satisfy the concept, positions (k, T+1, N, 2), or those of
                B concepts, (B, k, T+1, N, 2). Any number k >= 1; five are usual.
            steps: Steps of the optimisation; by default as many as in training.
            encoder: Whether it starts at the encoder's guess, or at a point learned for all concepts;
                by default as in training.
            generator: Randomness of the contrary events; by default seeded with 0.

        Raises:
            ValueError: No demonstrations, NaN, or arrays that do not fit together; or demonstrations
                to act and demonstrations to point in one batch, which are to be inferred apart.
            TypeError: Not an event.
        """
        if steps is not None and steps < 0:
            raise ValueError(f"steps is {steps}, expected 0 or more")
        many = demonstrations.positions.ndim == 5 if isinstance(demonstrations, Event) else False
        example, k = self._demonstrations(demonstrations, many)
        draw = self._generator(generator)
        wanted = self.objective.code_steps if steps is None else steps
        acts = example.scene.movable.any(1)
        moving = bool(acts.any())
        if moving and not bool(acts.all()):
            raise ValueError("some demonstrations move somebody, others do not: infer them apart")
        # Where nobody moves, one code serves both; where the views are alike, they share a batch.
        views = [(example, 0.0), (first_state(example), 1.0)] if moving else [(example.recognised(), 1.0)]
        if moving and example.positions.shape[1] == 2:
            views = [(joined(views[0][0], views[1][0]), 0.5)]
        starts = self.objective.encoder if encoder is None else encoder
        found = [self._infer(view, k, flag, wanted, starts, draw) for view, flag in views]
        codes, energies = (torch.cat(parts) for parts in zip(*found, strict=True))
        count = len(example.attention) // k
        w_x, w_a = codes[:count], codes[-count:]
        code = ConceptCode(w_x, w_a, torch.stack([energies[:count], energies[-count:]], dim=-1))
        return code if many else replace(code, w_x=w_x[0], w_a=w_a[0], residual=code.residual[0])

    def _demonstrations(self, demonstrations: Event, many: bool) -> tuple[Example, int]:
        event = checked(demonstrations)
        if event.positions.ndim not in (4, 5):
            raise ValueError(
                f"demonstrations have positions of shape {tuple(event.positions.shape)}, expected "
                "(k, T+1, N, 2), or (B, k, T+1, N, 2) for B concepts"
            )
        k = event.positions.shape[1 if many else 0]
        if k < 1 or len(event.positions) < 1:
            raise ValueError("there are no demonstrations: give one event at least; five are usual")
        flat = event.map(lambda a: a.reshape(-1, *a.shape[2:])) if many else event
        return read(flat, self.device), k

    def _infer(
        self,
        view: Example,
        k: int,
        recognise: float,
        steps: int,
        encoder: bool,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Codes and mean energies of k demonstrations each; half recognised means the second half."""
        networks, rows = self.networks, len(view.attention)
        weights = torch.ones(rows // k, k, device=self.device)
        code = networks.code_steps.start.expand(len(weights), -1)
        if encoder:
            raw = networks.encoder(view, weights)
            code = networks.encoder.normalised(raw, view.positions.shape[1] > 2)
        flags = (torch.arange(rows, device=self.device) >= (1 - recognise) * rows).float()
        for index in range(steps):
            contraries = contraries_of(view, flags, generator)
            size = networks.code_steps.at(index) * (_REFINED if encoder else 1.0)
            code = code_step(networks.energy, size, view, contraries, weights, code, unrolled=False)
        with torch.no_grad():
            each = code.repeat_interleave(k, dim=0)
            energies = networks.energy(view.scene, view.positions, view.attention, each)
        return code.detach(), energies.reshape(len(weights), k).mean(1)

    # --- energies --------------------------------------------------------------------------------

    def energy(self, event: Event, code: Formula, mode: str = "generate") -> Float[Tensor, "*batch"]:
        """Energies of events, (...,) >= 0: below 0.1 the model holds the concept to be satisfied.

        Args:
            event: Events, NumPy or torch, with any batch dimensions.
            code: A code or a formula of codes; codes of B concepts go with a batch of B events.
            mode: "generate" reads the event as enacted (w_x), "identify" as recognised (w_a).

        Raises:
            ValueError: Arrays that do not fit together, NaN, or an unknown mode.
        """
        given = checked(event)
        batch = given.attention.shape[:-1]
        example = read(flat(given), self.device)
        example = self._viewed(example, mode)
        with torch.no_grad():
            return self._formula_energy(code, example, mode, None)(*example).reshape(batch)

    def slope(self, event: Event, code: Formula, mode: str = "generate") -> Float[Tensor, " b"]:
        """Energies of torch events, (B,), which can be differentiated by their positions; nothing is checked.

        What planners and other optimisers call; ``energy`` is for everybody else.

        Args:
            event: Events in torch, positions (B, T+1, N, 2), on the model's device.
            code: A code or a formula of codes.
            mode: "generate" or "identify".
        """
        example = self._viewed(read(event, self.device), mode)
        return replace(self._formula_energy(code, example, mode, None), trims=True)(*example)

    def _viewed(self, example: Example, mode: str) -> Example:
        if mode not in ("generate", "identify"):
            raise ValueError(f"mode is {mode!r}, expected 'generate' or 'identify'")
        return example if mode == "generate" else example.recognised()

    def _formula_energy(
        self, formula: Formula, example: Example, mode: str, generator: torch.Generator | None
    ) -> FormulaEnergy:
        """The energy of a formula in these scenes; arguments that are concepts are identified first.

        With a generator, so is whom a code is about in the scenes to act in where nobody is attended.
        """
        width, batch = example.attention.shape[1], len(example.attention)
        codes, targets = [], []
        for leaf in leaves(formula):
            vector = (leaf.w_x if mode == "generate" else leaf.w_a).to(self.device)
            if vector.ndim == 2 and len(vector) not in (1, batch):
                raise ValueError(f"there are {len(vector)} codes for {batch} events: give one, or one each")
            codes.append(vector.expand(batch, -1))
            targets.append(self._target(leaf, example, width, generator or self._generator(None)))
            if leaf.target is None and mode == "generate" and generator is not None:
                targets[-1] = self._whom(leaf, example, generator)
        return FormulaEnergy(self.networks, formula, mode, codes, targets)

    def _whom(self, leaf: ConceptCode, example: Example, generator: torch.Generator) -> Tensor | None:
        """The attention, where there is none whom the code itself points out; None if it is all said."""
        empty = example.attention.sum(1) == 0
        if not bool(empty.any()):
            return None
        found = self._search(first_state(example), leaf, "identify", DEFAULT, generator)
        return torch.where(empty[:, None], (found.attention > 0.5).float(), example.attention)

    def _target(
        self, leaf: ConceptCode, example: Example, width: int, generator: torch.Generator
    ) -> Tensor | None:
        if leaf.target is None:
            return None
        if isinstance(leaf.target, Tensor):
            if leaf.target.shape[-1] != width:
                raise ValueError(
                    f"the mask has {leaf.target.shape[-1]} entries, but the scene has {width} entities"
                )
            if leaf.target.ndim == 2 and len(leaf.target) not in (1, len(example.attention)):
                raise ValueError(f"there are {len(leaf.target)} masks for {len(example.attention)} events")
            return leaf.target.to(self.device).expand(len(example.attention), -1)
        first = first_state(example)
        found = self._search(first, leaf.target, "identify", DEFAULT, generator)
        return (found.attention > 0.5).float()

    # --- search ----------------------------------------------------------------------------------

    def generate(
        self,
        scene: Event,
        code: Formula,
        *,
        search: Search = DEFAULT,
        generator: torch.Generator | None = None,
    ) -> Event:
        """Moves the movable entities so that the concept is satisfied.

        Args:
            scene: Scenes, positions (B, T+1, N, 2) or (T+1, N, 2): as they run if nobody does
                anything. Where nobody is attended, the argument (w_a) is identified first.
            code: A code or formula.
            search: Steps and particles.
            generator: Source of all randomness; by default seeded with 0.

        Returns:
            The scenes with new positions of what may move, from state 1 on; of the scene's kind.

        Raises:
            ValueError: Nothing may move, there is a single state only, or the arrays do not fit together.
        """
        event = checked(scene)
        if event.positions.shape[-3] < 2:
            raise ValueError("the scene has one state only: repeat it, as generation changes the later ones")
        if not bool(event.movable.any(-1).all()):
            raise ValueError("in a scene nothing is movable: mark what generation may move")
        found = self.search(event, code, "generate", search, generator)
        return written(event, found.positions)

    def identify(
        self,
        scene: Event,
        code: Formula,
        *,
        search: Search = DEFAULT,
        generator: torch.Generator | None = None,
    ) -> Bool[np.ndarray, "*batch n"]:
        """Finds the entities that the concept is about, (B, N) or (N,) bool, from all candidates.

        Args:
            scene: Scenes, positions (B, T+1, N, 2) or (T+1, N, 2); their attention is not looked at.
            code: A code or formula.
            search: Steps and particles.
            generator: Source of all randomness; by default seeded with 0.

        Raises:
            ValueError: The arrays do not fit together, or hold NaN.
        """
        event = checked(scene)
        mask = self.search(event, code, "identify", search, generator).attention > 0.5
        return mask.cpu().numpy().reshape(event.attention.shape)

    def search(
        self,
        scene: Event,
        code: Formula,
        mode: str,
        search: Search = DEFAULT,
        generator: torch.Generator | None = None,
    ) -> Found:
        """What ``generate`` and ``identify`` do, with energies and the path of the best particle.

        Raises:
            ValueError: As for those.
        """
        event = checked(scene)
        example = self._viewed(read(flat(event), self.device), mode)
        return self._search(example, code, mode, search, self._generator(generator))

    def _search(
        self, example: Example, formula: Formula, mode: str, search: Search, generator: torch.Generator
    ) -> Found:
        energy = self._formula_energy(formula, example, mode, generator).repeated(search.particles)
        batch = len(example.attention)
        unknowns, scene = first_particles(example, mode, search, generator)
        path = descent(energy, self.networks.steps, scene, unknowns, search, generator)
        unknowns = path[-1]
        with torch.no_grad():
            attention = unknowns.attention(scene)
            rounded = attention if mode == "generate" else (attention > 0.5).float()
            values = energy(scene, unknowns.positions, rounded)
        values = torch.nan_to_num(values, nan=torch.inf).reshape(search.particles, batch)
        best = values.argmin(0) * batch + torch.arange(batch, device=self.device)
        positions = torch.stack([one.positions[best] for one in path])
        masks = torch.stack([one.attention(scene)[best] for one in path])
        return Found(positions[-1], masks[-1], values.amin(0), (positions, masks))

    def _generator(self, generator: torch.Generator | None) -> torch.Generator:
        return generator or torch.Generator(self.device).manual_seed(0)

    # --- files -----------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Writes the weights to ``path`` and the card beside it, with the suffix ``.json``, atomically."""
        target = Path(path)
        meta = {"format": FORMAT, "network": json.dumps(asdict(self.config))}
        meta["objective"] = json.dumps(asdict(self.objective))
        save_tensors(target, dict(self.networks.state_dict()), meta)
        card = {
            **self.card,
            "format": FORMAT,
            "network": asdict(self.config),
            "objective": asdict(self.objective),
        }
        with written_atomically(target.with_suffix(".json")) as temporary:
            Path(temporary).write_text(json.dumps(card, indent=2) + "\n")

    @staticmethod
    def load(path: str | Path, device: str = "cpu") -> ConceptModel:
        """Reads what ``save`` wrote.

        Raises:
            FileNotFoundError: No weights, or no card beside them.
            ValueError: Weights that are damaged or of another format, or a card that does not fit them.
        """
        target = Path(path)
        weights, meta = load_tensors(target)
        if meta.get("format") != FORMAT:
            raise ValueError(f"{target} holds no concept energy of the format {FORMAT!r}")
        card_path = target.with_suffix(".json")
        if not card_path.is_file():
            raise FileNotFoundError(f"there is no card {card_path} beside the weights")
        card = read_card(card_path)
        for part in ("network", "objective"):
            if part not in meta or card.get(part) != json.loads(meta[part]):
                raise ValueError(f"the card {card_path} disagrees with the weights about {part!r}")
        config, objective = NetworkConfig(**card["network"]), Objective(**card["objective"])
        with torch.random.fork_rng():
            networks = Networks(config, objective)
        expected = {name: value.shape for name, value in networks.state_dict().items()}
        if {name: value.shape for name, value in weights.items()} != expected:
            raise ValueError(f"the tensors in {target} do not have the shapes that its card states")
        networks.load_state_dict(weights)
        return ConceptModel(networks, config, objective, card).to(device)


__all__ = ["ConceptCode", "ConceptModel", "Found", "Search"]
