"""The controls of what is refused at the upload: without the check that refuses it, it is accepted."""

import re

import pytest

from tests.support.corpus import read_cases
from tests.support.weakened import read_without

_CASES = {case.name: case for case in read_cases() if case.control and case.refused is not None}


@pytest.mark.parametrize("name", _CASES)
def test_upload_is_accepted_without_the_check_that_refuses_it(name: str) -> None:
    case = _CASES[name]
    assert case.control is not None
    files = read_without(case.control.without, *case.upload())
    assert re.search(case.control.message, files), files
