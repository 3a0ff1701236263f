"""The corpus in Docker: every submission from the upload to its verdict, and every control."""

import pytest

from tests.support.corpus_tests import (  # noqa: F401
    controls,
    plants,
    site,
    test_control_succeeds_without_its_protection,
    test_hidden_phase_gives_back_nothing_that_the_other_shows,
    test_submission_ends_as_expected_and_leaves_nothing,
)

KIND = "docker"
pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
