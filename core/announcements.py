"""What organizers tell everybody who takes part: kept, mailed to each, and told to webhooks."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, events, mail, paging
from core.lifecycle import ParticipantState
from core.models import Announcement, Competition, Participant, User
from core.paging import Listed, Page
from core.settings import get_settings


def make(session: Session, actor: User, competition: Competition, *, subject: str, body: str) -> Announcement:
    """Publish an announcement and put one mail into the outbox for everybody let in who has an address.

    Nobody sees in a mail who else got it.
    """
    announcement = Announcement(competition_id=competition.id, author_id=actor.id, subject=subject, body=body)
    session.add(announcement)
    session.flush()
    addresses = _addresses(session, competition.id)
    address = f"{get_settings().public_url}/competitions/{competition.slug}"
    text = f"{body}\n\n-- \nYou get this because you take part in {competition.title}: {address}\n"
    for to in addresses:
        mail.write(session, to, f"{competition.title}: {subject}", text)
    told = {"announcement": announcement.id, "subject": subject, "body": body}
    events.emit(session, competition.id, "announcement.made", told)
    audit.record(
        session,
        actor=actor,
        action="announcement.make",
        competition_id=competition.id,
        target=subject,
        after=told | {"mails": len(addresses)},
    )
    return announcement


def list_announcements(session: Session, competition_id: UUID, page: Page) -> Listed[Announcement]:
    """Return what was announced, newest first."""
    query = select(Announcement).where(Announcement.competition_id == competition_id)
    return paging.fetch(session, query, page, by=(Announcement.created_at, Announcement.id))


def _addresses(session: Session, competition_id: UUID) -> list[str]:
    """Return the confirmed addresses of those who were let in."""
    query = (
        select(User.email)
        .join(Participant, Participant.user_id == User.id)
        .where(
            Participant.competition_id == competition_id,
            Participant.state == ParticipantState.APPROVED,
            User.email.is_not(None),
            User.deleted_at.is_(None),
        )
        .order_by(User.email)
    )
    return [address for address in session.scalars(query) if address is not None]
