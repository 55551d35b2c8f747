"""Each report is counted once, whatever comes twice or late (B06)."""

from datetime import UTC, datetime, timedelta

import pytest
from device_rows import NOW, add_device
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from support.fleet import open_database

from ota_client.formats.version import Version
from ota_client.protocol import Report, ReportState
from ota_server import reports
from ota_server.database.schema import device_events, devices, report_streams
from ota_server.errors import UnknownDeviceError
from ota_server.rollouts.penalty import FleetRules

STREAM = "a" * 32


class Counting:
    """A device whose reports are counted."""

    def __init__(self, database):
        self.database = database
        with database.begin() as connection:
            for table in (device_events, report_streams, devices):
                connection.execute(delete(table))
            self.pk = add_device(connection, "cam-1")

    def accept(self, *sequences, stream=STREAM, now=NOW, state=ReportState.DOWNLOADING, **more):
        told = [
            Report(number, more.get("at", NOW), state, Version.parse("1.1.0"), detail=str(number))
            for number in sequences
        ]
        with self.database.begin() as connection:
            return reports.accept(connection, self.pk, stream, told, now=now, rules=FleetRules())

    def events(self):
        with self.database.read() as connection:
            wanted = select(device_events).filter_by(device_pk=self.pk).order_by(device_events.c.id)
            return connection.execute(wanted).all()

    def details(self):
        return [int(event.detail) for event in self.events()]

    def streams(self):
        with self.database.read() as connection:
            return {row.stream: row.sequence for row in connection.execute(select(report_streams))}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    one = open_database(tmp_path_factory.mktemp("reports"))
    yield one
    one.close()


@pytest.fixture
def device(database):
    return Counting(database)


def test_each_report_is_counted_once_whatever_is_sent_again(device):
    assert device.accept(1, 2).sequence == 2
    assert device.accept(1, 2).counted == ()
    assert device.accept(2, 3).counted == (ReportState.DOWNLOADING,)
    assert device.details() == [1, 2, 3]


def test_numbers_that_are_missing_were_dropped_by_a_full_queue(device):
    assert device.accept(5, 9).sequence == 9
    assert device.accept(7).counted == ()
    assert device.details() == [5, 9]


def test_reports_out_of_order_are_put_in_order(device):
    assert device.accept(3, 1, 2, 3).sequence == 3
    assert device.details() == [1, 2, 3]


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=6), max_size=8))
def test_the_count_is_that_of_a_queue_which_only_moves_on(database, batches):
    device, last, expected = Counting(database), 0, []
    for batch in batches:
        new = [number for number in sorted(set(batch)) if number > last]
        last = max([last, *new])
        expected += new
        assert device.accept(*batch).sequence == last
    assert device.details() == expected


def test_each_queue_of_a_device_has_its_own_numbers_and_only_the_last_four_are_known(device):
    names = [letter * 32 for letter in "abcde"]
    for age, name in enumerate(names):
        device.accept(1, 2, stream=name, now=NOW + timedelta(seconds=age))
    assert device.streams() == dict.fromkeys(names[1:], 2)
    assert device.accept(2, stream=names[1]).counted == ()
    assert len(device.details()) == 10


def test_the_history_keeps_the_last_two_hundred(device):
    for first in range(1, 231, 30):
        device.accept(*range(first, first + 30))
    assert device.details() == list(range(41, 241))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (NOW, NOW + timedelta(hours=1)),
        (NOW + timedelta(minutes=59), NOW + timedelta(minutes=59)),
        (NOW + timedelta(minutes=61), NOW + timedelta(hours=1)),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW + timedelta(hours=1)),
    ],
    ids=["before it was known", "possible", "not yet", "no clock"],
)
def test_a_device_s_clock_is_believed_where_it_can_be_right(device, said, written):
    with device.database.begin() as connection:
        created = int((NOW + timedelta(minutes=1)).timestamp())
        connection.execute(devices.update().values(created_at=created))
    device.accept(1, at=said, now=NOW + timedelta(hours=1))
    assert device.events()[0].at == int(written.timestamp())


def test_reports_of_a_device_that_is_gone_are_refused(device):
    device.pk += 1
    with pytest.raises(UnknownDeviceError):
        device.accept(1)
