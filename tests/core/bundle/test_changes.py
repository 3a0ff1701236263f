"""What may change in a competition that runs, and what is refused: all of it or nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, func, select, update

from core import accounts, competitions, db, queue, teams
from core.bundle import applying, columns
from core.bundle.changes import Changes
from core.bundle.spec import CompetitionSpec
from core.errors import ChangesRefusedError, DeletionRefusedError, NotFoundError, OutdatedChangesError
from core.lifecycle import PhaseState
from core.models import AuditEvent, Competition, Participant, Phase, Shard, Submission, User, Work
from tests.support.competition import make_submission

pytestmark = pytest.mark.usefixtures("installation")

_PHASE = {"name": "Phase", "n_models": 4, "dataset": {"kind": "synthetic"}}


@pytest.fixture
def olga(sent: list[queue.Message]) -> User:
    with db.transaction() as session:
        return accounts.create_user(session, "olga", admin=True).user


def _spec(**changes: Any) -> CompetitionSpec:
    phases = [{"slug": slug, **_PHASE} for slug in ("check", "final")]
    said = {"version": 2, "slug": "demo", "title": "Demo", "phases": phases, **changes}
    return CompetitionSpec.model_validate(said)


def _check(**changes: Any) -> CompetitionSpec:
    return _spec(phases=[{"slug": "check", **_PHASE, **changes}, {"slug": "final", **_PHASE}])


def _make(olga: User, spec: CompetitionSpec | None = None) -> Competition:
    with db.transaction() as session:
        competition = applying.create(session, spec or _spec(), olga)
        for phase in competition.phases:
            phase.state = PhaseState.READY
    return competition


def _preview(wanted: CompetitionSpec) -> Changes:
    with db.reading() as session:
        return applying.preview(session, "demo", wanted)


def _apply(competition: Competition, wanted: CompetitionSpec, olga: User, *, digest: str = "") -> None:
    digest = digest or _preview(wanted).digest
    with db.transaction() as session:
        applying.apply(session, competition.id, wanted, digest=digest, actor=olga)


def _audited() -> Select[AuditEvent]:
    ours = select(AuditEvent).where(AuditEvent.action.startswith("competition."))
    return ours.order_by(AuditEvent.at)


def _stored() -> CompetitionSpec:
    with db.reading() as session:
        return columns.spec_of(competitions.find_competition(session, "demo"))


def test_create_makes_the_creator_an_organizer_and_is_written_down(olga: User) -> None:
    competition = _make(olga)
    with db.reading() as session:
        event = session.scalars(_audited()).one()
        assert (event.action, event.actor_name, event.target) == ("competition.create", "olga", "demo")
        assert event.competition_id == competition.id


def test_same_definition_changes_nothing(olga: User) -> None:
    competition = _make(olga)
    assert _preview(_spec()).changes == []
    _apply(competition, _spec(), olga)
    with db.reading() as session:
        assert [event.action for event in session.scalars(_audited())] == ["competition.create"]


def test_preparation_that_completed_the_plan_is_no_change(olga: User) -> None:
    wanted = _check(architecture={"width": 16}, recipe={"epochs": 1})
    competition = _make(olga, wanted)
    with db.transaction() as session:
        session.execute(update(Phase).values(architecture={"width": 16, "n_classes": 10}, recipe={"a": 1}))
    assert _preview(wanted).changes == []
    _apply(competition, wanted.model_copy(update={"title": "New"}), olga)
    with db.reading() as session:
        assert session.scalars(select(Phase.architecture)).first() == {"width": 16, "n_classes": 10}


def test_changes_are_made_and_written_down(olga: User) -> None:
    competition = _make(olga)
    make_submission(competition.phases[0])
    wanted = _check(end="2100-01-01T00:00:00Z", quotas={"per_day": 3}, limits={"memory_bytes": 2**30})
    wanted = wanted.model_copy(update={"title": "Better", "terms": "Be fair."})
    changes = _preview(wanted)
    assert [change.path for change in changes.changes] == [
        "title",
        "terms",
        "phases.check.end",
        "phases.check.limits.memory_bytes",
        "phases.check.quotas.per_day",
    ]
    assert not changes.refused
    _apply(competition, wanted, olga)
    assert _stored() == wanted
    with db.reading() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "competition.change")).one()
    assert event.before["phases.check.quotas.per_day"] is None
    assert event.after["phases.check.quotas.per_day"] == 3
    assert event.after["title"] == "Better"


def test_changes_other_than_shown_are_not_made(olga: User) -> None:
    competition = _make(olga)
    shown = _preview(_spec(title="Mine")).digest
    _apply(competition, _spec(title="Theirs"), olga)
    with pytest.raises(OutdatedChangesError):
        _apply(competition, _spec(title="Mine"), olga, digest=shown)
    assert _stored().title == "Theirs"


def test_phase_that_is_added_is_prepared_and_one_without_submissions_may_go(
    olga: User, sent: list[queue.Message]
) -> None:
    competition = _make(olga)
    phases = [{"slug": "check", **_PHASE}, {"slug": "feedback", **_PHASE}]
    sent.clear()
    _apply(competition, _spec(phases=phases), olga)
    with db.reading() as session:
        found = competitions.find_competition(session, "demo").phases
        assert [(phase.slug, phase.state) for phase in found] == [
            ("check", PhaseState.READY),
            ("feedback", PhaseState.PREPARING),
        ]
        (message,) = sent
        shard = session.get_one(Shard, message.shard_id)
        assert (shard.work, shard.phase_id) == (Work.PREPARATION, found[1].id)


_SUBMITTED = [
    ({"n_models": 5}, "phases.check.n_models", "it has a submission, which would be measured"),
    ({"dataset": {"kind": "synthetic", "seed": 1}}, "phases.check.dataset", "it has a submission"),
    ({"architecture": {"width": 8}}, "phases.check.architecture", "it has a submission"),
    ({"recipe": {"epochs": 2}}, "phases.check.recipe", "it has a submission"),
    ({"limits": {"device": "cuda"}}, "phases.check.limits.device", "it has a submission"),
    ({"start": "2100-01-01T00:00:00Z"}, "phases.check.start", "a submission came at"),
    ({"end": "2001-01-01T00:00:00Z"}, "phases.check.end", "a submission came at"),
    ({"show_logs": True}, "phases.check.show_logs", "in the promise that nothing of them is shown"),
]


@pytest.mark.parametrize(("change", "path", "because"), _SUBMITTED)
def test_change_under_a_submission_is_refused_and_nothing_else_is_made(
    olga: User, change: dict[str, Any], path: str, because: str
) -> None:
    competition = _make(olga)
    make_submission(competition.phases[0])
    wanted = _check(**change).model_copy(update={"title": "New"})
    (refused,) = _preview(wanted).refused
    assert refused.path == path
    assert because in refused.decision.refused_because
    with pytest.raises(ChangesRefusedError, match=r"Nothing was changed: phases\.check"):
        _apply(competition, wanted, olga)
    assert _stored() == _spec()


def test_removing_a_phase_with_submissions_is_refused(olga: User) -> None:
    competition = _make(olga)
    make_submission(competition.phases[0])
    wanted = _spec(phases=[{"slug": "final", **_PHASE}])
    assert [change.path for change in _preview(wanted).refused] == ["phases.check"]
    with pytest.raises(ChangesRefusedError, match="it has a submission"):
        _apply(competition, wanted, olga)


@pytest.mark.parametrize(
    ("facts", "wanted", "because"),
    [
        ({"reference_key": "a" * 64}, _check(n_models=5), "its reference models are made of it"),
        ({"published_at": datetime(2026, 1, 1, tzinfo=UTC)}, _check(score_decimals=2), "are published"),
        ({"published_at": datetime(2026, 1, 1, tzinfo=UTC)}, _check(end="2100-01-01T00:00:00Z"), "published"),
        ({"migrated_at": datetime(2026, 1, 1, tzinfo=UTC)}, _check(end="2100-01-01T00:00:00Z"), "gone on"),
        ({"migrated_at": datetime(2026, 1, 1, tzinfo=UTC)}, _check(max_selected=2), "gone on"),
        (
            {"migrated_at": datetime(2026, 1, 1, tzinfo=UTC)},
            _spec(phases=[{"slug": slug, **_PHASE} for slug in ("final", "check")]),
            "submissions have gone from one phase to the next",
        ),
        ({}, _spec(slug="other"), "the slug is the competition's address"),
    ],
)
def test_what_has_been_settled_stays(
    olga: User, facts: dict[str, Any], wanted: CompetitionSpec, because: str
) -> None:
    _make(olga)
    if facts:
        with db.transaction() as session:
            session.execute(update(Phase).values(**facts))
    (refused,) = _preview(wanted).refused
    assert because in refused.decision.refused_because


def test_team_size_under_that_of_a_team_is_refused(olga: User) -> None:
    competition = _make(olga)
    make_submission(competition.phases[0])
    assert not _preview(_spec(max_team_size=1)).refused
    with db.transaction() as session:
        other = accounts.create_user(session, "bob").user
        team_id = session.scalars(select(Participant.team_id)).one()
        session.add(
            Participant(competition_id=competition.id, user_id=other.id, team_id=team_id, state="approved")
        )
    (refused,) = _preview(_spec(max_team_size=1)).refused
    assert refused.decision.refused_because == "a team has 2 members already"


def test_broken_phase_with_another_plan_is_prepared_anew(olga: User, sent: list[queue.Message]) -> None:
    competition = _make(olga)
    with db.transaction() as session:
        competitions.mark_broken(session, competition.phases[0].id, "the recipe is impossible")
    sent.clear()
    _apply(competition, _check(recipe={"epochs": 3}), olga)
    with db.reading() as session:
        phase = session.get_one(Phase, competition.phases[0].id)
        assert (phase.state, phase.problem, phase.recipe) == (PhaseState.PREPARING, "", {"epochs": 3})
        assert [session.get_one(Shard, one.shard_id).phase_id for one in sent] == [phase.id]


def test_plan_of_a_phase_that_a_worker_prepares_now_is_refused(olga: User) -> None:
    _make(olga)
    with db.transaction() as session:
        later = datetime.now(UTC) + timedelta(minutes=1)
        session.execute(update(Shard).values(lease_holder="w", lease_expires_at=later))
    (refused,) = _preview(_check(n_models=5)).refused
    assert "a worker prepares the phase this moment" in refused.decision.refused_because


def test_delete_phase_with_submissions_is_refused_and_without_it_goes(olga: User) -> None:
    competition = _make(olga)
    make_submission(competition.phases[0])
    with pytest.raises(DeletionRefusedError, match="There is a submission"), db.transaction() as session:
        applying.delete_phase(session, competition.phases[0].id, actor=olga)
    with db.transaction() as session:
        applying.delete_phase(session, competition.phases[1].id, actor=olga)
    with pytest.raises(DeletionRefusedError, match="the only phase"), db.transaction() as session:
        applying.delete_phase(session, competition.phases[0].id, actor=olga)
    with db.reading() as session:
        assert [one.slug for one in competitions.find_competition(session, "demo").phases] == ["check"]
        assert session.scalar(select(func.count()).select_from(Submission)) == 1
        deletion = session.scalars(select(AuditEvent).where(AuditEvent.action == "phase.delete")).one()
        assert deletion.target == f"demo/{competition.phases[1].slug}"
        assert deletion.before is not None
        assert deletion.before["slug"] == competition.phases[1].slug


def test_delete_competition_with_submissions_is_refused(olga: User) -> None:
    competition = _make(olga)
    make_submission(competition.phases[0])
    with pytest.raises(DeletionRefusedError), db.transaction() as session:
        applying.delete_competition(session, competition.id, actor=olga)


def test_delete_competition_takes_its_teams_along_and_leaves_the_audit_log(olga: User) -> None:
    competition = _make(olga)
    with db.transaction() as session:
        teams.enter(session, session.get_one(Competition, competition.id), olga)
    with db.transaction() as session:
        applying.delete_competition(session, competition.id, actor=olga)
    with db.reading() as session:
        with pytest.raises(NotFoundError):
            competitions.find_competition(session, "demo")
        created, deleted = session.scalars(_audited())
        assert (created.action, deleted.action) == ("competition.create", "competition.delete")
        assert deleted.before == created.after
