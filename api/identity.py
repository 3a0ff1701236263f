"""Who sends a request: what proves it, a token or the cookie of a browser that is signed in."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import limiting
from core import accounts
from core.access import Principal
from core.db import reading
from core.errors import NotAuthenticatedError

_bearer = HTTPBearer(auto_error=False, description="A token of your account.")


def identify(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal | None:
    """Return who sends the request, or None for nobody.

    Raises:
        NotAuthenticatedError: there is a proof, and it is not good.
        RateLimitedError: too many such proofs came from this address.
    """
    if credentials is None:
        return None
    try:
        with reading() as session:
            return accounts.authenticate(session, credentials.credentials)
    except NotAuthenticatedError:
        limiting.count_stranger(request)
        raise


MaybePrincipal = Annotated[Principal | None, Depends(identify)]
