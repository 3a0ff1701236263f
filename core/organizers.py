"""Who runs a competition, and who runs the installation: organizers and admins, made and unmade."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core import audit, paging
from core.errors import LastOrganizerError, NotFoundError
from core.models import Competition, Organizer, User
from core.paging import Listed, Page


def list_all(session: Session, competition: Competition) -> list[Organizer]:
    """Return the organizers of a competition with their accounts, who was made one first at first."""
    query = select(Organizer).where(Organizer.competition_id == competition.id)
    in_order = query.order_by(Organizer.created_at, Organizer.id).options(joinedload(Organizer.user))
    return list(session.scalars(in_order))


def add(session: Session, actor: User | None, competition: Competition, name: str) -> Organizer:
    """Make somebody an organizer of a competition; who is one stays one. No actor is an operator.

    Raises:
        NotFoundError: nobody has this name.
    """
    user = find_user(session, name)
    _lock(session, competition)
    earlier = _find(session, competition, user.id)
    if earlier is not None:
        return earlier
    organizer = Organizer(competition_id=competition.id, user=user)
    session.add(organizer)
    session.flush()
    audit.record(
        session,
        actor=actor,
        action="organizer.add",
        competition_id=competition.id,
        target=user.name,
        after={"user": user.id},
    )
    return organizer


def remove(session: Session, actor: User, competition: Competition, user_id: UUID) -> None:
    """Let an organizer of a competition be none any more.

    Raises:
        NotFoundError: nobody with this id is one.
        LastOrganizerError: they are the last.
    """
    _lock(session, competition)
    organizer = _find(session, competition, user_id)
    if organizer is None:
        raise NotFoundError(f"No organizer of {competition.title} has the id {user_id}.")
    user = organizer.user
    if len(list_all(session, competition)) == 1:
        raise LastOrganizerError(
            f"{user.name} is the last organizer of {competition.title}; add another first."
        )
    session.delete(organizer)
    audit.record(
        session,
        actor=actor,
        action="organizer.remove",
        competition_id=competition.id,
        target=user.name,
        before={"user": user.id},
    )


def check_may_go(session: Session, user: User) -> None:
    """Find that each competition that somebody runs has another organizer, and let nobody else go meanwhile.

    Raises:
        LastOrganizerError: one has not.
    """
    runs = select(Organizer.competition_id).where(Organizer.user_id == user.id)
    theirs = select(Competition).where(Competition.id.in_(runs)).order_by(Competition.id)
    for competition in session.scalars(theirs.with_for_update(key_share=True)).all():
        if [one.user_id for one in list_all(session, competition)] == [user.id]:
            raise LastOrganizerError(
                f"You are the last organizer of {competition.title}; make somebody else one first."
            )


def list_users(session: Session, page: Page, *, name: str = "", admins_only: bool = False) -> Listed[User]:
    """Return accounts that are not deleted and whose name holds these letters, newest first."""
    query = select(User).where(User.deleted_at.is_(None))
    if name:
        query = query.where(User.name_key.contains(name.casefold(), autoescape=True))
    if admins_only:
        query = query.where(User.is_admin.is_(True))
    return paging.fetch(session, query, page, by=(User.created_at, User.id))


def set_admin(session: Session, actor: User, user_id: UUID, *, is_admin: bool) -> User:
    """Make somebody an admin, or an admin somebody like all others.

    Raises:
        NotFoundError: nobody has this id.
        LastOrganizerError: they are the last admin.
    """
    # All admins in one order: two who unmake each other cannot both succeed.
    admins = select(User).where(User.is_admin.is_(True), User.deleted_at.is_(None)).order_by(User.id)
    there = list(session.scalars(admins.with_for_update().execution_options(populate_existing=True)))
    user = session.get(User, user_id)
    if user is None or user.deleted_at is not None:
        raise NotFoundError(f"There is no user {user_id}.")
    if user.is_admin == is_admin:
        return user
    if not is_admin and len(there) == 1:
        raise LastOrganizerError(f"{user.name} is the last admin; make another one first.")
    user.is_admin = is_admin
    audit.record(
        session,
        actor=actor,
        action="user.make-admin" if is_admin else "user.unmake-admin",
        target=user.name,
        before={"is_admin": not is_admin},
        after={"is_admin": is_admin},
    )
    return user


def find_user(session: Session, name: str) -> User:
    """Return the account of this name.

    Raises:
        NotFoundError: there is none.
    """
    query = select(User).where(User.name_key == name.casefold(), User.deleted_at.is_(None))
    user = session.scalar(query)
    if user is None:
        raise NotFoundError(f"Nobody here is called `{name}`.")
    return user


def _find(session: Session, competition: Competition, user_id: UUID) -> Organizer | None:
    query = select(Organizer).where(Organizer.competition_id == competition.id, Organizer.user_id == user_id)
    return session.scalar(query.options(joinedload(Organizer.user)))


def _lock(session: Session, competition: Competition) -> None:
    locked = select(Competition.id).where(Competition.id == competition.id).with_for_update(key_share=True)
    session.scalars(locked).one()
