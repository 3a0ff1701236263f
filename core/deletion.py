"""Deleting an account: nothing that says who it was remains, and results stay."""

import secrets
from pathlib import PurePosixPath
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from core import organizers, signing_in, teams
from core.db import transaction
from core.errors import LastAdminError
from core.models import (
    AccessToken,
    Identity,
    Invitation,
    Mail,
    OneTimeToken,
    Organizer,
    Participant,
    Submission,
    Team,
    User,
    WebSession,
    utc_now,
)


def delete_account(user: User, *, password: str) -> None:
    """Delete an account for good. Its submissions and scores stay, under a name that says nothing.

    The audit log keeps the names of organizers who acted: it never changes.

    Raises:
        RateLimitedError: too many wrong passwords.
        WrongPasswordError: the password is another.
        NotAllowedError: the account has none yet.
        LastAdminError: nobody else could administer the platform.
        LastOrganizerError: nobody else would run a competition.
    """
    signing_in.verify(user, password)
    with transaction() as session:
        # In one order, so that two admins who go at once do not both find the other still there. What only
        # refers to the account goes on meanwhile: it may hold a team that is waited for below.
        concerned = select(User).where(or_(User.is_admin, User.id == user.id)).order_by(User.id)
        locked = {one.id: one for one in session.scalars(concerned.with_for_update(key_share=True))}
        account = locked[user.id]
        if account.is_admin and len(locked) == 1:
            raise LastAdminError("You are the only admin. Make somebody else one first.")
        organizers.check_may_go(session, account)
        _anonymise(session, account)


def _anonymise(session: Session, user: User) -> None:
    asked = select(OneTimeToken.email).where(OneTimeToken.user_id == user.id)
    session.execute(delete(Mail).where(or_(Mail.to == user.email, Mail.to.in_(asked))))
    for table in (AccessToken, WebSession, OneTimeToken, Identity, Organizer):
        session.execute(delete(table).where(table.user_id == user.id))
    alias = f"deleted-{secrets.token_hex(4)}"
    _leave_teams(session, user.id, alias)
    submitted = session.scalars(select(Submission).where(Submission.user_id == user.id).with_for_update())
    for submission in submitted:
        submission.filename = f"submission{PurePosixPath(submission.filename).suffix}"
    # Last: the key changes, and nobody may refer to it until the end.
    user.name = user.name_key = alias
    user.email = user.password_hash = None
    user.is_admin = False
    user.deleted_at = utc_now()


def _leave_teams(session: Session, user_id: UUID, alias: str) -> None:
    """Rename the teams of this one member, and make room in the others."""
    parts = session.scalars(
        select(Participant).where(Participant.user_id == user_id).order_by(Participant.team_id)
    )
    for part in parts:
        team = teams.lock_own(session, part)  # somebody may have put them into another one meanwhile
        if teams.count_members(session, team.id) > 1:
            session.delete(part)
            teams.settle_captain(session, team)
        else:
            _close(session, team, alias)


def _close(session: Session, team: Team, alias: str) -> None:
    if team.is_solo:
        team.name = team.name_key = alias
    concerned: ColumnElement[bool] = or_(Invitation.team_id == team.id, Invitation.invited_id == team.id)
    unanswered = update(Invitation).where(concerned, Invitation.ended_at.is_(None))
    session.execute(unanswered.values(ended_at=utc_now()))
