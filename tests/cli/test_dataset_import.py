"""`lethe dataset import`: to a bundle from every layout, through a kill and a full disk, and with faults."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from faces import folder as folders
from faces.bundle import pack
from faces.importers.layouts import LAYOUTS
from faces.synthetic import SyntheticFaces, render
from tests.support import photographs

ROOT = Path(__file__).parent.parent.parent
FILES = ("manifest.json", "participant.safetensors", "secret.safetensors")


def run(layout: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["dataset", "import", layout, *map(str, arguments)])


def command(folder: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "cli", "dataset", "import", "csv", str(folder), str(out), "--n-forget", "9"]


def contents(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in FILES]


@pytest.fixture
def utkface(tmp_path: Path) -> Path:
    return photographs.utkface(tmp_path / "faces")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 1,200 photographs: 60, each under 20 names, of which one is broken."""
    folder = photographs.csv_table(tmp_path_factory.mktemp("many"))
    rows = ["path,age,person_id"]
    for i in range(1200):
        os.link(folder / f"photos/{i % 60}.png", folder / f"photos/copy{i}.png")
        rows.append(f"photos/copy{i}.png,{i % 100},{i // 4}")
    (folder / "photos/copy900.png").unlink()
    (folder / "photos/copy900.png").touch()
    (folder / "faces.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def undisturbed(many: Path) -> list[bytes]:
    out = many.parent / "undisturbed"
    assert run("csv", many, out, "--n-forget", 9).exit_code == 0
    return contents(out)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_becomes_a_bundle(tmp_path: Path, layout: str) -> None:
    folder = photographs.MAKERS[layout](tmp_path / "faces")
    ended = run(layout, folder, tmp_path / "out", "--n-forget", 3, "--licence", "CC BY 4.0")
    assert ended.exit_code == 0, ended.output
    bundle = folders.read(tmp_path / "out")
    assert sum(map(len, bundle.splits.values())) == 60
    assert bundle.is_labelled == (layout != "face-synthetics")
    assert bundle.manifest["licence"] == "CC BY 4.0"
    assert bundle.manifest["provenance"]["layout"] == layout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "out"]


def test_names_lie_beside_the_bundle_and_not_in_what_is_stored(tmp_path: Path) -> None:
    folder = photographs.casia_surf(tmp_path / "faces")
    assert run("casia-surf", folder, tmp_path / "out", "--n-forget", 3).exit_code == 0
    table = (tmp_path / "out" / "names.csv").read_text().splitlines()
    lines = [line.split(",") for line in table]
    bundle, files = folders.read_with_files(tmp_path / "out")
    image = int(bundle.test.image_id[0])
    assert lines[1 + image][0] == str(image)
    assert lines[1 + image][2:] == [f"CLKJ_AS{bundle.test.person_id[0]:04}", str(bundle.test.person_id[0])]
    assert f"/{lines[1 + image][2]}/real.rssdk/color/" in lines[1 + image][1]
    assert not any(b"real.rssdk" in content for content in files)


def test_options_decide_the_split(utkface: Path, tmp_path: Path) -> None:
    options = ("--n-forget", 4, "--draw", 1, "--seed", 7, "--split-by", "image", "--forget", "images")
    assert run("utkface", utkface, tmp_path / "out", *options).exit_code == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["split"] == {
        "by": "image",
        "forget": "images",
        "n_forget": 4,
        "draw": 1,
        "seed": 7,
        "order": "shuffled",
        "allow_shared_people": False,
        "train_share": 0.8,
        "val_share": 0.1,
        "test_share": 0.1,
    }


def test_challenge_splits_by_image_and_forgets_the_lowest_ids(tmp_path: Path) -> None:
    folder = photographs.casia_surf(tmp_path / "faces")
    assert run("casia-surf", folder, tmp_path / "out", "--challenge").exit_code == 0
    bundle = folders.read(tmp_path / "out")
    trained_on = np.union1d(bundle.retain.person_id, bundle.forget.person_id)
    assert np.unique(bundle.forget.person_id).tolist() == trained_on[:15].tolist()
    assert np.isin(bundle.test.person_id, trained_on).any()
    assert bundle.manifest["split"]["seed"] == 43


def test_crop_and_squeeze_differ(utkface: Path, tmp_path: Path) -> None:
    made = {}
    for option in ("--crop", "--squeeze"):
        assert run("utkface", utkface, tmp_path / option, option).exit_code == 0
        made[option] = folders.read(tmp_path / option)
    assert not np.array_equal(made["--crop"].val.images, made["--squeeze"].val.images)
    assert made["--crop"].manifest["provenance"]["resize"] == "crop"


def test_synthetic_is_what_a_phase_of_that_kind_draws(tmp_path: Path) -> None:
    numbers = ("--people", 8, "--n-forget", 2, "--val-people", 2, "--test-people", 3, "--seed", 5)
    assert run("synthetic", tmp_path / "out", *numbers).exit_code == 0
    drawn = pack(render(SyntheticFaces(8, 3, 2, 2, 3, seed=5)))
    assert contents(tmp_path / "out") == [drawn.manifest, drawn.participant, drawn.secret]
    ended = run("synthetic", tmp_path / "other", "--people", 2)
    assert ended.exit_code == 1
    assert "n_forget_people must be below" in ended.stderr


