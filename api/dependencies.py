"""What routes and pages ask for: a session, a user or an organizer, an upload admitted before it was read."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from sqlalchemy.orm import Session

from api import uploads
from api.problems import ORGANIZERS_REALM
from core import competitions, users
from core.db import reading, transaction
from core.errors import NotAuthenticatedError
from core.limits import limits_of
from core.models import Phase, User
from core.settings import get_settings
from core.submissions import Upload

Slug = Annotated[str, Path(pattern=r"^[a-z0-9-]+$", max_length=64)]


def _reading_session() -> Iterator[Session]:
    with reading() as session:
        yield session


def _writing_session() -> Iterator[Session]:
    with transaction() as session:
        yield session


# scope="function": the commit happens before the response leaves, so that a 201 is never a lie.
ReadingSession = Annotated[Session, Depends(_reading_session, scope="function")]
WritingSession = Annotated[Session, Depends(_writing_session, scope="function")]

_bearer = HTTPBearer(auto_error=False, description="The token that the organizer gave you.")


def _current_user(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> User:
    if credentials is None:
        raise NotAuthenticatedError("Send your token in the header `Authorization: Bearer <token>`.")
    # A session of its own, closed at once: a slow upload must not hold a connection.
    with reading() as session:
        return users.authenticate(session, credentials.credentials)


CurrentUser = Annotated[User, Depends(_current_user)]


def _organizer(user: CurrentUser) -> User:
    users.check_organizer(user)
    return user


Organizer = Depends(_organizer)

_basic = HTTPBasic(auto_error=False, realm=ORGANIZERS_REALM)


def _page_organizer(credentials: Annotated[HTTPBasicCredentials | None, Depends(_basic)]) -> User:
    name, token = (credentials.username, credentials.password) if credentials else ("", "")
    with reading() as session:
        return users.authenticate_organizer(session, name, token)


PageOrganizer = Depends(_page_organizer)


def _open_phase(competition: Slug, phase: Slug, _user: CurrentUser) -> Phase:
    with reading() as session:
        found = competitions.find_phase(session, competition, phase)
        competitions.check_open(found)
        return found


OpenPhase = Annotated[Phase, Depends(_open_phase)]


async def _admitted_upload(request: Request, phase: OpenPhase) -> Upload:
    cap_bytes = min(limits_of(phase).upload_bytes, get_settings().max_upload_bytes)
    return await uploads.receive(request, cap_bytes=cap_bytes)


AdmittedUpload = Annotated[Upload, Depends(_admitted_upload)]
