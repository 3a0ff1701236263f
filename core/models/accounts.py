"""Accounts: who somebody is, and what proves it. No password, token or cookie is stored, only hashes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.lifecycle import TokenPurpose
from core.models.base import Base, Name, Sha256, utc_now


class User(Base):
    """An account. `name_key` and `email` are case-folded; an `email` is one whose owner has confirmed it.

    A deleted account keeps its row, under a name that says nothing, so that results stay.
    """

    __tablename__ = "user"

    name: Mapped[str] = mapped_column(Name, unique=True)
    name_key: Mapped[str] = mapped_column(Name, unique=True)
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]


class AccessToken(Base):
    """A named token of a client; `hint` is its beginning, to know it by, `scopes` what it may be used for."""

    __tablename__ = "access_token"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    name: Mapped[str] = mapped_column(Name)
    hint: Mapped[str] = mapped_column(String(16), default="")
    token_sha256: Mapped[str] = mapped_column(Sha256, unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    user: Mapped[User] = relationship()


class WebSession(Base):
    """A browser that is signed in; what its cookie holds is stored as a hash."""

    __tablename__ = "web_session"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    token_sha256: Mapped[str] = mapped_column(Sha256, unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    user: Mapped[User] = relationship()


class OneTimeToken(Base):
    """What a mail carries to confirm an address or to set a new password; good once, for a while."""

    __tablename__ = "one_time_token"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    purpose: Mapped[TokenPurpose]
    email: Mapped[str] = mapped_column(String(254))
    token_sha256: Mapped[str] = mapped_column(Sha256, unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Identity(Base):
    """Somebody as an OpenID Connect provider knows them."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
