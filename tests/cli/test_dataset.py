"""`lethe dataset`: what it prints and writes, and what it says when something is wrong."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from cli.main import app
from faces import folder
from tests.support.bundles import make_bundle, unlabelled, write_bundle


def lethe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["dataset", *map(str, arguments)])


def test_inspect_prints_counts_and_warnings_and_writes_pictures(tmp_path: Path) -> None:
    bundle = make_bundle()
    bundle = replace(bundle, test=replace(bundle.test, person_id=bundle.test.image_id // 2 % 1500))
    path = write_bundle(bundle, tmp_path / "faces")
    sheet, histogram = tmp_path / "sheet.png", tmp_path / "histogram.png"
    ended = lethe("inspect", path, "--sheet", sheet, "--histogram", histogram)
    assert ended.exit_code == 0
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert ["retain", "60", "30", "2", "2", "2", *["6"] * 10] in lines
    assert ["test", "30", "15", "2", "2", "2", *["3"] * 10] in lines
    assert "warning: leakage: people both in train and in test: 15 (person 0, 1, 2, 3, 4, …)" in ended.stdout
    assert "warning: forget has 20 images" in ended.stdout
    for picture in (sheet, histogram):
        with Image.open(picture) as opened:
            assert opened.format == "PNG"


def test_inspect_unlabelled_bundle_says_so(tmp_path: Path) -> None:
    path = write_bundle(unlabelled(make_bundle()), tmp_path / "faces")
    ended = lethe("inspect", path)
    assert "unlabelled" in ended.stdout
    assert "g0" not in ended.stdout
    assert "there are no ages to draw" in lethe("inspect", path, "--histogram", tmp_path / "h.png").stderr


def test_inspect_damaged_bundle_says_which_part(tmp_path: Path) -> None:
    path = write_bundle(make_bundle(), tmp_path / "faces")
    (path / "secret.safetensors").write_bytes(b"")
    ended = lethe("inspect", path)
    assert ended.exit_code == 1
    assert "the secret part is not the one that the manifest was written for" in ended.stderr


def test_inspect_overwrites_no_picture(tmp_path: Path) -> None:
    path, sheet = write_bundle(make_bundle(), tmp_path / "faces"), tmp_path / "sheet.png"
    sheet.write_text("precious")
    assert "exists already; nothing is overwritten" in lethe("inspect", path, "--sheet", sheet).stderr
    assert sheet.read_text() == "precious"


def test_label_writes_a_labelled_bundle_with_its_model(tmp_path: Path) -> None:
    teacher = write_bundle(make_bundle(), tmp_path / "teacher")
    faces = write_bundle(unlabelled(make_bundle()), tmp_path / "faces")
    out = tmp_path / "out"
    ended = lethe("label", faces, teacher, out, "--epochs", 1, "--width", 2, "--seed", 7)
    assert ended.exit_code == 0
    assert f"of the test set of {teacher}" in ended.stdout
    assert "warning: that may be luck, chance is 10.0%" in ended.stdout
    labels = folder.read(out).labels
    assert (labels["model"]["seed"], labels["model"]["recipe"]["epochs"]) == (7, 1)
    assert json.loads((out / "manifest.json").read_text())["labels"]["kind"] == "model"
    assert (out / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("teacher", "teacher", "out"), "has age groups already"),
        (("faces", "faces", "out"), "cannot learn age groups from a bundle that has none"),
        (("faces", "teacher", "faces"), "faces exists already; nothing is overwritten"),
        (("no", "teacher", "out"), "no is no folder"),
    ],
)
def test_label_refused_says_why_and_writes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    write_bundle(make_bundle(), tmp_path / "teacher")
    write_bundle(unlabelled(make_bundle()), tmp_path / "faces")
    ended = lethe("label", *(tmp_path / name for name in arguments))
    assert ended.exit_code == 1
    assert words in ended.stderr
    assert "labelling" not in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "teacher"]


def test_commands_start_without_what_only_datasets_need() -> None:
    loaded = "import sys, cli.main; print({'torch', 'PIL', 'faces.importers', 'training'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
