"""The first look at an upload: at its head before its body is read, then at the file."""

import os
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import competitions, programs, quotas, repeats, teams
from core.errors import UploadTooLargeError
from core.limits import limits_of
from core.models import Participant, Phase, Submission, User, utc_now

FORM_OVERHEAD_BYTES = 4096
"""At most as much longer than its file is the form in which a client sends one."""


@dataclass(frozen=True)
class Upload:
    """What a participant sent; `key` is what their client calls it, to be able to repeat it."""

    filename: str
    file: BinaryIO
    key: str | None = None


@dataclass(frozen=True)
class Announced:
    """The head of an upload.

    Attributes:
        key: what the client calls it, if anything.
        body_bytes: how long the body will be, where the client says so.
    """

    key: str | None
    body_bytes: int | None


def check(session: Session, phase: Phase, user: User, announced: Announced) -> None:
    """Refuse an upload that will be refused when it is here; what passes is checked again then.

    Over quota an upload passes if it may be one that is there already: a repetition costs nothing. If
    its key is known it passes in a closed phase too: its answer may have got lost just when the phase ended.

    Raises:
        PhaseClosedError: the phase takes no submissions now.
        NotParticipantError: the user does not take part in the competition.
        QuotaExceededError: the team has none left of one of its quotas.
    """
    check_open(session, phase, user, announced.key)
    part = teams.find_admitted(session, phase.competition, user)
    if part is not None and not _may_be_there(session, phase, part, announced):
        quotas.check(session, phase, part.team_id, now=utc_now())


def check_open(session: Session, phase: Phase, user: User, key: str | None) -> None:
    """Raise `PhaseClosedError` if the phase takes no submissions now, unless under a key that is known."""
    if key is None or not repeats.is_known(session, user.id, key):
        competitions.check_open(phase)


def look_into(phase: Phase, upload: Upload) -> tuple[str, ...]:
    """Look into a file that was uploaded, without running any of it; return what its owner should know.

    Raises:
        UploadTooLargeError: the file is over the phase's cap.
        InvalidSubmissionError: the file cannot work; the message says why.
    """
    n_bytes = upload.file.seek(0, os.SEEK_END)
    cap_bytes = limits_of(phase).upload_bytes
    if n_bytes > cap_bytes:
        raise UploadTooLargeError(f"The file is over the phase's cap of {cap_bytes:,} bytes.")
    if n_bytes > programs.MAX_UPLOAD_BYTES:
        raise UploadTooLargeError(
            f"No submission of more than {programs.MAX_UPLOAD_BYTES:,} bytes can be read."
        )
    return programs.check(upload.filename, upload.file)


def _may_be_there(session: Session, phase: Phase, part: Participant, announced: Announced) -> bool:
    if announced.key is not None and repeats.is_known(session, part.user_id, announced.key):
        return True
    if announced.body_bytes is None:
        return False
    sizes = (announced.body_bytes - FORM_OVERHEAD_BYTES, announced.body_bytes)
    of_that_size = select(Submission.id).where(
        Submission.phase_id == phase.id,
        Submission.team_id == part.team_id,
        Submission.size_bytes.between(*sizes),
    )
    return session.scalars(of_that_size.limit(1)).first() is not None
