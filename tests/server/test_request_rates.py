"""How often one device, and one address, may ask (B07)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.device_api import ApiUnderTest

from ota_server.errors import TooManyError
from ota_server.web.rates import RateLimit, Rates


def taken(limit, caller, now_s):
    try:
        limit.take(caller, now_s)
    except TooManyError as e:
        return e.retry_after_s
    return 0


def test_who_was_quiet_may_ask_a_minute_s_worth_at_once():
    limit = RateLimit(5)
    assert [taken(limit, "a", 1000.0) for _ in range(7)] == [0, 0, 0, 0, 0, 12, 12]
    assert taken(limit, "b", 1000.0) == 0


def test_what_is_refused_is_not_counted_and_the_time_that_is_told_is_enough():
    limit = RateLimit(5)
    for _ in range(100):
        wait_s = taken(limit, "a", 50.0)
    assert wait_s == 12
    assert taken(limit, "a", 50.0 + wait_s) == 0
    assert taken(limit, "a", 50.0 + wait_s) > 0


@given(st.integers(1, 30), st.lists(st.floats(0, 20), max_size=60))
def test_over_any_time_no_more_pass_than_the_rate_and_the_first_minute_s_worth(a_minute, pauses):
    limit, now_s, passed = RateLimit(a_minute), 0.0, []
    for pause_s in pauses:
        now_s += pause_s
        if not taken(limit, "a", now_s):
            passed.append(now_s)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            most = a_minute + (passed[last] - passed[first]) * a_minute / 60
            assert last - first + 1 <= most + 1e-6


def test_a_flood_of_callers_takes_bounded_memory():
    limit = RateLimit(5, callers_most=100)
    for number in range(10_000):
        limit.take(f"caller-{number}", 1.0)
        assert len(limit) <= 200


def test_who_asks_all_the_time_is_not_forgotten_in_a_flood():
    limit = RateLimit(5, callers_most=100)
    waits = []
    for number in range(1000):
        limit.take(f"caller-{number}", 1.0)
        waits.append(taken(limit, "a", 1.0))
    assert waits[:5] == [0] * 5
    # each time that it is forgotten it begins anew: once in two floods, not at each request
    assert waits.count(0) <= 5 * 6


def test_one_customer_of_ipv6_is_one_caller():
    rates = Rates(device=5, address=2, enrolment=5)
    for host in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9%eth0"):
        rates.take_address(host, 1.0)
    with pytest.raises(TooManyError):
        rates.take_address("2001:db8:1:2::3", 1.0)
    rates.take_address("2001:db8:1:3::1", 1.0)


def test_an_address_that_nobody_knows_is_limited_by_the_proxy_but_for_enrolment():
    rates = Rates(device=5, address=1, enrolment=1)
    for _ in range(3):
        rates.take_address("-", 1.0)
    rates.take_enrolment("-", 1.0)
    with pytest.raises(TooManyError):
        rates.take_enrolment("-", 1.0)


def test_a_device_that_asks_too_often_is_told_when_to_come_again(tmp_path):
    with ApiUnderTest(tmp_path, device=2) as api:
        device, other = api.device(), api.device("cam-2")
        assert [device.check_in().status for _ in range(3)] == [200, 200, 429]
        refused = device.ask("GET", "/device/v1/assignment")
        assert (refused.json["code"], refused.headers["retry-after"]) == ("too-many", "30")
        assert other.check_in().status == 200
        api.monotonic_s += 30
        assert device.check_in().status == 200


def test_enrolment_is_limited_by_address_before_anything_is_looked_at(tmp_path):
    with ApiUnderTest(tmp_path, enrolment=2) as api:
        asked = [api.ask("POST", "/device/v1/enrol", {}, client="10.0.0.1").status for _ in range(3)]
        assert asked == [422, 422, 429]
        assert api.ask("POST", "/device/v1/enrol", {}, client="10.0.0.2").status == 422
        assert api.device().check_in().status == 200
