"""Passwords: which of them are good enough, and their argon2id hashes."""

import threading
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from core.errors import InvalidAccountError

MIN_CHARACTERS = 12
MAX_CHARACTERS = 1024

# RFC 9106's second recommendation: 3 passes over 64 MiB.
hasher = PasswordHash((Argon2Hasher(time_cost=3, memory_cost=64 * 1024, parallelism=4),))
# Each takes 64 MiB: many sign-ins at once must not take the memory of the whole host.
_AT_ONCE = threading.BoundedSemaphore(2)

# The most common passwords of published leaks that are long enough, and what people make of our own name.
_COMMON = """
123456789012 1234567890123 12345678901234 123456789123 1234567891234 0123456789012 012345678910 121212121212
123123123123 112233445566 123456123456 987654321098 098765432109 1q2w3e4r5t6y 1qaz2wsx3edc q1w2e3r4t5y6
qwertyuiop12 qwertyuiop123 qwertyuiop1234 qwertyuiopas qwertyuiopasdf qwerty123456 qwerty1234567 qwertyqwerty
asdfghjkl123 asdfghjkl1234 asdfasdfasdf zxcvbnm12345 abcdefghijkl abcdefghijklm abcd12345678 abc123456789
abcabcabcabc password1234 password12345 password123456 password1234567 password12345678 passwordpassword
password2023 password2024 password2025 password2026 passw0rd1234 p@ssw0rd1234 p@ssword1234 mypassword12
mypassword123 mypassword1234 newpassword1 changeme1234 changemechangeme letmein12345 letmeinletmein
welcome12345 welcome123456 iloveyou1234 iloveyou12345 iloveyouiloveyou administrator administrator1
adminadmin12 adminadminadmin admin1234567 admin12345678 unlearning12 unlearning123 machineunlearning
lethelethelethe lethe1234567 correcthorsebatterystaple
"""


class Verified(NamedTuple):
    """Whether a password was right, and its hash under today's parameters where the stored one is older."""

    right: bool
    new_hash: str | None


def check(password: str, *, name: str, email: str | None) -> None:
    """Refuse a password that is too short, too long or the first that anybody would try.

    Raises:
        InvalidAccountError: what is wrong with it.
    """
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise InvalidAccountError(
            f"A password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters; a few words make a good one."
        )
    folded = password.casefold()
    if folded == name.casefold() or (email is not None and folded == email.casefold()):
        raise InvalidAccountError("The password must not be your name or your e-mail address.")
    if folded in _COMMON.split() or len(set(folded)) < 3:
        raise InvalidAccountError("This password is among the first that anybody tries; take another one.")


def hash_of(password: str) -> str:
    """Return what is stored of a password. It takes a tenth of a second: hold no transaction meanwhile."""
    with _AT_ONCE:
        return hasher.hash(_normal(password))


def verify(password: str, stored: str | None) -> Verified:
    """Return whether a password has the stored hash; without one the same work is done in vain."""
    with _AT_ONCE:
        vain = decoy()  # made at the first call of a process, whoever that is for
        right, new_hash = hasher.verify_and_update(_normal(password), stored or vain)
        return Verified(right and stored is not None, new_hash)


def _normal(password: str) -> str:
    """Return the same text however a keyboard composes its characters."""
    return unicodedata.normalize("NFKC", password)


@lru_cache
def decoy() -> str:
    """Return the hash of no account's password."""
    return hasher.hash("nobody's password")
