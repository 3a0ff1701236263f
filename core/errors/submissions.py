"""What is wrong with submissions, and what may not be done with them."""

from core.errors.base import ParticipantError


class InvalidSubmissionError(ParticipantError):
    """An upload that Lethe can tell, without running it, will never work."""

    title = "The submission is not valid"
    status = 422


class UploadTooLargeError(ParticipantError):
    """An upload over the phase's cap."""

    title = "The upload is too large"
    status = 413


class PhaseClosedError(ParticipantError):
    """The phase takes no submissions now."""

    title = "The phase takes no submissions now"
    status = 409


class QuotaExceededError(ParticipantError):
    """The team has used up what it may submit; the message says which quota, its limit and when it resets."""

    title = "The quota is used up"
    status = 429


class IdempotencyKeyReusedError(ParticipantError):
    """An `Idempotency-Key` that stands for another upload already."""

    title = "The idempotency key stands for another upload"
    status = 422


class CancellationRefusedError(ParticipantError):
    """The submission can no longer be cancelled."""

    title = "The submission cannot be cancelled"
    status = 409


class SelectionRefusedError(ParticipantError):
    """The submission cannot be selected, or no longer; the message says why."""

    title = "The submission cannot be selected"
    status = 409


class RerunRefusedError(ParticipantError):
    """The submission cannot be run again now."""

    title = "The submission cannot be run again"
    status = 409


class MigrationRefusedError(ParticipantError):
    """The submissions cannot be taken into that phase; the message says which and why."""

    title = "The submissions cannot be migrated"
    status = 409
