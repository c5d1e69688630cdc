"""The concept model: what a small trained one can do, its interface, its files, and bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conceptgym.concepts import CATALOGUE, Event
from conceptgym.concepts.energy.inference import THRESHOLD
from conceptgym.concepts.energy.pool import padded
from conceptgym.concepts.energy.reading import resampled
from conceptgym.concepts.energy.storage import load_tensors, save_tensors
from conceptgym.concepts.event import concatenate
from conceptgym.concepts.model import ConceptModel, Search
from conceptgym.concepts.streams import streams_from
from conceptgym.concepts.task import Task
from conceptgym.evaluation.energy_baselines import baseline_cell
from conceptgym.evaluation.energy_cells import Protocol, concept_cell

QUICK = Protocol(sets=10, scenes=10)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The tiny preset, trained by the command; once for all workers."""
    root = tmp_path_factory.getbasetemp()
    folder = (root if worker_id == "master" else root.parent) / "tiny"
    done = folder / "energy.safetensors"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 500
        while not done.with_suffix(".json").exists():
            assert time.monotonic() < deadline, "the other worker did not finish training"
            time.sleep(0.2)
    else:
        command = [sys.executable, "-m", "conceptgym.cli", "train", "tiny", "--out", str(folder)]
        subprocess.run([*command, "--no-tensorboard"], check=True, capture_output=True, timeout=500)
    return done


@pytest.fixture(scope="session")
def model(weights: Path) -> ConceptModel:
    """The tiny model."""
    return ConceptModel.load(weights)


def scenes(name: str = "near", count: int = 6) -> Event:
    """Scenes to act in."""
    return Task(CATALOGUE[name]).scenes(streams_from(np.random.default_rng(7), count))[0]


@pytest.mark.parametrize(
    ("name", "mode"),
    (
        ("near", "generate"),
        ("at", "generate"),
        ("cluster", "generate"),
        ("near", "identify"),
        ("closest", "identify"),
    ),
)
def test_five_demonstrations_suffice_and_beat_chance_by_forty_points(
    model: ConceptModel, name: str, mode: str
) -> None:
    """The tiny preset, a minute of training: at least 65%, and 40 points above random."""
    score = concept_cell(model, CATALOGUE[name], mode, QUICK)
    chance = baseline_cell("random", CATALOGUE[name], mode, QUICK)
    assert score.rate >= max(0.65, chance.rate + 0.4), (score, chance)


def test_satisfied_events_have_less_energy_than_others(model: ConceptModel) -> None:
    near = CATALOGUE["near"]
    code = model.infer(near.demonstrations(5, seed=3, mode="generate"))
    satisfied = near.sample(np.random.default_rng(4), 200, None, "generate")
    start = satisfied.replace(positions=np.repeat(satisfied.positions[:, :1], 2, axis=1))
    low, high = model.energy(satisfied, code), model.energy(start, code)
    assert float((low[:, None] < high[None]).float().mean()) > 0.9, "the area under the ROC curve"
    assert float((low < THRESHOLD).float().mean()) > 0.6 and float((high > THRESHOLD).float().mean()) > 0.9


def test_the_residual_tells_demonstrations_of_two_concepts(model: ConceptModel) -> None:
    near = [CATALOGUE["near"].demonstrations(5, seed=s, n_entities=5, mode="generate") for s in range(8)]
    far = [CATALOGUE["far"].demonstrations(5, seed=s, n_entities=5, mode="generate") for s in range(8)]
    clean = [float(model.infer(one).residual[0]) for one in (*near, *far)]
    torn = [
        float(model.infer(concatenate([a[:3], b[:2]])).residual[0]) for a, b in zip(near, far, strict=True)
    ]
    assert np.median(torn) > np.median(clean)


def test_results_have_the_shape_of_what_was_asked(model: ConceptModel) -> None:
    code = model.infer(CATALOGUE["near"].demonstrations(5, mode="generate"))
    many = scenes()
    made, mask = model.generate(many, code), model.identify(many, code)
    assert made.positions.shape == many.positions.shape and mask.shape == many.attention.shape
    fixed = ~np.broadcast_to(many.movable[:, None, :, None], many.positions.shape)
    assert (made.positions[fixed] == many.positions[fixed]).all()
    assert (made.initial == many.initial).all() and not mask[~many.candidates].any()
    one = model.generate(many[0], code)
    assert one.positions.shape == many.positions.shape[1:]
    assert model.energy(many[0], code).shape == () and model.energy(many, code).shape == (6,)
    tensors = model.generate(many.map(torch.as_tensor), code)
    assert isinstance(tensors.positions, torch.Tensor)
    np.testing.assert_allclose(tensors.positions.numpy(), made.positions, atol=1e-5)


