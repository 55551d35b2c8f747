"""B06: forged, replayed, reordered or huge reports."""

import pytest
from sqlalchemy import select
from support.device_api import ApiUnderTest, report

from ota_server.database import schema
from ota_server.devices.events import EVENTS_MOST
from ota_server.reports import STREAMS_MOST


@pytest.fixture
def api(tmp_path):
    with ApiUnderTest(tmp_path) as one:
        yield one


@pytest.fixture
def devices(api):
    """Two devices with an update each."""
    both = api.device("cam-1"), api.device("cam-2")
    for one in both:
        one.check_in()
    api.roll_out(*both)
    for one in both:
        one.number = one.check_in().json["assignment"]["id"]
    return both


def everything(api):
    """All that reports could change."""
    tables = (schema.rollouts, schema.rollout_waves, schema.rollout_devices, schema.device_events)
    with api.database.read() as connection:
        return [connection.execute(select(table)).all() for table in tables]


def counters(api):
    (wave,) = api.rows(schema.rollout_waves)
    return wave.assigned, wave.succeeded, wave.failed + wave.fell_back


def test_a_report_about_another_device_s_assignment_changes_no_rollout(api, devices):
    mine, other = devices
    for sequence, state in enumerate(("downloading", "failed", "fell_back", "confirmed"), 1):
        assert mine.report(report(sequence, state, assignment=other.number)).status == 200
    assert counters(api) == (2, 0, 0)
    assert {row.rollout_id for row in api.rows(schema.device_events, device_pk=mine.pk, code="")} == {
        None
    }
    assert not api.rows(schema.device_events, device_pk=other.pk, kind="confirmed")


def test_a_report_of_nobody_of_a_stranger_or_of_a_removed_device_is_not_counted(api, devices):
    mine, _ = devices
    body = {"stream": "a" * 32, "reports": [report(1, "confirmed", assignment=mine.number)]}
    stranger = api.device("cam-3")
    api.set(schema.devices, {"pk": stranger.pk}, key_sha256="0" * 64)
    api.set(schema.devices, {"pk": mine.pk}, status="revoked")
    before = everything(api)
    for der, status in ((None, 401), (stranger.shown, 401), (mine.shown, 403)):
        assert api.ask("POST", "/device/v1/reports", body, der=der).status == status
    assert everything(api) == before


def test_a_replay_counts_nothing_again_in_whatever_order(api, devices):
    mine, _ = devices
    sent = [
        report(1, "downloading", assignment=mine.number),
        report(2, "failed", assignment=mine.number),
    ]
    assert mine.report(*sent).json == {"accepted": 2}
    before = everything(api)
    for again in (sent, sent[:1], sent[1:], sent[::-1]):
        assert mine.report(*again).json == {"accepted": 2}
    assert everything(api) == before


def test_a_late_repetition_does_not_undo_what_came_after(api, devices):
    mine, _ = devices
    mine.report(report(5, "confirmed", assignment=mine.number))
    assert counters(api) == (1, 1, 0)
    mine.report(report(4, "failed", assignment=mine.number))
    mine.report(report(6, "downloading", assignment=mine.number))
    assert counters(api) == (1, 1, 0)


def test_reports_that_overtook_each_other_in_one_request_end_as_they_happened(api, devices):
    mine, _ = devices
    mine.report(
        report(3, "confirmed", assignment=mine.number),
        report(1, "downloading", assignment=mine.number),
        report(2, "trial", assignment=mine.number),
    )
    kinds = [row.kind for row in api.rows(schema.device_events, device_pk=mine.pk)]
    assert kinds == ["downloading", "trial", "confirmed"]


def test_a_report_of_another_release_than_the_assigned_one_is_not_an_answer(api, devices):
    mine, _ = devices
    mine.report(report(1, "confirmed", version="9.9.9", assignment=mine.number))
    assert counters(api) == (2, 0, 0)


HUGE = [
    {"reports": [report(n) for n in range(1, 34)]},
    {"reports": [report(1, detail="x" * 501)]},
    {"reports": [report(1, code="x" * 65)]},
    {"reports": [report(2**53)]},
    {"reports": [report(0)]},
    {"reports": [report(1, version="1." + "9" * 70 + ".0")]},
    {"reports": [report(1, assignment=2**31)]},
    {"reports": [report(1, state="exploded")]},
    {"reports": [report(1, more=1)]},
    {"reports": []},
    {"stream": "a" * 33},
    {"stream": "../" + "a" * 29},
]


def test_what_is_huge_or_odd_is_refused_whole(api, devices):
    mine, _ = devices
    before = everything(api)
    for huge in HUGE:
        body = {"stream": "a" * 32, "reports": [report(1)], **huge}
        assert mine.ask("POST", "/device/v1/reports", body).status == 422, huge
    assert everything(api) == before


def test_a_body_beyond_its_bound_is_refused_unread(api, devices):
    mine, _ = devices
    assert mine.ask("POST", "/device/v1/reports", b" " * (64 * 1024 + 1)).status == 413


@pytest.mark.system
def test_a_device_that_floods_fills_no_disk(api, devices):
    mine, _ = devices
    for stream in range(12):
        for first in range(1, 97, 32):
            told = [report(n, detail="x" * 500) for n in range(first, first + 32)]
            assert mine.report(*told, stream=f"{stream:032x}").status == 200
    assert len(api.rows(schema.device_events, device_pk=mine.pk)) == EVENTS_MOST
    assert len(api.rows(schema.report_streams, device_pk=mine.pk)) == STREAMS_MOST
    assert counters(api) == (2, 0, 0)
