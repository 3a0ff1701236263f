"""A phase over a bundle folder: what `lethe create-competition` stores, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from cli.main import app
from core import db, queue
from core.models import AuditEvent, Competition, Phase
from core.storage import storage
from faces.bundle import unpack
from faces.folder import read_with_files
from tests.support.bundles import make_bundle, unlabelled, write_bundle


def create(folder: Path, *datasets: dict[str, Any], **plan: Any) -> Result:
    """Run `lethe create-competition` on a file in `folder` with a phase for each dataset."""
    phases = [
        {"slug": f"phase-{index}", "name": "Phase", "n_models": 3, "dataset": dataset, **plan}
        for index, dataset in enumerate(datasets)
    ]
    path = folder / "competition.yaml"
    path.write_text(yaml.safe_dump({"version": 2, "slug": "demo", "title": "Demo", "phases": phases}))
    return CliRunner().invoke(app, ["create-competition", str(path)])


def test_bundle_beside_the_file_is_stored_and_named_by_its_hashes(
    home: Path, sent: list[queue.Message], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    bundle = make_bundle()
    path = write_bundle(bundle, tmp_path / "data" / "faces")
    ended = create(tmp_path, {"kind": "bundle", "path": "data/faces"}, {"kind": "synthetic"})
    assert ended.exit_code == 0, ended.stderr
    with db.reading() as session:
        written = session.execute(select(AuditEvent.action, AuditEvent.actor_id, AuditEvent.target)).one()
        assert written == ("competition.create", None, "demo")
        over_bundle, synthetic = session.scalars(select(Phase.dataset).order_by(Phase.position))
    assert synthetic == {"kind": "synthetic"}
    assert set(over_bundle) == {"kind", "participant", "secret", "manifest"}
    parts = [storage().get(over_bundle[part]) for part in ("participant", "secret", "manifest")]
    assert tuple(parts) == tuple(read_with_files(path).files)
    assert len(unpack(*parts).test) == len(bundle.test)


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"path": "missing"}, "missing/participant.safetensors cannot be read: No such file or directory"),
        ({"path": "plain"}, "unlabelled; `lethe dataset label` gives it age groups"),
        ({"path": "damaged"}, "the participant part is not the one that the manifest was written for"),
        ({}, "it has either a path, or participant, secret, manifest"),
        ({"path": "faces", "people": 3}, "there is no such key"),
        ({"path": 3}, "dataset.path: Input should be a valid string"),
    ],
)
def test_bundle_that_a_phase_cannot_use_is_refused_by_name(
    home: Path, tmp_path: Path, dataset: dict[str, Any], words: str
) -> None:
    write_bundle(unlabelled(make_bundle()), tmp_path / "plain")
    damaged = write_bundle(make_bundle(), tmp_path / "damaged")
    (damaged / "participant.safetensors").write_bytes(b"")
    write_bundle(make_bundle(), tmp_path / "faces")
    ended = create(tmp_path, {"kind": "synthetic"}, {"kind": "bundle", **dataset})
    assert ended.exit_code == 1
    assert "phases.1.dataset" in ended.stderr
    assert words in ended.stderr
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Competition)) == 0


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"recipe": {"epoch": 1}}, "phases.0.recipe.epoch: there is no such key"),
        ({"architecture": {"n_classes": 5}}, "phases.0.architecture.n_classes: Input should be greater"),
        ({"architecture": {"width": 0}}, "phases.0.architecture.width: Input should be greater"),
    ],
)
def test_plan_that_can_never_be_prepared_creates_nothing(
    home: Path, tmp_path: Path, plan: dict[str, Any], words: str
) -> None:
    ended = create(tmp_path, {"kind": "synthetic"}, **plan)
    assert ended.exit_code == 1
    assert words in ended.stderr
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Competition)) == 0
