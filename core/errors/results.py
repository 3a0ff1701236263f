"""What leaderboards, scoring and the publication of results refuse."""

from core.errors.base import ParticipantError


class UnknownScoringVersionError(ParticipantError):
    """A version of the metric that Lethe does not know."""

    title = "There is no such scoring version"
    status = 422


class RescoringRefusedError(ParticipantError):
    """The phase cannot be scored under that version now."""

    title = "The phase cannot be rescored now"
    status = 409


class BoardHiddenError(ParticipantError):
    """The leaderboard is hidden from the asker until its results are published."""

    title = "The leaderboard is hidden"
    status = 403


class PublicationRefusedError(ParticipantError):
    """The results of the phase cannot be published now."""

    title = "The results cannot be published now"
    status = 409


class ResultsPublishedError(ParticipantError):
    """The results of the phase are published: nothing that they say may change."""

    title = "The results are published"
    status = 409


class WinnersRefusedError(ParticipantError):
    """Winners that cannot be announced: nothing is published, or a team is not there."""

    title = "The winners cannot be announced"
    status = 409


class BaselineRefusedError(ParticipantError):
    """The submission cannot stand beside the ranking under that name."""

    title = "The submission cannot be this baseline"
    status = 409
