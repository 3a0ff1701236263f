"""The roots of the one error tree: participant faults and platform faults are separate branches."""


class LetheError(Exception):
    """Root of every error that Lethe raises on purpose."""


class ParticipantError(LetheError):
    """The request or the submission is at fault; the message says what was wrong and what to do.

    `retry_after_s` is in how many seconds the same request can succeed, where that is known.
    """

    title = "The request cannot be carried out"
    status = 400

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PlatformError(LetheError):
    """Lethe or its surroundings are at fault; the message is for organizers and logs only."""