def test_faults_are_listed_and_the_bundle_is_made_without_them(utkface: Path, tmp_path: Path) -> None:
    for i in range(25):
        (utkface / f"{i:02}_1_2017.jpg").touch()
    (utkface / "9_1_\n\x1b[31m.jpg").touch()
    ended = run("utkface", utkface, tmp_path / "out", "--tolerate", 0.5)
    assert ended.exit_code == 0, ended.output
    assert "left out 26" in ended.stdout
    assert ended.stderr.count(": it") == 20
    assert "and 6 more; all faults are in" in ended.stderr
    lines = (tmp_path / "out.faults.txt").read_text().splitlines()
    assert len(lines) == 26
    assert all(line.isprintable() for line in lines)
    provenance = json.loads((tmp_path / "out" / "manifest.json").read_text())["provenance"]
    assert provenance["left_out"]["count"] == 26


def test_more_faults_than_tolerated_end_the_import_with_all_of_them_listed(
    utkface: Path, tmp_path: Path
) -> None:
    for path in list(utkface.iterdir())[:3]:
        photographs.truncated(path)
    ended = run("utkface", utkface, tmp_path / "out")
    assert ended.exit_code == 1
    assert "3 of 60 entries are at fault, a share of 5.00%; 1.00% is tolerated" in ended.stderr
    assert len((tmp_path / "out.faults.txt").read_text().splitlines()) == 3
    assert not (tmp_path / "out").exists()
    assert run("utkface", utkface, tmp_path / "out", "--tolerate", 0.05).exit_code == 0


def test_faults_of_an_earlier_import_do_not_stay(utkface: Path, tmp_path: Path) -> None:
    (tmp_path / "out.faults.txt").write_text("old")
    assert run("utkface", utkface, tmp_path / "out").exit_code == 0
    assert not (tmp_path / "out.faults.txt").exists()


def test_name_that_is_taken_is_refused_before_anything_is_read(utkface: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    ended = run("utkface", utkface, tmp_path / "out")
    assert ended.exit_code == 1
    assert "exists already" in ended.stderr
    assert not (tmp_path / "out.partial").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--licence", "\udcff"), "the licence must be one line of printable UTF-8"),
        (("--ages", 90, 10), "ages 90 10 is an empty range"),
        (("--challenge", "--forget", "images"), "--challenge forgets people"),
        (("--seed", 2**63), "--seed"),
    ],
)
def test_option_that_makes_no_sense_is_refused_before_anything_is_read(
    utkface: Path, tmp_path: Path, options: tuple[object, ...], words: str
) -> None:
    ended = run("utkface", utkface, tmp_path / "out", *options)
    assert ended.exit_code in (1, 2)
    assert words in ended.stderr
    assert list(tmp_path.iterdir()) == [utkface]


def test_missing_folder_of_the_bundle_is_refused_first(utkface: Path, tmp_path: Path) -> None:
    ended = run("utkface", utkface, tmp_path / "no" / "out")
    assert "make it first" in ended.stderr


def test_split_that_is_impossible_keeps_what_was_read(utkface: Path, tmp_path: Path) -> None:
    ended = run("utkface", utkface, tmp_path / "out", "--n-forget", 1000)
    assert ended.exit_code == 1
    assert "has 48" in ended.stderr
    assert (tmp_path / "out.partial").exists()


def test_person_in_train_and_test_of_the_source_is_an_error(tmp_path: Path) -> None:
    folder = photographs.csv_table(tmp_path / "faces")
    header, *rows = (folder / "faces.csv").read_text().splitlines()
    splits = ["train"] * 48 + ["val"] * 5 + ["test"] * 7
    (folder / "faces.csv").write_text(
        "\n".join([f"{header},split", *(f"{row},{split}" for row, split in zip(rows, splits, strict=True))])
    )
    assert run("csv", folder, tmp_path / "out", "--n-forget", 2).exit_code == 0
    ended = run("csv", folder, tmp_path / "dealt", "--n-forget", 2, "--challenge")
    assert "the source names its splits" in ended.stderr
    splits[0] = "test"
    (folder / "faces.csv").write_text(
        "\n".join([f"{header},split", *(f"{row},{split}" for row, split in zip(rows, splits, strict=True))])
    )
    ended = run("csv", folder, tmp_path / "other", "--n-forget", 2)
    assert ended.exit_code == 1
    assert "both in train and in test: 1 (person 29)" in ended.stderr
    assert run("csv", folder, tmp_path / "other", "--n-forget", 2, "--allow-shared-people").exit_code == 0


def test_killed_import_run_again_gives_the_same_bytes(
    many: Path, undisturbed: list[bytes], tmp_path: Path
) -> None:
    out, progress = tmp_path / "out", tmp_path / "out.partial" / "progress.jsonl"
    with subprocess.Popen(command(many, out), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (progress.exists() and progress.read_bytes().count(b"\n") >= 2):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert progress.read_bytes().count(b"\n") < 4
    assert run("csv", many, out, "--n-forget", 9).exit_code == 0
    assert contents(out) == undisturbed
    assert not (tmp_path / "out.partial").exists()


def test_full_disk_is_said_and_more_room_lets_the_import_go_on(
    many: Path, undisturbed: list[bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    limited = [
        "prlimit",
        f"--fsize={600 * 3072 + 100}",
        *command(many, out),
    ]  # the kernel takes no larger file
    ended = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "out.partial: File too large; what was read so far is kept" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "out.partial"]
    assert (tmp_path / "out.partial" / "progress.jsonl").read_bytes().count(b"\n") == 2
    assert run("csv", many, out, "--n-forget", 9).exit_code == 0
    assert contents(out) == undisturbed


def test_disk_that_fills_up_at_the_bundle_leaves_nothing_of_it(
    utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(folders, "_sync", full)
        ended = run("utkface", utkface, tmp_path / "out")
    assert ended.exit_code == 1
    assert "No space left on device" in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "out.partial"]
    assert run("utkface", utkface, tmp_path / "out").exit_code == 0
