"""The one error tree. Participant faults may be shown to participants; platform faults never are."""


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


class InvalidSubmissionError(ParticipantError):
    """An upload that Lethe can tell, without running it, will never work."""

    title = "The submission is not valid"
    status = 422


class UploadTooLargeError(ParticipantError):
    """An upload over the phase's cap."""

    title = "The upload is too large"
    status = 413


class NotFoundError(ParticipantError):
    """What was asked for does not exist, or is not the asker's to see."""

    title = "Not found"
    status = 404


class NotAuthenticatedError(ParticipantError):
    """No token, or one that Lethe does not know."""

    title = "Not signed in"
    status = 401


class NotAllowedError(ParticipantError):
    """The asker is known, but may not do this."""

    title = "Not allowed"
    status = 403


class NotParticipantError(ParticipantError):
    """The asker does not take part in the competition: not yet, or no longer."""

    title = "You do not take part"
    status = 403


class PhaseClosedError(ParticipantError):
    """The phase takes no submissions now."""

    title = "The phase takes no submissions now"
    status = 409


class InvalidRequestError(ParticipantError):
    """A parameter or the body of a request has not the form that it must have; `errors` says where."""

    title = "The request is not valid"
    status = 422


class InvalidCursorError(ParticipantError):
    """A `cursor` that the list did not give."""

    title = "The cursor is not valid"
    status = 422


class RateLimitedError(ParticipantError):
    """Too many requests in too short a time; `Retry-After` says when to come back."""

    title = "Too many requests"
    status = 429


class QuotaExceededError(ParticipantError):
    """The team has used up what it may submit; the message says which quota, its limit and when it resets."""

    title = "The quota is used up"
    status = 429


class IdempotencyKeyReusedError(ParticipantError):
    """An `Idempotency-Key` that stands for another upload already."""

    title = "The idempotency key stands for another upload"
    status = 422


class TermsNotAcceptedError(ParticipantError):
    """Somebody would join a competition without accepting its terms."""

    title = "The terms have to be accepted"
    status = 422


class TeamRefusedError(ParticipantError):
    """The rules do not allow this change of a team, or not now; the message says which rule."""

    title = "The team cannot be changed so"
    status = 409


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


class InvalidCompetitionError(ParticipantError):
    """A competition.yaml that does not say what a competition needs."""

    title = "The competition is not valid"
    status = 422


class AdmissionRefusedError(ParticipantError):
    """Somebody is in that state already, or cannot come to it from where they are."""

    title = "The participant is not in that state"
    status = 409


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


class UnknownScoringVersionError(ParticipantError):
    """A version of the metric that Lethe does not know."""

    title = "There is no such scoring version"
    status = 422


class RescoringRefusedError(ParticipantError):
    """The phase cannot be scored under that version now."""

    title = "The phase cannot be rescored now"
    status = 409


class InvalidAccountError(ParticipantError):
    """A name, password or e-mail address that an account cannot have."""

    title = "The account cannot be like that"
    status = 422


class InvalidTokenError(ParticipantError):
    """An access token that cannot be made as asked for."""

    title = "The token cannot be made"
    status = 422


class WrongPasswordError(ParticipantError):
    """The name and the password are not those of an account; which of them is wrong is not said."""

    title = "The name or the password is wrong"
    status = 401


class CrossSiteError(ParticipantError):
    """A browser was sent here with its cookie by a page that is not Lethe's, or by an old one."""

    title = "The request did not come from a page of Lethe"
    status = 403


class NameTakenError(ParticipantError):
    """Another account has the name."""

    title = "The name is taken"
    status = 409


class EmailTakenError(ParticipantError):
    """Another account has the address; only who reads its mails is told."""

    title = "The address belongs to another account"
    status = 409


class LastAdminError(ParticipantError):
    """The only admin cannot go."""

    title = "The last admin stays"
    status = 409


class LastSignInError(ParticipantError):
    """The only way to sign in to an account cannot go."""

    title = "The last way to sign in stays"
    status = 409


class SpentTokenError(ParticipantError):
    """What a mail carried is unknown, used or too old."""

    title = "The link is no longer good"
    status = 410


class MailError(PlatformError):
    """A mail could not be handed over; the message says why."""


class OpenIdError(ParticipantError):
    """Signing in at the OpenID provider did not work out."""

    title = "Signing in elsewhere failed"
    status = 400


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


class IllegalTransitionError(PlatformError):
    """A change of state that the lifecycle does not allow."""


class HostUnfitError(PlatformError):
    """This worker host cannot take work as it is; the message says what to mend."""


class SandboxUnavailableError(HostUnfitError):
    """No sandbox on this machine keeps its promises; the message says what to install."""


class GpuUnavailableError(HostUnfitError):
    """A GPU of this worker host is missing, or its memory is not free; the message says who holds it."""


class LeaseLostError(PlatformError):
    """Another worker holds the shard now, or nobody wants it: this one must stop and store nothing more."""


class BrokerError(PlatformError):
    """The broker does not answer."""


class StorageError(PlatformError):
    """A stored object is missing or does not match its hash."""


class DamagedObjectError(StorageError):
    """A stored object whose bytes do not match its name."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"object {sha256} is damaged: its bytes do not match its name")
        self.sha256 = sha256
