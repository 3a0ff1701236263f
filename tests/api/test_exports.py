"""What organizers take home, and that a script of its own computes every score and the ranking from it."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from core import board, db, zip_stream
from core.competitions import find_phase, read_spec
from core.lifecycle import BoardRule
from core.models import Score, Submission, utc_now
from core.storage import storage
from scoring import score
from scoring.artifact import Artifact
from scoring.simulation import Population
from tests.support.api import PHASE, add_finished, on_both_databases
from tests.support.artifacts import simulated_artifact

SCRIPT = Path(__file__).parents[2] / "docs" / "leaderboards" / "recompute.py"
N_MODELS = 8


def _earned(artifact: Artifact) -> float:
    labels = artifact.labels.forget
    return score(artifact.unlearned.measurements(labels), artifact.reference.measurements(labels)).final_score


@pytest.fixture
def scored(client, competition, make_participant):
    """Three teams, five submissions with real artifacts: one of them disqualified, one a baseline."""
    made = {}
    for number, (name, user) in enumerate(
        [("near", "ann"), ("far", "ann"), ("middling", "=bob"), ("cheat", "cyd"), ("finetune", "olga")]
    ):
        artifact = simulated_artifact(
            Population(n_examples=6, shift=0.6 * (number % 3)), N_MODELS, seed=number
        )
        submission = add_finished(
            make_participant(user).user, "check", _earned(artifact), filename=f"../../{name}.PY"
        )
        source = f"# {name}\n".encode()
        with db.transaction() as session:
            stored = session.get_one(Submission, submission.id)
            stored.source_sha256 = storage().put(source)
            stored.disqualified_at = utc_now() if name == "cheat" else None
            stored.baseline_name = "fine-tuning" if name == "finetune" else None
            stored.selected_at = utc_now() if name == "far" else None
            row = session.scalars(select(Score).where(Score.submission_id == submission.id)).one()
            row.artifact_sha256 = storage().put(artifact.to_bytes())
        made[name] = submission
    return made


def _unpack(client, organizer, folder):
    response = client.get(f"{PHASE}/export.zip", headers=organizer.headers)
    assert response.status_code == 200
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
        return archive.namelist()


def _recompute(folder):
    return subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False)


@on_both_databases
def test_export_is_recomputed_to_the_same_scores_and_ranking(client, scored, olga, tmp_path):
    names = _unpack(client, olga, tmp_path)
    assert not any(".." in name or name.startswith("/") for name in names)
    assert read_spec(tmp_path / "competition" / "competition.yaml").slug == "faces"
    assert sum(name.startswith("sources/") and name.endswith(".py") for name in names) == 5
    assert sum(name.startswith("artifacts/") for name in names) == 5
    done = _recompute(tmp_path)
    assert (done.returncode, done.stdout) == (0, "5 submissions, 2 teams: 0 differences\n"), done
    assert done.stderr == ""


@pytest.mark.parametrize("rule", [BoardRule.LAST, BoardRule.SELECTED])
def test_export_is_recomputed_under_every_rule(client, scored, olga, tmp_path, rule):
    with db.transaction() as session:
        find_phase(session, "faces", "check").board_rule = rule
    _unpack(client, olga, tmp_path)
    assert _recompute(tmp_path).returncode == 0
    rows = json.loads((tmp_path / "leaderboard.json").read_text())["rows"]
    assert str(scored["far"].id) in {row["submission_id"] for row in rows}


def _change_score(folder):
    path = folder / "submissions.json"
    found = json.loads(path.read_text())
    found[0]["final_score"] += 1e-15
    path.write_text(json.dumps(found))


def _swap_ranks(folder):
    path = folder / "leaderboard.csv"
    header, first, second, *rest = path.read_text().splitlines()
    path.write_text("\n".join([header, second, first, *rest]))


def _flip_bit(folder):
    path = next((folder / "artifacts").iterdir())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", [_change_score, _swap_ranks, _flip_bit])
def test_recompute_tells_a_spoilt_export(client, scored, olga, tmp_path, spoil):
    _unpack(client, olga, tmp_path)
    spoil(tmp_path)
    done = _recompute(tmp_path)
    assert done.returncode == 1, done.stderr
    assert "0 differences" not in done.stdout


def _forge_artifact(folder):
    """Another score for a submission, from another artifact, and all of the export agrees."""
    path = folder / "submissions.json"
    found = json.loads(path.read_text())
    data = simulated_artifact(Population(n_examples=6, shift=0.7), N_MODELS, seed=99).to_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    forged = f"artifacts/{sha256}.safetensors"
    (folder / forged).write_bytes(data)
    cheat = next(one for one in found if one["disqualified_at"])  # it has no row on the board
    cheat |= {"artifact": forged, "artifact_sha256": sha256}
    cheat["final_score"] = _earned(Artifact.from_bytes(data))
    path.write_text(json.dumps(found))


def _rule_otherwise(folder):
    path = folder / "submissions.json"
    found = json.loads(path.read_text())
    next(one for one in found if one["disqualified_at"])["baseline_name"] = "nothing"
    path.write_text(json.dumps(found))


def _show_other_score(folder):
    path = folder / "leaderboard.csv"
    row = next(csv.DictReader(io.StringIO(path.read_text())))
    path.write_text(path.read_text().replace(row["final_score"], "0.77"))


def _publish(client, organizer):
    with db.transaction() as session:
        find_phase(session, "faces", "check").closes_at = utc_now()
    published = client.post(f"{PHASE}/results", headers=organizer.headers)
    assert published.status_code == 201
    return published.json()["results_sha256"]


@pytest.mark.parametrize("decimals", [None, 3])
def test_published_results_are_recomputed_though_teams_merged_since(client, scored, olga, tmp_path, decimals):
    with db.transaction() as session:
        find_phase(session, "faces", "check").score_decimals = decimals
    sha256 = _publish(client, olga)
    with db.transaction() as session:
        bobs = session.get_one(Submission, scored["middling"].id)
        bobs.team_id = session.get_one(Submission, scored["near"].id).team_id
    _unpack(client, olga, tmp_path)
    done = _recompute(tmp_path)
    assert done.stdout == f"published results: {sha256}\n5 submissions, 2 teams: 0 differences\n", done
    assert done.returncode == 0


@pytest.mark.parametrize("spoil", [_forge_artifact, _rule_otherwise, _show_other_score, _change_score])
def test_recompute_tells_an_export_that_is_not_what_was_published(client, scored, olga, tmp_path, spoil):
    _publish(client, olga)
    _unpack(client, olga, tmp_path)
    spoil(tmp_path)
    done = _recompute(tmp_path)
    assert done.returncode == 1, done.stderr
    assert "0 differences" not in done.stdout


def test_recompute_tells_published_scores_that_nobody_earned(client, scored, olga, tmp_path, monkeypatch):
    shown = board._shown
    monkeypatch.setattr(board, "_shown", lambda *one: replace(shown(*one), final_score=0.77))
    _publish(client, olga)
    monkeypatch.undo()
    _unpack(client, olga, tmp_path)
    done = _recompute(tmp_path)
    assert done.returncode == 1
    assert "has 0.77, not" in done.stdout


def test_tables_hold_every_submission_and_no_formula(client, scored, olga):
    response = client.get(f"{PHASE}/submissions.csv", headers=olga.headers)
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["team"] for row in rows] == ["ann", "ann", "'=bob", "cyd", "olga"]
    as_json = client.get(f"{PHASE}/submissions.json", headers=olga.headers).json()
    assert [float(row["final_score"]) for row in rows] == [row["final_score"] for row in as_json]
    assert response.headers["content-disposition"] == 'attachment; filename="faces-check-submissions.csv"'


def test_export_names_the_damaged_file_in_the_log_and_is_no_archive(client, scored, olga, home):
    with db.reading() as session:
        sha256 = session.get_one(Submission, scored["near"].id).source_sha256
    (home / "storage" / "sha256" / sha256[:2] / sha256).write_bytes(b"something else")
    response = client.get(f"{PHASE}/export.zip", headers=olga.headers)
    assert not zipfile.is_zipfile(io.BytesIO(response.content))


def test_zip_stream_holds_a_piece_at_a_time():
    piece = np.random.default_rng(0).bytes(2**20)
    content = zip_stream.Member(zipfile.ZipInfo("a"), (piece for _ in range(20)))
    seen = list(zip_stream.stream([content]))
    assert max(map(len, seen)) < 1.1 * len(piece)
    with zipfile.ZipFile(io.BytesIO(b"".join(seen))) as archive:
        assert archive.read("a") == 20 * piece
