"""The client of an OpenID Connect provider: code flow with PKCE, state and nonce."""

import json
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Self

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import TypeAdapter, ValidationError

from core.errors import OpenIdError
from core.identities import Claims
from core.settings import get_settings

log = structlog.get_logger(__name__)

_TIMEOUT_S = 10.0
_LEEWAY_S = 60
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_FAULTS = (httpx2.HTTPError, AuthlibBaseError, JoseError, ValueError, KeyError)


@dataclass(frozen=True)
class Flow:
    """What a browser keeps while it is at the provider: it proves that the one who comes back is who left.

    Attributes:
        state: comes back in the address.
        nonce: comes back in the provider's signed answer.
        verifier: without it the code in the address is worth nothing (PKCE).
        next: the path to go on to.
        links: the id of the account that is to be linked, instead of one signed in to; else nothing.
    """

    state: str
    nonce: str
    verifier: str
    next: str
    links: str

    @classmethod
    def new(cls, *, next_path: str, links: str) -> Self:
        """Return a flow that begins."""
        return cls(generate_token(32), generate_token(32), generate_token(64), next_path, links)

    def to_text(self) -> str:
        """Write it down."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read it again.

        Raises:
            OpenIdError: it is none.
        """
        try:
            return TypeAdapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            raise OpenIdError("Signing in took too long, or began in another browser. Try again.") from error


def authorization_url(flow: Flow) -> str:
    """Return where to send the browser.

    Raises:
        OpenIdError: the provider does not say.
    """
    try:
        with _client() as client:
            url, _ = client.create_authorization_url(
                _metadata()["authorization_endpoint"],
                state=flow.state,
                code_verifier=flow.verifier,
                nonce=flow.nonce,
            )
    except _FAULTS as error:
        raise _failure(error) from error
    return str(url)


def redeem(flow: Flow, *, code: str) -> Claims:
    """Return whom the provider vouches for, from the code that the browser brought.

    Raises:
        OpenIdError: the provider does not answer, or its answer is not for us, not signed by it, or stale.
    """
    try:
        metadata = _metadata()
        with _client() as client:
            answer = client.fetch_token(
                metadata["token_endpoint"],
                code=code,
                code_verifier=flow.verifier,
                grant_type="authorization_code",
            )
        keys = KeySet.import_key_set(_get(metadata["jwks_uri"]))
        claims = _validated(answer, keys, flow.nonce)
    except _FAULTS as error:
        raise _failure(error) from error
    return Claims(
        issuer=claims["iss"],
        subject=claims["sub"],
        name=str(claims.get("preferred_username") or claims.get("name") or ""),
        email=str(claims["email"]) if claims.get("email_verified") is True and "email" in claims else None,
    )


def _validated(answer: dict[str, Any], keys: KeySet, nonce: str) -> CodeIDToken:
    settings = get_settings()
    token = jwt.decode(answer["id_token"], keys, algorithms=_ALGORITHMS)
    options = {
        "iss": {"essential": True, "value": _issuer()},
        "aud": {"essential": True, "value": settings.oidc_client_id},
        "sub": {"essential": True},
    }
    params = {
        "nonce": nonce,
        "client_id": settings.oidc_client_id,
        "access_token": answer.get("access_token"),
    }
    claims = CodeIDToken(token.claims, token.header, options, params)
    claims.validate(now=int(time.time()), leeway=_LEEWAY_S)
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise ValueError("the subject is no text of 1 to 255 characters")
    return claims


def _client() -> OAuth2Client:
    settings = get_settings()
    return OAuth2Client(
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value() or None,
        scope="openid profile email",
        redirect_uri=f"{settings.public_url}/sign-in/openid/callback",
        code_challenge_method="S256",
        timeout=_TIMEOUT_S,
    )


def _issuer() -> str:
    return get_settings().oidc_issuer


@lru_cache(maxsize=1)
def _discovered(issuer: str) -> dict[str, Any]:
    metadata: dict[str, Any] = _get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if metadata["issuer"] != issuer:
        raise ValueError(f"the provider calls itself {metadata['issuer']}")
    return metadata


def _metadata() -> dict[str, Any]:
    return _discovered(_issuer())


def _get(url: str) -> Any:
    response = httpx2.get(url, timeout=_TIMEOUT_S)
    response.raise_for_status()
    return response.json()


def _failure(error: Exception) -> OpenIdError:
    # The operators learn what it was; whoever signs in can do nothing with it.
    log.warning("openid_failed", error=f"{type(error).__name__}: {error}")
    return OpenIdError("The provider did not vouch for you. Try again, or sign in with your password.")