def test_a_batch_of_codes_goes_with_a_batch_of_scenes(model: ConceptModel) -> None:
    names = ("near", "far", "at")
    shown = [CATALOGUE[n].demonstrations(5, n_entities=5, mode="generate") for n in names]
    batch = Event(**{f: np.stack([getattr(e, f) for e in shown]) for f in vars(shown[0])})
    code = model.infer(batch)
    assert code.w_x.shape == (3, model.config.code) and code.residual.shape == (3, 2)
    alone = [model.infer(one) for one in shown]
    # Contrary events are drawn for the whole batch: codes agree but for that noise.
    gap = (code.w_x - torch.stack([c.w_x for c in alone])).norm(dim=1)
    apart = (alone[0].w_x - alone[1].w_x).norm()
    assert float(gap.max()) < 0.5 * float(apart)
    encoded = model.infer(batch, steps=0).w_x
    torch.testing.assert_close(encoded, torch.stack([model.infer(e, steps=0).w_x for e in shown]))
    with pytest.raises(ValueError, match="3 codes for 6 events"):
        model.energy(scenes(), code)


def test_same_seed_same_result(model: ConceptModel) -> None:
    code = model.infer(CATALOGUE["near"].demonstrations(5, mode="generate"))
    first, second = (
        model.generate(scenes(), code, generator=torch.Generator().manual_seed(s)).positions for s in (5, 5)
    )
    other = model.generate(scenes(), code, generator=torch.Generator().manual_seed(6)).positions
    assert (first == second).all() and (first != other).any()


def test_more_particles_find_less_energy_and_the_path_is_told(model: ConceptModel) -> None:
    code = model.infer(CATALOGUE["cluster"].demonstrations(5, mode="generate"))
    many = scenes("cluster", 20)
    few, more = (model.search(many, code, "generate", Search(5, p)) for p in (1, 16))
    assert float(more.energy.mean()) <= float(few.energy.mean())
    positions, masks = few.path
    assert positions.shape == (6, *many.positions.shape) and masks.shape == (6, *many.attention.shape)
    torch.testing.assert_close(positions[-1], few.positions)
    np.testing.assert_allclose(positions[0], many.positions, atol=1e-6)


def test_energies_of_formulas(model: ConceptModel) -> None:
    near = model.infer(CATALOGUE["near"].demonstrations(5, mode="generate"))
    far = model.infer(CATALOGUE["far"].demonstrations(5, mode="generate"))
    event = CATALOGUE["near"].sample(np.random.default_rng(0), 30, None, "generate")
    one, two = model.energy(event, near), model.energy(event, far)
    torch.testing.assert_close(model.energy(event, near & 2 * far), one + 2 * two)
    assert float(model.energy(event, near | far).mean()) < float(two.mean())
    assert float(model.energy(event, ~near).mean()) > float(model.energy(event, ~far).mean())
    mask = np.zeros_like(event.attention)
    assert (model.energy(event, near.about(mask)) != one).any()
    torch.testing.assert_close(model.energy(event, near.about(event.attention)), one)


def test_costs_leave_out_slots_that_nobody_has_and_energies_are_the_same(model: ConceptModel) -> None:
    scene = scenes()
    wide = padded(scene, scene.attention.shape[1] + 3)
    code, widths = model.infer(CATALOGUE["near"].demonstrations(5, 0)), []
    hook = model.networks.energy.register_forward_pre_hook(lambda _, given: widths.append(given[1].shape[2]))
    found = model.slope(wide.map(torch.as_tensor), code)
    hook.remove()
    assert widths == [int((scene.present > 0).any(0).sum())]
    np.testing.assert_allclose(found.detach().numpy(), model.energy(wide, code), rtol=1e-4, atol=1e-6)


def test_an_argument_may_be_a_concept(model: ConceptModel) -> None:
    """Near the closest one: whom to approach is picked out of the scene by another code."""
    does = model.infer(CATALOGUE["near"].demonstrations(5, mode="generate"))
    whom = model.infer(CATALOGUE["closest"].demonstrations(5))
    both = Task(CATALOGUE["near"], CATALOGUE["furthest"])
    scene = both.scenes(streams_from(np.random.default_rng(1), 40))[0]
    picked = CATALOGUE["closest"].part("identify").mask(scene)  # type: ignore[union-attr]
    made = model.generate(scene, does.about(whom))
    done = CATALOGUE["near"].satisfied(made.replace(attention=picked.astype(float)), "generate")
    assert done.mean() > 0.5


