"""The report: every part from the right models, as an object, as JSON and as text."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

import scoring
from scoring import VERSIONS, score
from scoring.artifact import Artifact
from scoring.baselines import CeilingKind
from scoring.report import make_report
from scoring.report_text import report_text
from scoring.simulation import Population
from tests.support.artifacts import simulated_artifact

ARTIFACT = simulated_artifact(Population(n_examples=30, shift=0.5, test_ratio=0.9), 8)
LABELS = ARTIFACT.labels.forget


def report(artifact=ARTIFACT, **changes):
    return make_report(artifact, **{"version": scoring.SCORING_VERSION, "seed": 0} | changes)


def test_scores_are_of_the_submission_the_second_set_and_the_original():
    found = report()
    reference = ARTIFACT.reference.measurements(LABELS)
    expected = score(ARTIFACT.unlearned.measurements(LABELS), reference)
    assert found.submission.score.final_score == expected.final_score
    low, high = found.submission.uncertainty.final_score
    assert low < expected.final_score < high
    assert found.ceiling_kind is CeilingKind.SECOND_SET
    expected = score(ARTIFACT.ceiling.measurements(LABELS), reference)
    assert found.ceiling.score.final_score == expected.final_score
    assert found.floor.forgetting_quality == 0.0
    assert found.floor.retain_ratio == pytest.approx(
        ARTIFACT.original.retain_accuracies[0] / ARTIFACT.reference.retain_accuracies.mean()
    )
    assert found.mean_run_seconds == ARTIFACT.seconds.mean()
    assert found.provenance == ARTIFACT.provenance


def test_margins_are_of_the_set_they_name():
    moved = dataclasses.replace(ARTIFACT.unlearned, test_logits=ARTIFACT.unlearned.test_logits * 9)
    before, after = report().audits, report(dataclasses.replace(ARTIFACT, unlearned=moved)).audits
    assert before.margins_forget.mean == after.margins_forget.mean
    assert before.margins_retain.mean == after.margins_retain.mean
    assert before.margins_test.mean < after.margins_test.mean
    assert before.losses_reference.accuracy == after.losses_reference.accuracy
    assert before.losses_unlearned.accuracy != after.losses_unlearned.accuracy


def test_without_a_second_set_the_halves_of_the_references_are_the_ceiling():
    found = report(dataclasses.replace(ARTIFACT, ceiling=None, original=None))
    assert found.ceiling_kind is CeilingKind.SPLIT_HALVES
    assert found.ceiling.score.n_models == 4
    assert found.floor is None
    assert "split halves, N = 4" in report_text(found)
    assert found.ceiling_audits is None
    assert not any(flag.name == "score above the ceiling" for flag in found.flags)


def test_a_reference_half_that_is_never_right_makes_no_ceiling_and_no_error():
    seldom = np.array([0.5, *[0.0] * 7])
    reference = dataclasses.replace(ARTIFACT.reference, retain_accuracies=seldom)
    found = report(dataclasses.replace(ARTIFACT, ceiling=None, reference=reference))
    assert found.ceiling is None
    assert found.ceiling_by_n_models == ()
    assert [at.n_models for at in found.quality_by_n_models] == [4, 8]
    assert report_text(found)


def test_the_ceiling_has_the_same_audits():
    found = report()
    assert found.ceiling_audits.losses_reference.accuracy == found.audits.losses_reference.accuracy
    assert found.ceiling_audits.held_out.forgetting_quality > found.audits.held_out.forgetting_quality
    assert [at.n_models for at in found.ceiling_by_n_models] == [4, 8]


def test_another_version_scores_and_resamples_by_its_own_metric(monkeypatch):
    def doubled(unlearned, reference):
        official = score(unlearned, reference)
        return dataclasses.replace(
            official,
            final_score=2 * official.final_score,
            forgetting_quality=2 * official.forgetting_quality,
            qualities=2 * official.qualities,
        )

    monkeypatch.setitem(VERSIONS, "doubled-1", doubled)
    official, other = report(), report(version="doubled-1")
    assert other.scoring_version == "doubled-1"
    assert other.submission.score.final_score == 2 * official.submission.score.final_score
    assert np.ptp(other.submission.uncertainty.final_score) == pytest.approx(
        2 * np.ptp(official.submission.uncertainty.final_score)
    )
    assert other.ceiling.score.final_score == 2 * official.ceiling.score.final_score
    assert other.floor.final_score == 2 * official.floor.final_score
    assert other.quality_by_n_models[0].mean == 2 * official.quality_by_n_models[0].mean


def test_an_unknown_version_is_refused_with_the_known():
    with pytest.raises(ValueError, match=r"no scoring version 'x-9', only neurips2023-1"):
        report(version="x-9")


def test_two_models_are_refused():
    small = simulated_artifact(Population(n_examples=5), 2)
    with pytest.raises(ValueError, match="at least 3 models"):
        report(small)


def test_three_models_and_one_example_have_a_report():
    found = report(simulated_artifact(Population(n_examples=1), 3))
    assert found.ceiling.score.n_models == 3
    assert found.audits.losses_unlearned is None
    assert json.loads(found.to_json())["submission"]["score"]["n_models"] == 3
    assert report_text(found)


def test_json_holds_every_part_and_no_nan():
    found = report()
    plain = json.loads(found.to_json())
    assert set(plain) == {field.name for field in dataclasses.fields(found)}
    assert plain["submission"]["score"]["epsilons"] == found.submission.score.epsilons.tolist()
    assert plain["submission"]["uncertainty"]["final_score"] == {
        "low": found.submission.uncertainty.final_score.low,
        "high": found.submission.uncertainty.final_score.high,
    }
    assert plain["ceiling_kind"] == "second set"
    assert plain["audits"]["margins_test"]["mean"] == found.audits.margins_test.mean
    assert [flag["name"] for flag in plain["flags"]] == [flag.name for flag in found.flags]
    assert plain["provenance"]["sandboxes"] == ["bubblewrap"]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "scoring", *arguments], capture_output=True, text=True, check=False
    )


def test_the_command_prints_the_report_of_a_file(tmp_path):
    path = tmp_path / "one.safetensors"
    path.write_bytes(ARTIFACT.to_bytes())
    assert run(str(path)).stdout == report_text(report()) + "\n"
    assert run(str(path), "--json").stdout == report().to_json() + "\n"
    other = json.loads(run(str(path), "--json", "--seed", "1").stdout)
    assert other["submission"]["uncertainty"] != json.loads(report().to_json())["submission"]["uncertainty"]


def test_the_command_says_in_one_line_what_is_wrong(tmp_path):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(ARTIFACT.to_bytes()[:-7])
    for file, why in ((path, "but its header says"), (tmp_path / "none", "No such file or directory")):
        ended = run(str(file))
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"scoring: {file}: ")
        assert why in ended.stderr
        assert ended.stderr.count("\n") == 1
    unknown = run(str(path), "--version", "x-9")
    assert unknown.returncode == 2
    assert "invalid choice: 'x-9'" in unknown.stderr


def test_an_artifact_read_back_gives_the_same_report():
    assert report(Artifact.from_bytes(ARTIFACT.to_bytes())).to_json() == report().to_json()
