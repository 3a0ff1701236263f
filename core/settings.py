"""Settings of one Lethe installation, read from `LETHE_*` environment variables."""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_URL = "http://127.0.0.1:8000"
SandboxChoice = Literal["auto", "docker", "bubblewrap"]


def address_file(home: Path) -> Path:
    """Return where the embedded installation of a home folder says, while it runs, at which address."""
    return home / "address"


def address_in(home: Path) -> str:
    """Return the address of the embedded installation that runs in a home folder; empty if none does."""
    try:
        return address_file(home).read_text(encoding="utf-8")
    except OSError:
        return ""


class Settings(BaseSettings):
    """Every default is the embedded installation: one machine, one folder, nothing installed but Python."""

    model_config = SettingsConfigDict(env_prefix="LETHE_", extra="ignore", frozen=True)

    home: Path = Path(".lethe")
    """Folder that holds all state of the embedded installation."""

    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite in `home`."""

    storage_url: str = ""
    """Object-store URL (`file:///…`, `s3://bucket/prefix`); empty means a folder in `home`."""

    broker_url: str = ""
    """Celery broker URL; empty means the embedded Valkey's socket in `home`."""

    mode: Literal["development", "production"] = "development"
    """Production refuses what development only warns of: see `worker.sandboxes.preflight`."""

    sandbox: SandboxChoice = "auto"
    sandbox_image: str = "lethe-sandbox:dev"
    """Name or id of the image. A worker runs what it proved: the image that had this name when it started."""
    sandbox_runtime: str = ""
    """The Docker engine's word for the runtime, for example `runsc`; empty means the engine's default."""
    sandbox_gpus: Annotated[tuple[str, ...], NoDecode] = ()
    """Numbers or UUIDs, as nvidia-smi says them, of the GPUs that this worker has, separated by commas.

    A worker with GPUs takes the work of phases on "cuda" and no other; one without takes all else.
    """
    sandbox_patched: Annotated[tuple[str, ...], NoDecode] = ()
    """CVE numbers, separated by commas, that this host's packages have mended under an older version."""

    node_name: str = "local"
    """Name of this worker host, unique among the hosts; leases are held under it."""

    lease_ttl_s: float = Field(default=60.0, gt=0)
    sweep_interval_s: float = Field(default=5.0, gt=0)
    max_failures: int = Field(default=3, ge=1)
    """How often in a row the platform may fail at a shard before it gives up."""
    worker_slots: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Shards that this worker works on at a time; one with GPUs works on as many as it has GPUs."""

    max_upload_bytes: int = Field(default=64 * 2**20, gt=0)
    """Cap of the platform on one request body; a phase may ask for less."""

    board_age_s: float = Field(default=1.0, ge=0)
    """For how long a page of a public leaderboard is shown to others before it is read anew."""

    public_url: str = Field(default_factory=lambda known: address_in(known["home"]) or DEFAULT_URL)
    """Address under which browsers reach the pages; mails link to it, and with https cookies ask for it.

    By default that of the embedded installation that runs in `home`.
    """
    trusted_proxies: int = Field(default=0, ge=0)
    """How many reverse proxies stand before the API; each adds one address to `X-Forwarded-For`."""

    smtp_url: SecretStr = SecretStr("")
    """`smtp://user:password@host:587` (STARTTLS) or `smtps://…`; empty means the courier's log."""
    mail_from: str = "Lethe <lethe@localhost>"
    """Sender of all mails."""

    sent_kept_days: int = Field(default=30, ge=1, le=36_500)
    """For how long it is known what mails and deliveries to webhooks were sent, or given up."""

    webhook_loopback: bool = False
    """Whether webhooks may call this very host, also without TLS: to try them, in development only."""
    reads_per_minute: int = Field(default=600, ge=0)
    """How often an account, or an address where nobody is signed in, may read; 0 here and below: no limit."""
    writes_per_minute: int = Field(default=120, ge=0)
    uploads_per_minute: int = Field(default=30, ge=0)
    """How often it may try to upload a submission; quotas are another matter."""
    strangers_per_minute: int = Field(default=60, ge=0)
    """How often an address may send a token that is not good."""
    oidc_issuer: str = ""
    """Address of an OpenID Connect provider to sign in with; empty means none."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_label: str = "OpenID"
    """What the provider is called on the pages."""

    @field_validator("sandbox_gpus", "sandbox_patched", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        words = value.split(",") if isinstance(value, str) else value
        return tuple(word.strip() for word in words if word.strip())

    @field_validator("public_url")
    @classmethod
    def _origin(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^/?#@\s]+/?", url):
            raise ValueError("LETHE_PUBLIC_URL is like https://lethe.example, without a path")
        return url.rstrip("/")

    @field_validator("webhook_loopback")
    @classmethod
    def _in_development(cls, allowed: bool, info: ValidationInfo) -> bool:
        if allowed and info.data.get("mode") == "production":
            raise ValueError("webhooks may not call this host in production")
        return allowed

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    def resolved_database_url(self) -> str:
        """Return the SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{self.home / 'lethe.db'}"

    def resolved_storage_url(self) -> str:
        """Return the object-store URL of the storage."""
        return self.storage_url or (self.home / "storage").as_uri()

    def installation(self) -> str:
        """Return the name under which this host's sandboxes run; two installations on a host differ."""
        return f"{self.node_name}:{self.home}"

    def slots(self) -> int:
        """Return how many shards this worker works on at a time."""
        return len(self.sandbox_gpus) or self.worker_slots

    def resolved_broker_url(self) -> str:
        """Return the Celery broker URL."""
        return self.broker_url or f"redis+socket://{self.home / 'valkey.sock'}"


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
