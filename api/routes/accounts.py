"""Accounts: made, confirmed, changed and deleted by their owners."""

from uuid import UUID

from fastapi import BackgroundTasks, Response, status

from api import problems
from api.account_schemas import (
    AccountAnswer,
    ConfirmationRequest,
    DeletionRequest,
    EmailRequest,
    IdentityAnswer,
    IdentityList,
    NewPasswordRequest,
    PasswordRequest,
    RegistrationRequest,
    ResetRequest,
)
from api.dependencies import ClientAddress, CurrentSession, CurrentUser, ReadingSession
from api.identity import clear_cookie
from api.routing import Router
from core import accounts, deletion, identities, proofs, signing_in
from core.errors import (
    EmailTakenError,
    InvalidAccountError,
    LastAdminError,
    LastOrganizerError,
    LastSignInError,
    NameTakenError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    RateLimitedError,
    SpentTokenError,
    WrongPasswordError,
)

router = Router(tags=["accounts"])


@router.post(
    "/accounts",
    summary="Register",
    status_code=status.HTTP_201_CREATED,
    responses=problems.document(NameTakenError, InvalidAccountError, RateLimitedError),
)
def register(wanted: RegistrationRequest, address: ClientAddress) -> AccountAnswer:
    """Make an account, which works at once; a given e-mail address is its own once it is confirmed."""
    user = accounts.register(wanted.name, wanted.password, email=wanted.email, address=address)
    return AccountAnswer.of(user)


@router.post(
    "/account/email",
    summary="Give another e-mail address",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems.document(
        NotAuthenticatedError, WrongPasswordError, InvalidAccountError, RateLimitedError
    ),
)
def change_email(wanted: EmailRequest, user: CurrentUser) -> Response:
    """Write to an address; it is the account's once its reader follows the link."""
    signing_in.change_email(user, wanted.email, password=wanted.password)
    return Response(status_code=status.HTTP_202_ACCEPTED)


@router.post(
    "/account/confirmation",
    summary="Confirm an e-mail address",
    responses=problems.document(SpentTokenError, EmailTakenError),
)
def confirm_email(sent: ConfirmationRequest) -> AccountAnswer:
    """Make the address that a mail was written to the account's."""
    return AccountAnswer.of(proofs.confirm(sent.token))


@router.put(
    "/account/password",
    summary="Change the password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(
        NotAuthenticatedError, NotAllowedError, InvalidAccountError, RateLimitedError
    ),
)
def change_password(wanted: PasswordRequest, session_id: CurrentSession, user: CurrentUser) -> None:
    """Set another password, and sign all other browsers out."""
    signing_in.change_password(user, session_id, password=wanted.password, new_password=wanted.new_password)


@router.post(
    "/account/reset-request",
    summary="Ask for a new password",
    status_code=status.HTTP_202_ACCEPTED,
    response_class=Response,
    responses=problems.document(RateLimitedError),
)
def request_reset(forgotten: ResetRequest, address: ClientAddress, background: BackgroundTasks) -> Response:
    """Write to the account's confirmed address, if there is one; the answer is always the same."""
    proofs.check_reset(address)
    # After the answer, so that its time tells nothing.
    background.add_task(proofs.send_reset, forgotten.login)
    return Response(status_code=status.HTTP_202_ACCEPTED, background=background)


@router.post(
    "/account/reset",
    summary="Set a new password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(SpentTokenError, InvalidAccountError),
)
def reset_password(wanted: NewPasswordRequest) -> None:
    """Set a password with what a mail carried; it ends all sessions and revokes all tokens."""
    proofs.reset(wanted.token, wanted.password)


@router.get(
    "/account/identities",
    summary="List linked identities",
    responses=problems.document(NotAuthenticatedError, NotAllowedError),
)
def list_identities(user: CurrentUser, session: ReadingSession) -> IdentityList:
    """Return with which identities of an OpenID provider one signs in to the account."""
    linked = identities.list_linked(session, user.id)
    return IdentityList(identities=[IdentityAnswer.of(identity) for identity in linked])


@router.delete(
    "/account/identities/{identity_id}",
    summary="Unlink an identity",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError, LastSignInError),
)
def unlink_identity(identity_id: UUID, session_id: CurrentSession, user: CurrentUser) -> None:
    """Let an identity sign in no longer, and sign all other browsers out; one way to sign in has to stay."""
    identities.unlink(user, identity_id, session_id=session_id)


@router.post(
    "/account/deletion",
    summary="Delete the account",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(
        NotAuthenticatedError,
        WrongPasswordError,
        NotAllowedError,
        LastAdminError,
        LastOrganizerError,
        RateLimitedError,
    ),
)
def delete_account(wanted: DeletionRequest, user: CurrentUser, response: Response) -> None:
    """Delete the account for good; its results stay, under a name that says nothing."""
    deletion.delete_account(user, password=wanted.password)
    clear_cookie(response)
