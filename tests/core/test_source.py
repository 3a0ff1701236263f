"""What an upload may look like, and how a refusal is worded."""

import pytest

from core.errors import InvalidSubmissionError
from core.source import check_source


@pytest.mark.parametrize(
    "source",
    [
        "def unlearning(net, retain, forget, val): pass",
        "def unlearning(net, retain, forget, val, *, steps=3): pass",
        "def unlearning(net, retain, forget, val, steps=3): pass",
        "def unlearning(*loaders): pass",
        "from torch import nn as unlearning",
        "unlearning = lambda net, retain, forget, val: net",
        "if True:\n    def unlearning(net, retain, forget, val): pass",
        "# -*- coding: latin-1 -*-\ndef unlearning(net, retain, forget, val): pass",
    ],
)
def test_check_source_accepts(source: str) -> None:
    check_source(source.encode())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "defines no function `unlearning`"),
        (b"def learning(net, retain, forget, val): pass", "defines no function `unlearning`"),
        (b"class A:\n    def unlearning(self, net, retain, forget, val): pass", "defines no function"),
        (b"x = 1\ndef unlearning(net, retain, forget, val:\n    pass", "Syntax error in line 2"),
        (b"def unlearning(net, retain, forget): pass", "takes 3 arguments"),
        (b"def unlearning(net, retain, forget, val, device): pass", "requires `device` beyond the four"),
        (b"def unlearning(net, retain, forget, val, *, lr): pass", "requires `lr` beyond the four"),
        (b"async def unlearning(net, retain, forget, val): pass", "async"),
        (b"def unlearning(net, retain, forget, val): pass\0", "null bytes"),
        (b"\xff\xfe\x00", "null bytes"),
        (b"\xff\xfedef", "Syntax error"),
        (b"x = " + b"(" * 5000 + b")" * 5000, "Syntax error|cannot be parsed"),
        (b"x = " + b"-" * 100_000 + b"1", "cannot be parsed|Syntax error"),
    ],
)
def test_check_source_refuses_and_says_why(source: bytes, message: str) -> None:
    with pytest.raises(InvalidSubmissionError, match=message):
        check_source(source)
