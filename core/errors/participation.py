"""What taking part refuses: joining, teams, and who is let in."""

from core.errors.base import ParticipantError


class NotParticipantError(ParticipantError):
    """The asker does not take part in the competition: not yet, or no longer."""

    title = "You do not take part"
    status = 403


class TermsNotAcceptedError(ParticipantError):
    """Somebody would join a competition without accepting its terms."""

    title = "The terms have to be accepted"
    status = 422


class TeamRefusedError(ParticipantError):
    """The rules do not allow this change of a team, or not now; the message says which rule."""

    title = "The team cannot be changed so"
    status = 409


class AdmissionRefusedError(ParticipantError):
    """Somebody is in that state already, or cannot come to it from where they are."""

    title = "The participant is not in that state"
    status = 409
