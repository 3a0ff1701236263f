"""From competition.yaml to a phase that is ready, and every way in which the file can be wrong."""

from pathlib import Path

import pytest

from core import competitions, db, queue
from core.errors import InvalidCompetitionError, NotFoundError
from core.lifecycle import PhaseState
from core.models import Baseline, Phase, Shard, Work
from tests.support.competition import make_phase, numbers

pytestmark = pytest.mark.usefixtures("installation")

_VALID = """
version: 2
slug: demo
title: Demo
phases:
  - {slug: check, name: Check, n_models: 4, dataset: {kind: synthetic}}
"""


def test_read_spec_the_demo_is_valid() -> None:
    root = Path(competitions.__file__).parent.parent
    assert competitions.read_spec(root / "competitions" / "demo" / "competition.yaml").slug == "demo"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML"),
        ("[]", "file: "),
        (_VALID.replace("n_models: 4", "n_models: 2"), "phases.0.n_models"),
        (_VALID + _VALID.splitlines()[-1], "phases: .*two phases have the same slug"),
        (_VALID.replace("n_models", "models"), "phases.0.models"),
        (_VALID.replace("version: 2", "version: 1"), "version"),
        (_VALID.replace("slug: demo", "slug: Demo!"), "slug"),
        (_VALID.replace("name: Check", "name: Check, start: 2026-01-01"), "phases.0.start"),
    ],
)
def test_read_spec_wrong_file_names_the_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "competition.yaml"
    path.write_text(text)
    with pytest.raises(InvalidCompetitionError, match=message):
        competitions.read_spec(path)


def test_read_spec_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidCompetitionError, match="No such file"):
        competitions.read_spec(tmp_path / "no.yaml")


def test_create_enqueues_the_preparation(sent: list[queue.Message]) -> None:
    phase = make_phase(ready=False)
    assert [message.queue for message in sent] == [queue.RUNS_QUEUE]
    with db.reading() as session:
        shard = session.get_one(Shard, sent[0].shard_id)
        assert (shard.work, shard.phase_id) == (Work.PREPARATION, phase.id)


def test_create_same_slug_twice_raises() -> None:
    make_phase()
    with pytest.raises(InvalidCompetitionError, match="exists already"):
        make_phase()


def test_find_phase_unknown_raises() -> None:
    make_phase()
    with db.reading() as session:
        with pytest.raises(NotFoundError, match="no phase `final`"):
            competitions.find_phase(session, "demo", "final")
        with pytest.raises(NotFoundError, match="in a competition `other`"):
            competitions.find_phase(session, "other", "check")


def test_open_with_baselines_twice_stores_them_once() -> None:
    phase = make_phase(ready=False)
    for _ in range(2):
        with db.transaction() as session:
            both = [Baseline(phase_id=phase.id, name=name, **numbers(0.1)) for name in ("ceiling", "floor")]
            competitions.open_with_baselines(session, phase.id, both)
    with db.reading() as session:
        assert session.get_one(Phase, phase.id).state is PhaseState.READY
        assert session.query(Baseline).count() == 2