def test_trajectories_are_resampled_linearly() -> None:
    path = torch.tensor([0.0, 1.0, 4.0])[None, :, None, None].expand(1, 3, 2, 2)
    assert resampled(path, 4)[0, :, 0, 0].tolist() == [0.0, 0.5, 1.0, 2.5, 4.0]
    assert resampled(path, 2)[0, :, 0, 0].tolist() == [0.0, 1.0, 4.0]
    assert resampled(resampled(path, 8), 2)[0, :, 0, 0].tolist() == [0.0, 1.0, 4.0]


# --- files ---------------------------------------------------------------------------------------


def test_files_hold_the_model(model: ConceptModel, weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "energy.safetensors"
    model.save(path)
    again = ConceptModel.load(path)
    code = model.infer(CATALOGUE["near"].demonstrations(5))
    assert torch.equal(code.w_x, again.infer(CATALOGUE["near"].demonstrations(5)).w_x)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["energy.json", "energy.safetensors"]
    card = json.loads((tmp_path / "energy.json").read_text())
    assert {"commits", "data_seed", "training", "steps", "parameters", "network"} <= card.keys()
    assert card["steps"] == card["training"]["steps"]


def test_damaged_and_foreign_weights_are_refused(model: ConceptModel, tmp_path: Path) -> None:
    path = tmp_path / "energy.safetensors"
    model.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="no intact safetensors"):
        ConceptModel.load(path)
    save_tensors(path, {"weight": torch.zeros(2)}, {})
    with pytest.raises(ValueError, match="no concept energy of the format"):
        ConceptModel.load(path)
    path.write_bytes(whole)
    card = json.loads((tmp_path / "energy.json").read_text())
    for text in ("[]", "{"):
        (tmp_path / "energy.json").write_text(text)
        with pytest.raises(ValueError, match="is no JSON"):
            ConceptModel.load(path)
    (tmp_path / "energy.json").write_text(json.dumps({**card, "network": {**card["network"], "pair": 99}}))
    with pytest.raises(ValueError, match="disagrees with the weights about 'network'"):
        ConceptModel.load(path)
    (tmp_path / "energy.json").unlink()
    with pytest.raises(FileNotFoundError, match="no card"):
        ConceptModel.load(path)
    model.save(path)
    tensors, meta = load_tensors(path)
    save_tensors(path, {**tensors, "energy.own.bias": torch.zeros(1)}, meta)
    with pytest.raises(ValueError, match="do not have the shapes"):
        ConceptModel.load(path)


# --- bad input -----------------------------------------------------------------------------------


def test_bad_demonstrations(model: ConceptModel) -> None:
    shown = CATALOGUE["near"].demonstrations(5)
    with pytest.raises(ValueError, match="no demonstrations"):
        model.infer(shown[:0])
    with pytest.raises(ValueError, match=r"expected \(k, T\+1, N, 2\)"):
        model.infer(shown[0])
    with pytest.raises(ValueError, match="NaN"):
        model.infer(shown.replace(positions=np.full_like(shown.positions, np.nan)))
    pointing = CATALOGUE["near"].demonstrations(5, n_entities=7, mode="identify")
    still = pointing.replace(positions=np.repeat(pointing.positions, 2, axis=1))
    acting = CATALOGUE["near"].demonstrations(5, n_entities=7, mode="generate")
    with pytest.raises(ValueError, match="infer them apart"):
        model.infer(concatenate([acting, still]))
    with pytest.raises(ValueError, match="steps is -1"):
        model.infer(shown, steps=-1)
    with pytest.raises(TypeError):
        model.infer({"positions": 1})  # type: ignore[arg-type]


def test_bad_scenes(model: ConceptModel) -> None:
    code = model.infer(CATALOGUE["near"].demonstrations(5, mode="generate"))
    scene = scenes()
    with pytest.raises(ValueError, match="nothing is movable"):
        model.generate(scene.replace(movable=np.zeros_like(scene.movable)), code)
    with pytest.raises(ValueError, match="one state only"):
        model.generate(scene.replace(positions=scene.positions[:, :1]), code)
    with pytest.raises(ValueError, match="the mask has 3 entries"):
        model.generate(scene, code.about([1.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match="NaN"):
        model.energy(scene.replace(sizes=scene.sizes * np.nan), code)
    with pytest.raises(ValueError, match="mode is 'think'"):
        model.energy(scene, code, "think")
    for wrong in ({"steps": 0}, {"particles": 0}, {"spread": float("nan")}):
        with pytest.raises(ValueError, match="1 at least"):
            Search(**wrong)
    for mask in ([7.0] * 7, [float("nan")] * 7, [[[1.0]]]):
        with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
            code.about(mask)
    with pytest.raises(ValueError, match="3 masks for 6 events"):
        model.energy(scene, code.about(np.zeros((3, scene.attention.shape[1]))))
