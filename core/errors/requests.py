"""What is wrong with a request, or with who makes it, whatever it asks for."""

from core.errors.base import ParticipantError


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


class CrossSiteError(ParticipantError):
    """A browser was sent here with its cookie by a page that is not Lethe's, or by an old one."""

    title = "The request did not come from a page of Lethe"
    status = 403
