"""Who sends a request: what proves it, a token or the cookie of a browser that is signed in."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core import accounts
from core.access import Principal
from core.db import reading

_bearer = HTTPBearer(auto_error=False, description="A token of your account.")


def identify(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal | None:
    """Return who sends the request, or None for nobody.

    Raises:
        NotAuthenticatedError: there is a proof, and it is not good.
    """
    if credentials is None:
        return None
    with reading() as session:
        return accounts.authenticate(session, credentials.credentials)


MaybePrincipal = Annotated[Principal | None, Depends(identify)]
