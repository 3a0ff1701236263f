"""What `inert` leaves as it is, and what it writes out."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from core.inert import inert


def test_honest_text_of_any_language_stays() -> None:
    text = "Épreuve 試験 ελληνικά עברית 🙂\n\tloss=0.5, 10 %\n"
    assert inert(text) == text


def test_line_ends_of_every_kind_become_newlines() -> None:
    assert inert("a\rb\r\nc\nd") == "a\nb\nc\nd"
    assert inert("a\x0bb\x0cc\x85d\u2028e") == r"a\x0bb\x0cc\x85d\u2028e"


def test_characters_beyond_the_first_planes_are_written_out() -> None:
    assert inert("\U000e0041\ud800") == r"\U000e0041\ud800"


@given(st.text())
def test_nothing_that_acts_is_left_and_a_second_time_changes_nothing(text: str) -> None:
    shown = inert(text)
    acting = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}}
    assert acting <= {"\n", "\t"}
    assert inert(shown) == shown
