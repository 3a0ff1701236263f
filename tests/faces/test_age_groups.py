"""Age groups: where an age falls, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.age_groups import AgeGroups

spans = st.tuples(st.integers(0, 120), st.integers(0, 120)).map(sorted)


@given(spans, st.data())
def test_of_gives_the_only_bin_that_holds_the_age(span, data):
    groups = AgeGroups(*span)
    age = data.draw(st.integers(*span))
    (group,) = groups.of(np.array([age]))
    assert 0 <= group <= 9
    assert groups.edges[group] <= age < groups.edges[group + 1]


def test_decades_are_decades():
    groups = AgeGroups(0, 99)
    assert groups.of(np.arange(100)).tolist() == [age // 10 for age in range(100)]
    assert groups.of(np.arange(100)).dtype == np.int64


def test_unknown_age_has_no_group():
    assert AgeGroups(20, 40).of(np.array([-1, 20, -1])).tolist() == [-1, 0, -1]


@pytest.mark.parametrize("age", [19, 41])
def test_age_outside_the_span_is_refused(age):
    with pytest.raises(ValueError, match=r"not all within 20\.\.40"):
        AgeGroups(20, 40).of(np.array([30, age]))


def test_span_of_one_age_has_one_group_in_use():
    assert AgeGroups(30, 30).of(np.array([30, 30])).tolist() == [0, 0]


def test_span_upside_down_is_refused():
    with pytest.raises(ValueError, match="is below the youngest"):
        AgeGroups(40, 20)


def test_manifest_entry_is_json():
    edges = json.loads(json.dumps(AgeGroups(20, 39).to_dict()))["edges"]
    assert edges == [20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40]
