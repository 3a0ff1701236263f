"""The shapes of requests and answers about accounts, sessions and tokens."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.schemas import Answer
from core.access import Principal, Scope
from core.models import AccessToken, Identity, User

# What a password or name has to be is the core's to say; these caps keep a request small.
Login = Annotated[str, Field(max_length=254, description="A name, or a confirmed e-mail address.")]
Password = Annotated[str, Field(max_length=1024)]
Proof = Annotated[str, Field(max_length=128, description="What the link in the mail ends with.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegistrationRequest(_Request):
    """A new account."""

    name: str = Field(max_length=64)
    password: Password
    email: str | None = Field(default=None, max_length=254)


class SignInRequest(_Request):
    """A name or confirmed e-mail address, and its password."""

    login: Login
    password: Password


class EmailRequest(_Request):
    """An address to confirm, and the password once more, where the account has one."""

    email: str = Field(max_length=254)
    password: Password = ""


class ConfirmationRequest(_Request):
    """What a mail carried."""

    token: Proof


class PasswordRequest(_Request):
    """The present password, and the one to come."""

    password: Password
    new_password: Password


class ResetRequest(_Request):
    """Whose password is forgotten."""

    login: Login


class NewPasswordRequest(_Request):
    """What a mail carried, and a new password."""

    token: Proof
    password: Password


class DeletionRequest(_Request):
    """The password once more."""

    password: Password


class TokenRequest(_Request):
    """A token to make."""

    name: str = Field(max_length=64)
    scopes: list[Scope] = Field(max_length=len(Scope))
    expires_at: AwareDatetime | None = None


class AccountAnswer(Answer):
    """An account, as its owner sees it."""

    name: str
    email: str | None = Field(description="Confirmed; null while none is.")
    is_admin: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Describe an account."""
        return cls.model_validate(user)


class SessionAnswer(BaseModel):
    """Who asks, and what the proof may be used for."""

    account: AccountAnswer
    scopes: list[Scope]
    csrf_token: str = Field(
        description="What a browser sends in `X-CSRF-Token` with every request that changes something; "
        "empty for a token."
    )

    @classmethod
    def of(cls, principal: Principal, csrf_token: str) -> Self:
        """Describe somebody who proved who they are."""
        scopes = sorted(principal.scopes)
        return cls(account=AccountAnswer.of(principal.user), scopes=scopes, csrf_token=csrf_token)


class IdentityAnswer(Answer):
    """An identity at an OpenID provider that signs in to an account."""

    id: UUID
    issuer: str = Field(description="The provider.")
    subject: str = Field(description="Whom it calls so, for ever.")

    @classmethod
    def of(cls, identity: Identity) -> Self:
        """Describe an identity."""
        return cls.model_validate(identity)


class IdentityList(BaseModel):
    """The identities that an account is linked to."""

    identities: list[IdentityAnswer]


class TokenAnswer(Answer):
    """A token, without what it is."""

    id: UUID
    name: str
    hint: str = Field(description="What it begins with.")
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")

    @classmethod
    def of(cls, token: AccessToken) -> Self:
        """Describe a token."""
        return cls.model_validate(token)


class NewTokenAnswer(TokenAnswer):
    """A token, shown this once."""

    token: str


class TokenList(BaseModel):
    """The tokens of an account that are still good, the newest first."""

    tokens: list[TokenAnswer]
