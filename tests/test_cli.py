from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conceptgym.cli import full_id, main
from conceptgym.evaluation import demo_robot
from PIL import Image


def test_help_and_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        [],
        ["--help"],
        ["demo", "--help"],
        ["bench", "envs", "--help"],
        ["demos", "export", "--help"],
        ["train", "tiny", "--help"],
        ["evaluate", "energy", "--help"],
        ["show", "--help"],
    ):
        assert main(words) == 0
    assert main(["nonsense"]) == 2
    assert main(["envs", "--mode", "dream"]) == 2
    capsys.readouterr()
    assert main(["render", "ParticleSqare"]) == 2
    assert "did you mean conceptgym/ParticleSquare-v0" in capsys.readouterr().err
    assert main(["envs", "--family", "spacial"]) == 2
    assert "'spacial' is none of" in capsys.readouterr().err


def test_ids_may_be_short() -> None:
    for short in ("ParticleSquare", "ParticleSquare-v0", "conceptgym/ParticleSquare-v0"):
        assert full_id(short) == "conceptgym/ParticleSquare-v0"


def test_envs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["envs", "--family", "social", "--no-speed"]) == 0
    printed = capsys.readouterr().out
    for name in ("Help", "Hinder", "Avoid", "Guard"):
        assert f"conceptgym/Particle{name}-v0" in printed
    assert "Square" not in printed
    assert "held_out" in printed


def test_render(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    assert main(["render", "ParticleNear", "--out", str(path), "--size", "64"]) == 0
    with Image.open(path) as image:
        assert image.size == (64, 64)
        assert getattr(image, "n_frames") > 5  # noqa: B009  (equal frames at the end are merged)


def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (
        ("demo_robot.JOBS", (("near", "red"),)),
        ("demo.EIGHT", ("near", "square", "follow")),
        ("demo.INFERRED", (("near", "generate"), ("red", "identify"))),
    ):
        monkeypatch.setattr(f"conceptgym.evaluation.{name}", few)
    assert main(["demo", "--out", str(tmp_path), "--episodes", "10"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("100%") >= 5, printed
    assert len(list(tmp_path.glob("*.png"))) == 3 + 2 + 1
    assert len(list(tmp_path.glob("learned-*.gif"))) == 2
    assert (tmp_path / "demo.gif").stat().st_size > 10_000
    assert "near(red)" in printed and printed.count("3 of 3") >= 1
    with Image.open(tmp_path / "near-red-arm.gif") as image:
        assert image.size == (720, 320)


def test_films_side_by_side_end_with_their_ends() -> None:
    """One of 3 pictures that are high, one of 90 that are low: every third of these, and a second to look."""
    short = [np.full((8, 4, 3), index, np.uint8) for index in range(3)]
    long = [np.full((6, 4, 3), index, np.uint8) for index in range(90)]
    both = demo_robot.together([short, long])
    assert len(both) == 30 + 1 + 8 and all(frame.shape == (8, 8, 3) for frame in both)
    assert [frame[4, 7, 0] for frame in both] == [*range(0, 90, 3), *[89] * 9], "thinned, and to its end"
    assert [frame[4, 0, 0] for frame in both[:3]] == [0, 2, 2] and (both[0][[0, -1], 4:] == 255).all()


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pictures of both modes, and the shipped energy gets a simple concept right."""
    assert main(["show", "near", "--out", str(tmp_path), "--size", "80"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("100% of 5 scenes") == 2, printed
    for mode in ("generate", "identify"):
        with Image.open(tmp_path / f"near-{mode}.png") as sheet:
            assert sheet.size == (5 * 80 + 4 * 6, 2 * 80 + 6)
        with Image.open(tmp_path / f"near-{mode}.gif") as film:
            assert getattr(film, "n_frames") > 3  # noqa: B009
    assert main(["show", "nearby", "--out", str(tmp_path)]) == 2
    assert "did you mean 'near'" in capsys.readouterr().err
    assert main(["show", "near", "--weights", str(tmp_path / "none.safetensors")]) == 1
    assert "there is no file" in capsys.readouterr().err


def test_evaluate_energy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One table, quickly; what is measured is kept, and not measured again."""
    words = ["evaluate", "energy", "--scenes", "2", "--out", str(tmp_path), "--table", "formulas"]
    assert main(words) == 0
    first = capsys.readouterr().out
    assert "| near A or near B |" in first and "95% interval" in first
    kept = (tmp_path / "formulas.json").stat().st_mtime_ns
    assert main(words) == 0
    assert capsys.readouterr().out == first
    assert (tmp_path / "formulas.json").stat().st_mtime_ns == kept
    assert main([*words[:-1], "nonsense"]) == 2
    assert "no table ['nonsense']" in capsys.readouterr().err


def test_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "envs", "--seconds", "0.02", "--largest", "16"]) == 0
    printed = capsys.readouterr().out
    assert "NumPy" in printed
    assert "ParticleNear-v0 n_entities=4" in printed
