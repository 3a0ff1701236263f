"""Submissions: taken in, run, scored, ended. Only this module changes their state."""

import os
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core import (
    access,
    audit,
    competitions,
    events,
    intake,
    quotas,
    repeats,
    rescoring,
    runs,
    shards,
    succession,
    teams,
)
from core.errors import CancellationRefusedError, NotFoundError
from core.inert import storable
from core.intake import Upload
from core.lifecycle import ENDED, SubmissionState, Verdict, check_transition
from core.models import IdempotencyKey, Phase, Run, Score, Shard, Submission, User, Work, utc_now
from core.storage import storage

_MAX_MESSAGE_CHARACTERS = 4000
_CANCELLABLE = frozenset({SubmissionState.UPLOADED, SubmissionState.QUEUED, SubmissionState.RUNNING})


@dataclass(frozen=True)
class Receipt:
    """The submission that answers an upload; not `created` when the same bytes were there before.

    An upload repeated under its key has the receipt that it had the first time.
    """

    submission: Submission
    created: bool


@dataclass(frozen=True)
class RunResult:
    """How a run ended, as a worker saw it; `evaluation_sha256` is set exactly when the verdict is ok.

    `sandbox` names what ran it: the kind, and the image where there is one.
    """

    verdict: Verdict
    seconds: float
    sandbox: str | None = None
    evaluation_sha256: str | None = None
    message: str = ""
    log: str = ""


def accept(session: Session, phase: Phase, user: User, upload: Upload) -> Receipt:
    """Check an upload, store it, and queue its runs.

    The same bytes from the same team in the same phase are the same submission, so a client may
    safely repeat an upload whose answer it lost; only after a platform error, or a cancellation, do they
    count anew. What decides at the end of a phase is the moment when the upload is here as a whole and read.

    Raises:
        NotFoundError: the phase was deleted meanwhile.
        NotAuthenticatedError: the account was.
        PhaseClosedError: the phase takes no submissions now.
        NotParticipantError: the user does not take part in the competition.
        UploadTooLargeError: the file is over the phase's cap.
        InvalidSubmissionError: the file cannot work; the message says why.
        IdempotencyKeyReusedError: the upload's key stands for another one.
        QuotaExceededError: the team has none left of one of its quotas.
    """
    intake.check_open(session, phase, user, upload.key)
    warnings = intake.look_into(phase, upload)
    source_sha256 = storage().put(upload.file)
    # Who migrates the submissions of a phase that has closed waits for this upload, or comes first.
    phase = competitions.hold(session, phase.id)
    intake.check_open(session, phase, user, upload.key)
    part = teams.admit(session, phase.competition, user)
    user, team = part.user, teams.lock_own(session, part)
    sent = repeats.fingerprint(phase, source_sha256)
    known = repeats.find(session, user, upload.key, sent)
    if known is not None:
        return Receipt(find(session, known.submission_id), known.created)
    submission = repeats.find_same(session, phase, team, source_sha256)
    created = submission is None
    if submission is None:
        now = utc_now()
        quotas.check(session, phase, team.id, now=now)
        submission = Submission(
            phase=phase,
            team=team,
            user=user,
            filename=upload.filename,
            source_sha256=source_sha256,
            size_bytes=upload.file.seek(0, os.SEEK_END),
            warnings=list(warnings),
            state=SubmissionState.UPLOADED,
            created_at=now,
        )
        add(session, submission)
    if upload.key is not None:
        answered = {"fingerprint": sent, "submission_id": submission.id, "created": created}
        repeats.keep(session, IdempotencyKey(user_id=user.id, key=upload.key, **answered))
    return Receipt(submission, created)


def add(session: Session, submission: Submission) -> None:
    """Insert a submission that is new, or another one run again or migrated, and queue its runs."""
    session.add(submission)
    session.flush()
    _move(submission, SubmissionState.QUEUED)
    phase = submission.phase
    for part in shards.split(phase.n_models, size=phase.runs_per_shard):
        shards.add(
            session,
            Shard(
                work=Work.RUNS,
                phase_id=phase.id,
                submission_id=submission.id,
                start=part.start,
                stop=part.stop,
            ),
        )


def find(session: Session, submission_id: UUID) -> Submission:
    """Return a submission with its phase and user.

    Raises:
        NotFoundError: there is none with this id.
    """
    query = (
        select(Submission)
        .where(Submission.id == submission_id)
        .options(
            joinedload(Submission.user),
            joinedload(Submission.team),
            joinedload(Submission.phase).joinedload(Phase.competition),
        )
    )
    submission = session.scalar(query)
    if submission is None:
        raise NotFoundError(f"There is no submission {submission_id}.")
    return submission


def is_wanted(session: Session, submission_id: UUID) -> bool:
    """Return whether further runs of the submission still matter."""
    state = session.scalar(select(Submission.state).where(Submission.id == submission_id))
    return state in {SubmissionState.QUEUED, SubmissionState.RUNNING}


