"""The sizes that compiled functions are made for."""

from __future__ import annotations

import pytest

from shockgrid.numerics.size_bucket import size_bucket

UP_TO = 100_000


def test_first_buckets_are_those_of_the_description():
    assert sorted({size_bucket(n) for n in range(41)}) == [*range(1, 9), 10, 12, 14, 16, 20, 24, 28, 32, 40]


def test_a_bucket_holds_its_size_with_at_most_a_quarter_of_padding():
    for n in range(1, UP_TO):
        bucket = size_bucket(n)
        assert n <= bucket
        assert 4 * (bucket - n) < n


def test_buckets_never_shrink_as_sizes_grow():
    buckets = [size_bucket(n) for n in range(UP_TO)]
    assert buckets == sorted(buckets)


def test_a_bucket_is_its_own_bucket():
    """So what is padded once is not padded again."""
    for bucket in {size_bucket(n) for n in range(UP_TO)}:
        assert size_bucket(bucket) == bucket


@pytest.mark.parametrize("smallest", [8, 100])
def test_a_factor_of_a_thousand_meets_40_shapes(smallest):
    """Four an octave; a thousand is a little less than ten octaves."""
    assert len({size_bucket(n) for n in range(smallest, 1000 * smallest + 1)}) in (40, 41)


def test_no_rows_have_a_bucket_of_one():
    assert size_bucket(0) == 1


def test_small_sizes_share_a_bucket_where_one_asks():
    assert {size_bucket(n, 64) for n in range(65)} == {64}
    assert [size_bucket(n, 64) for n in (65, 100)] == [size_bucket(n) for n in (65, 100)] == [80, 112]
