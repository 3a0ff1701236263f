"""What those who run a competition are refused."""

from core.errors.base import ParticipantError


class InvalidCompetitionError(ParticipantError):
    """A competition.yaml that does not say what a competition needs."""

    title = "The competition is not valid"
    status = 422


class LastOrganizerError(ParticipantError):
    """Nobody would be left to run the competition, or the installation."""

    title = "The last one stays"
    status = 409


class InvalidWebhookError(ParticipantError):
    """An address that Lethe does not call, or events that there are not."""

    title = "The webhook is not valid"
    status = 422


class WebhookOffError(ParticipantError):
    """A webhook that is turned off: nothing can be sent to it."""

    title = "The webhook is turned off"
    status = 409


class ChangesRefusedError(ParticipantError):
    """A change to a competition that would break what participants have relied on."""

    title = "The competition cannot be changed so"
    status = 409


class OutdatedChangesError(ParticipantError):
    """The changes to a competition that were shown are not those that would be made now."""

    title = "The competition has changed meanwhile"
    status = 412


class UnseenChangesError(ParticipantError):
    """Changes to a competition are to be made that nobody has looked at."""

    title = "Look at the changes first"
    status = 428


class DeletionRefusedError(ParticipantError):
    """Something that others refer to cannot be deleted."""

    title = "It cannot be deleted"
    status = 409
