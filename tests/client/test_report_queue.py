"""The report queue: what it tells, what it keeps, what it drops, and what it does when it is damaged."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fleet_server import make_queue
from support.simulated import make_device

from ota_client.counters.health import CounterHealth, CounterReport
from ota_client.errors import FetchError, HttpStatusError, PayloadError, StateCorruptError
from ota_client.fleet.news import Told, news
from ota_client.fleet.queue_content import ENTRIES_MOST, QueueContent
from ota_client.formats.strict import canonical_json
from ota_client.formats.version import Version
from ota_client.protocol import DETAIL_LONGEST, Assignment, ReportState
from ota_client.recovery import Phase
from ota_client.report import SlotReport, Status
from ota_client.state import BadRelease

NOW = datetime(2026, 6, 1, tzinfo=UTC)
V1, V2, V3 = (Version(1, minor, 0) for minor in range(3))
BAD_2 = BadRelease(V2, "2" * 64)


@pytest.fixture
def device(tmp_path, repository):
    return make_device(tmp_path, repository)


@pytest.fixture
def status(device):
    return device.client.status()


@pytest.fixture
def queue(device, status):
    queue = make_queue(device.storage, device.config.state_dir)
    queue.note(status, NOW)
    return queue


class Server:
    """Counts what it is sent; ``refuses`` says which reports it cannot read."""

    def __init__(self, refuses=lambda _: False):
        self.counted, self.batches, self._refuses = [], [], refuses

    def __call__(self, _stream, reports):
        self.batches.append(len(reports))
        if any(map(self._refuses, reports)):
            raise HttpStatusError("422", 422)
        self.counted += [(str(report.version), report.state.value) for report in reports]
        return reports[-1].sequence


def at(status, phase, version=V1, *, bad=()):
    """The status of a device in a phase: of the running version, or of the one that waits."""
    slot_a, slot_b = status.slots
    if phase is Phase.INSTALLED:
        slots = (replace(slot_a, primary=False), replace(slot_b, primary=True, version=version))
        return replace(status, phase=phase, running=V1, slots=slots, bad_releases=bad)
    return replace(status, phase=phase, running=version, bad_releases=bad)


def test_what_runs_at_the_beginning_is_no_news(queue):
    assert queue.empty


def test_states_that_were_passed_unseen_are_filled_in(queue, status):
    queue.downloading(V2, NOW)
    queue.note(at(status, Phase.IDLE, V2), NOW)
    queue.send(server := Server())
    assert server.counted == [
        ("1.1.0", "downloading"),
        ("1.1.0", "installed"),
        ("1.1.0", "trial"),
        ("1.1.0", "confirmed"),
    ]


def test_a_release_that_was_never_seen_under_way_has_only_its_present_state(queue, status):
    queue.note(at(status, Phase.IDLE, V3, bad=(BAD_2,)), NOW)
    queue.send(server := Server())
    assert server.counted == [("1.1.0", "fell_back"), ("1.2.0", "confirmed")]


def test_a_device_whose_first_agent_starts_on_trial_reports_the_trial_and_its_end(device, status):
    queue = make_queue(device.storage, device.config.state_dir)
    queue.note(at(status, Phase.TRIAL, V2), NOW)
    queue.note(at(status, Phase.IDLE, V2), NOW)
    queue.send(server := Server())
    assert server.counted == [("1.1.0", "trial"), ("1.1.0", "confirmed")]


def test_reports_name_the_assignment_of_their_release_alone(device, queue, status):
    queue.assign(Assignment(7, V2, consent_wanted=False))
    queue.note(at(status, Phase.IDLE, V3, bad=(BAD_2,)), NOW)
    content = queue._peek()
    assert [(entry.version, entry.assignment) for entry in content.entries] == [(V2, 7), (V3, None)]


def test_of_what_nobody_takes_the_final_states_stay_longest(queue, status):
    queue.note(at(status, Phase.IDLE, V2), NOW)
    for _ in range(ENTRIES_MOST):
        queue.answer(V3, ReportState.FAILED, NOW, PayloadError("bad"))
    queue.downloading(V3, NOW)
    states = [entry.state for entry in queue._peek().entries]
    assert len(states) == ENTRIES_MOST
    assert states.count(ReportState.CONFIRMED) == 1
    assert ReportState.DOWNLOADING not in states
    queue.send(server := Server())
    assert queue.empty
    assert len(server.counted) == ENTRIES_MOST


def test_texts_of_errors_are_one_short_line(queue):
    queue.answer(V3, ReportState.FAILED, NOW, PayloadError("a\nb\x1b[31m" + "\U0001f4a9" * 5000))
    (entry,) = queue._peek().entries
    fields = entry.to_fields()
    assert str(fields["detail"]).startswith("a?b?[31m")
    assert len(str(fields["detail"])) == DETAIL_LONGEST


def test_what_is_sent_fits_into_a_body(queue):
    for _ in range(ENTRIES_MOST):
        queue.answer(V3, ReportState.FAILED, NOW, PayloadError("\U0001f4a9" * DETAIL_LONGEST))
    sizes = []

    def measure(_stream, reports):
        sizes.append(len(canonical_json([report.to_fields() for report in reports])))
        return reports[-1].sequence

    queue.send(measure)
    assert max(sizes) < 60 * 1024


def test_a_report_that_a_server_cannot_read_holds_up_no_other(queue, status, caplog):
    queue.note(at(status, Phase.IDLE, V2), NOW)
    queue.answer(V3, ReportState.FAILED, NOW, PayloadError("bad"))
    queue.note(at(status, Phase.IDLE, V3), NOW)
    queue.send(server := Server(lambda report: report.state is ReportState.FAILED))
    assert server.counted == [("1.1.0", "confirmed"), ("1.2.0", "confirmed")]
    assert queue.empty
    assert "a report is dropped" in caplog.text


@pytest.mark.parametrize("error", [FetchError("down"), HttpStatusError("500", 500)])
def test_what_cannot_be_sent_is_kept(queue, status, error):
    def down(*_):
        raise error

    queue.note(at(status, Phase.IDLE, V2), NOW)
    with pytest.raises(FetchError):
        queue.send(down)
    assert not queue.empty


@pytest.mark.parametrize("damage", ["both copies", "its content"])
def test_a_damaged_queue_begins_a_new_stream_and_goes_on(device, queue, status, damage):
    before = queue._peek().stream
    path = str(device.config.state_dir / "reports")
    if damage == "its content":
        queue._record.write(b'{"format":"ratchet-reports/9"}')
    else:
        for copy in (f"{path}.0", f"{path}.1"):
            with device.storage.open(copy, writable=True) as file:
                file.write_at(20, b"rotten")
    queue = make_queue(device.storage, device.config.state_dir)
    queue.note(at(status, Phase.IDLE, V2), NOW)
    assert queue.empty
    assert queue._peek().stream != before
    queue.note(at(status, Phase.IDLE, V3), NOW)
    queue.send(server := Server())
    assert server.counted == [("1.2.0", "confirmed")]


def slot(name):
    flags = dict.fromkeys(("booted", "primary", "bootable", "good", "complete"), True)
    return SlotReport(name=name, tries_left=0, version=V1, rollback_index=1, **flags)


BASE = Status(
    product="gateway",
    hardware_id="gw-rev2",
    channel="stable",
    phase=Phase.IDLE,
    running=V1,
    stored_rollback_index=1,
    rollback_counter=CounterReport("record", CounterHealth.OK, 1),
    traffic=None,
    root_version=1,
    slots=(slot("A"), replace(slot("B"), booted=False)),
    offered=None,
    advisories=(),
    bad_releases=(),
)
versions = st.sampled_from([V1, V2, V3])
bads = st.lists(versions, unique=True, max_size=2).map(
    lambda found: tuple(BadRelease(version, "0" * 64) for version in found)
)


@given(st.lists(st.tuples(st.sampled_from(Phase), versions, bads), min_size=1, max_size=8))
def test_whatever_a_device_does_the_same_state_is_told_once_and_a_second_look_tells_nothing(seen):
    told = Told.beginning(at(BASE, *seen[0][:2], bad=seen[0][2]))
    for phase, version, bad in seen:
        status = at(BASE, phase, version, bad=bad)
        told, changes = news(told, status)
        assert len(set(changes)) == len(changes)
        again, none = news(told, status)
        assert (again, none) == (told, ())
        content = QueueContent("s", 1, told).with_changes(told, changes, NOW)
        assert QueueContent.from_bytes(content.to_bytes()) == content


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
        ),
    ).map(lambda value: canonical_json({"format": "ratchet-reports/1", "told": value, "next": value}))
)
def test_a_queue_that_is_none_is_refused(data):
    with pytest.raises(StateCorruptError):
        QueueContent.from_bytes(data)