def cancel(session: Session, submission_id: UUID, *, actor: User, reason: str = "") -> Submission:
    """End a submission that is not scored yet, as its team or an organizer wishes; it does not count.

    Raises:
        CancellationRefusedError: it has ended, or all of its runs have; or it is an organizer's rerun, which
            a team cannot keep from taking place.
    """
    submission = lock(session, submission_id)
    competition_id = submission.phase.competition_id
    if submission.rerun_of_id is not None and not access.is_organizer(session, actor, competition_id):
        raise CancellationRefusedError("Organizers run this submission again; only they can cancel that.")
    if submission.state not in _CANCELLABLE:
        raise CancellationRefusedError(f"It is too late: the submission is {submission.state}.")
    before = submission.state
    _end(submission, SubmissionState.CANCELLED)
    shards.end_all(session, submission_id)
    if not access.is_member(session, actor.id, submission.team_id):
        audit.record(
            session,
            actor=actor,
            action="submission.cancel",
            competition_id=competition_id,
            target=f"submission {submission_id}",
            reason=reason,
            before={"state": before},
            after={"state": submission.state},
        )
    return submission


def begin(session: Session, submission_id: UUID) -> bool:
    """Note that a worker has started on a submission; return whether its runs are still wanted."""
    submission = lock(session, submission_id)
    if submission.state is SubmissionState.QUEUED:
        _move(submission, SubmissionState.RUNNING)
        submission.started_at = utc_now()
    return submission.state is SubmissionState.RUNNING


def record_run(session: Session, submission_id: UUID, run_index: int, result: RunResult) -> None:
    """Store how a run ended, once; the last one enqueues scoring, a failed one fails the submission.

    What it printed is stored only in a phase that shows logs: elsewhere nobody may have what it may hold.
    """
    submission = lock(session, submission_id)
    if submission.state is not SubmissionState.RUNNING:
        return
    same = select(Run.id).where(Run.submission_id == submission_id, Run.run_index == run_index)
    if session.scalar(same) is not None:
        return
    session.add(
        Run(
            submission_id=submission_id,
            run_index=run_index,
            verdict=result.verdict,
            message=storable(result.message)[:_MAX_MESSAGE_CHARACTERS],
            log=storable(result.log) if submission.phase.show_logs else "",
            evaluation_sha256=result.evaluation_sha256,
            sandbox=result.sandbox,
            seconds=result.seconds,
        )
    )
    session.flush()
    if result.verdict is not Verdict.OK:
        message = f"Run {run_index}: {storable(result.message)}"[:_MAX_MESSAGE_CHARACTERS]
        fail(session, submission, verdict=result.verdict, message=message)
    elif runs.count_runs(session, submission_id) == submission.phase.n_models:
        _move(submission, SubmissionState.SCORING)
        submission.mean_run_seconds = runs.seconds_spent(session, submission_id) / submission.phase.n_models
        shards.end_all(session, submission_id)
        scoring = Shard(
            work=Work.SCORING, phase_id=submission.phase_id, submission_id=submission_id, start=0, stop=1
        )
        shards.add(session, scoring)


def record_score(session: Session, submission_id: UUID, score: Score) -> bool:
    """Store the score of a submission whose runs are complete; return whether it has ended now.

    It finishes only with a score under the version that its phase has at this moment: one that a rescoring
    has left behind is kept, but another is due. One that has ended keeps the scores it has.
    """
    # The phase is locked before the submission, and the submission before its shards.
    phase = competitions.lock(session, session.get_one(Submission, submission_id).phase_id)
    submission = lock(session, submission_id)
    if submission.state is not SubmissionState.SCORING:
        return True
    same = select(Score.id).where(
        Score.submission_id == submission_id, Score.scoring_version == score.scoring_version
    )
    if session.scalar(same) is None:
        score.submission_id = submission_id
        session.add(score)
    if score.scoring_version != phase.scoring_version:
        return False
    submission.verdict = Verdict.OK
    _end(submission, SubmissionState.FINISHED)
    shards.end_all(session, submission_id)
    succession.take_over(session, submission)
    rescoring.go_on(session, phase)
    events.submission_ended(session, submission, score)
    return True


def fail(session: Session, submission: Submission, *, verdict: Verdict, message: str) -> None:
    """End a submission with a verdict and a message for its owner; nothing more of it is run."""
    submission.verdict = verdict
    submission.message = message
    _end(submission, SubmissionState.FAILED)
    shards.end_all(session, submission.id)
    if verdict is not Verdict.PLATFORM_ERROR:
        succession.take_over(session, submission)
    events.submission_ended(session, submission)


def give_up(session: Session, submission_id: UUID) -> None:
    """Fail a submission that the platform could not run. Its owner may upload the same bytes again."""
    submission = lock(session, submission_id)
    if submission.state not in ENDED:
        message = "Lethe could not run this submission. It does not count; upload it again later."
        fail(session, submission, verdict=Verdict.PLATFORM_ERROR, message=message)


def lock(session: Session, submission_id: UUID) -> Submission:
    """Return a submission that nobody else changes until the end; raise `NotFoundError` if there is none."""
    query = select(Submission).where(Submission.id == submission_id).with_for_update(of=Submission)
    submission = session.scalar(query.execution_options(populate_existing=True))
    if submission is None:
        raise NotFoundError(f"There is no submission {submission_id}.")
    return submission


def _move(submission: Submission, target: SubmissionState) -> None:
    check_transition(submission.state, target)
    submission.state = target


def _end(submission: Submission, target: SubmissionState) -> None:
    _move(submission, target)
    submission.ended_at = utc_now()
