"""A small world to walk through: two competitions and one that is not published, and everybody in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from core import accounts, competitions, db, invitations, organizers, sessions, teams, tokens
from core.access import Scope
from core.bundle.spec import CompetitionSpec
from core.lifecycle import PhaseState, SubmissionState, Verdict
from core.models import Competition, Identity, Participant, Score, Submission, User, Webhook, WebhookDelivery
from core.storage import storage
from tests.support.competition import HONEST, numbers

HIDDEN_SCORE = 0.53719284
"""What the submission `hidden` earned in a phase whose scores nobody may see yet."""


class Somebody(NamedTuple):
    """An account and what proves it: the headers of a token with every scope, and of a browser."""

    user: User
    token: dict[str, str]
    browser: dict[str, str]

    def token_with(self, scopes: Iterable[Scope]) -> dict[str, str]:
        """Return the headers of a token with these scopes alone."""
        with db.transaction() as session:
            made = tokens.create(session, self.user, name="test", scopes=scopes)
        return {"Authorization": f"Bearer {made.text}"}


@dataclass(frozen=True)
class World:
    """Who and what there is.

    Attributes:
        people: olga runs `faces`, otto `masks`, sven the unpublished `secret`; ann and eve take part in
            `faces`, each with a team of her own; sam only has an account; admin is one.
        own: what an address may name, by the name of its parameter: things of ann, in `faces`.
        foreign: the same of eve, or in `masks`.
        hidden: a submission of ann in the phase of `faces` whose scores are hidden.
    """

    people: dict[str, Somebody]
    own: dict[str, str]
    foreign: dict[str, str]
    hidden: UUID


def make_world() -> World:
    """Fill an empty installation."""
    names = ("admin", "olga", "otto", "sven", "ann", "bob", "eve", "sam", "ida")
    with db.transaction() as session:
        people = {name: _somebody(session, name) for name in names}
        faces = _competition(session, "faces", people["olga"].user)
        masks = _competition(session, "masks", people["otto"].user)
        _competition(session, "secret", people["sven"].user, published=False)
        own = _things(session, faces, people["ann"].user, people["bob"].user)
        _things(session, faces, people["eve"].user, people["ida"].user)
        foreign = _things(session, masks, people["eve"].user, people["bob"].user)
        hidden = _submission(session, faces, "feedback", people["ann"].user, HIDDEN_SCORE)
    return World(people, own, foreign, hidden.id)


def _somebody(session: Session, name: str) -> Somebody:
    made = accounts.create_user(session, name, admin=name == "admin")
    cookie = sessions.begin(session, made.user)
    browser = {"Cookie": f"lethe={cookie}", "X-CSRF-Token": sessions.csrf_token(cookie)}
    return Somebody(made.user, {"Authorization": f"Bearer {made.token}"}, browser)


def _competition(session: Session, slug: str, organizer: User, *, published: bool = True) -> Competition:
    shared = {"n_models": 4, "dataset": {"kind": "synthetic"}}
    phases = [
        {"slug": "check", "name": "Check", "show_logs": True, **shared},
        {"slug": "feedback", "name": "Feedback", "leaderboard": {"visibility": "hidden"}, **shared},
    ]
    spec = {"version": 2, "slug": slug, "title": slug.title(), "published": published, "phases": phases}
    made = competitions.create(session, CompetitionSpec.model_validate(spec))
    organizers.add(session, None, made, organizer.name)
    for phase in made.phases:
        phase.state = PhaseState.READY
    session.flush()
    return made


def _things(session: Session, competition: Competition, owner: User, friend: User) -> dict[str, str]:
    """Make one of everything that an address may name."""
    part = _enter(session, competition, owner)
    other = _enter(session, competition, friend)
    invitation = invitations.invite(session, competition, other.team_id, friend, owner.name)
    webhook = Webhook(competition_id=competition.id, url="https://192.0.2.1/", secret="whsec_x", events=[])
    session.add(webhook)
    session.flush()
    delivery = WebhookDelivery(webhook_id=webhook.id, event="webhook.test", body={})
    session.add(delivery)
    identity = Identity(
        user_id=owner.id, issuer="https://id.example", subject=f"{owner.name}-{competition.slug}"
    )
    session.add(identity)
    token = tokens.create(session, owner, name=f"in {competition.slug}", scopes={Scope.READ})
    session.flush()
    submission_id = str(_submission(session, competition, "check", owner, 0.25).id)
    return {
        "competition": competition.slug,
        "phase": "check",
        "submission_id": submission_id,
        "team_id": str(part.team_id),
        "action": "approve",
        "participant_id": str(part.id),
        "invitation_id": str(invitation.id),
        "member": owner.name,
        "user_id": str(owner.id),
        "webhook_id": str(webhook.id),
        "delivery_id": str(delivery.id),
        "token_id": str(token.row.id),
        "identity_id": str(identity.id),
        "token": "no-such-token",
    }


def _enter(session: Session, competition: Competition, user: User) -> Participant:
    part = teams.enter(session, competition, user)
    session.flush()
    return part


def _submission(
    session: Session, competition: Competition, slug: str, owner: User, score: float
) -> Submission:
    phase = next(phase for phase in competition.phases if phase.slug == slug)
    made = Submission(
        phase=phase,
        team_id=teams.enter(session, competition, owner).team_id,
        user_id=owner.id,
        filename="submission.py",
        source_sha256=storage().put(HONEST),
        size_bytes=1,
        state=SubmissionState.FINISHED,
        verdict=Verdict.OK,
        ended_at=datetime.now(UTC),
        mean_run_seconds=1.0,
    )
    session.add(made)
    session.flush()
    session.add(Score(submission_id=made.id, **numbers(score)))
    return made
