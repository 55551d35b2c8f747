import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_client.errors import ResponseTooLongError, SlowRetrievalError
from ota_client.network.wire_guard import WireGuard


def guard(*, rate=100, window_s=60, deadline_s=10_000, most_bytes=10**12):
    one = WireGuard("x", minimum_rate_bytes_s=rate, window_s=window_s, deadline_s=deadline_s)
    one.allow(most_bytes)
    return one


@given(st.lists(st.floats(0.001, 100), max_size=200))
def test_a_server_at_the_minimum_rate_is_never_refused(waits):
    g = guard(rate=100, deadline_s=10**9)
    for waited_s in waits:
        g.account(waited_s, int(100 * waited_s) + 1)


@given(st.floats(0.01, 30), st.integers(0, 10**9))
def test_a_server_below_it_is_given_up_within_two_windows_whatever_it_sent_first(step_s, burst):
    g = guard(rate=100, window_s=60)
    g.account(0.0, burst)

    def drip():
        for _ in range(int((2 * 60 + 2 * step_s) / step_s) + 2):
            g.account(step_s, int(50 * step_s))

    with pytest.raises(SlowRetrievalError, match="100 bytes a second"):
        drip()


def test_a_fast_answer_costs_no_memory():
    g = guard()
    for _ in range(100_000):
        g.account(0.001, 65536)
    assert len(g._samples) <= 20


def test_the_deadline_ends_even_a_fast_server():
    g = guard(deadline_s=100)
    for _ in range(100):
        g.account(1, 10**6)
    with pytest.raises(SlowRetrievalError, match="within 100 s"):
        g.account(1, 10**6)


def test_connecting_and_pausing_count_for_the_deadline_and_not_for_the_rate():
    g = guard(rate=100, window_s=60, deadline_s=1000)
    for _ in range(10):
        g.spend(90)
        g.account(1, 100)
    with pytest.raises(SlowRetrievalError, match="within 1000 s"):
        g.spend(91)


def test_the_next_range_of_an_answer_has_a_deadline_and_an_allowance_of_its_own():
    g = guard(deadline_s=100, most_bytes=10_000)
    for _ in range(5):
        g.account(90, 10_000)
        g.go_on(10_000)
    with pytest.raises(ResponseTooLongError):
        g.account(1, 10_001)


def test_bytes_are_counted():
    g = guard(most_bytes=10)
    g.account(0, 10)
    with pytest.raises(ResponseTooLongError, match="at most 10"):
        g.account(0, 1)
