"""What accounts, their tokens, and signing in refuse."""

from core.errors.base import ParticipantError


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


class OpenIdError(ParticipantError):
    """Signing in at the OpenID provider did not work out."""

    title = "Signing in elsewhere failed"
    status = 400
