"""Passwords: the policy at its borders, and what is stored."""

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from core import passwords
from core.errors import InvalidAccountError

GOOD = "a few quiet words"


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("elevenchars", "12 to 1024"),
        ("ab " * 342, "12 to 1024"),
        ("Ada.Lovelace.1815", "your name"),
        ("ADA@example.org", "e-mail"),
        ("Password1234", "first that anybody tries"),
        ("abababababababab", "first that anybody tries"),
    ],
)
def test_bad_password_is_refused_with_the_reason(password: str, words: str) -> None:
    with pytest.raises(InvalidAccountError, match=words):
        passwords.check(password, name="ada.lovelace.1815", email="ada@example.org")


@pytest.mark.parametrize(
    "password", [GOOD, "twelve chars", "ab " * 341 + "c", "пароль длинный", " " * 12 + "ab"]
)
def test_password_within_the_borders_is_taken(password: str) -> None:
    passwords.check(password, name="ada", email=None)


def test_hash_is_argon2id_with_the_recommended_cost_and_salted() -> None:
    stored = passwords.hash_of(GOOD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert stored != passwords.hash_of(GOOD)
    assert passwords.verify(GOOD, stored) == (True, None)
    assert passwords.verify(GOOD + " ", stored) == (False, None)


def test_same_characters_composed_differently_are_the_same_password(home: object) -> None:
    assert passwords.verify("ma\u0301s palabras", passwords.hash_of("m\u00e1s palabras")).right


def test_hash_of_older_parameters_is_replaced_when_the_password_is_right(home: object) -> None:
    older = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=8, parallelism=1),)).hash(GOOD)
    verified = passwords.verify(GOOD, older)
    assert verified.right
    assert verified.new_hash is not None
    assert ",t=1," in verified.new_hash
    assert passwords.verify("another one here", older) == (False, None)


def test_no_stored_hash_is_never_right_not_even_for_the_decoys_password(home: object) -> None:
    assert not passwords.verify("nobody's password", None).right
