"""A durable record by itself: killed in one write, cut in the next."""

import pytest
from support.forgetful_storage import ForgetfulStorage

from ota_client.disk.record import Record
from ota_client.errors import StorageError
from ota_client.testing import PowerCutError, SimulatedStorage, Written, every_cut

PATH = "/state/record"
BEFORE, KILLED, AFTER = b"before", b"written by an agent that is killed", b"after"


def written_before():
    storage = SimulatedStorage({})
    Record(storage, PATH).write(BEFORE)
    return storage.files()


def killed_in_a_write(files):
    """A disk for every point at which a writing agent can be killed, its page cache as it was then."""
    number, finished = 0, False
    while not finished:
        storage = SimulatedStorage(files, power=number)
        try:
            Record(storage, PATH).write(KILLED)
            finished = True
        except PowerCutError:
            number += 1
        storage.power = None
        yield storage


@pytest.mark.parametrize("files", [{}, written_before()], ids=["a new record", "an old record"])
@pytest.mark.parametrize("content", [KILLED, AFTER], ids=["the same content", "other content"])
def test_after_a_kill_a_write_holds_wholly_or_not_at_all_and_for_good_when_it_returns(files, content):
    for storage in killed_in_a_write(files):
        first = len(storage.operations)
        Record(storage, PATH).write(content)
        last = len(storage.operations)
        for cut in every_cut(storage.operations, first=first):
            found = Record(SimulatedStorage(cut.medium(storage)), PATH).read()
            possible = {content} if cut.done == last else {content, KILLED, BEFORE if files else None}
            assert found in possible, cut


def test_a_write_of_what_is_there_already_writes_nothing():
    storage = SimulatedStorage(written_before())
    record = Record(storage, PATH)
    record.write(BEFORE)
    assert storage.files() == written_before()
    settled = len(storage.operations)
    record.write(BEFORE)
    assert len(storage.operations) == settled


def test_after_a_failed_sync_the_next_write_does_not_go_over_the_only_durable_copy():
    storage = ForgetfulStorage(written_before())
    record = Record(storage, PATH)
    record.write(KILLED)
    storage.sync_fails = True
    with pytest.raises(StorageError):
        record.write(AFTER)
    record.write(AFTER)
    assert not storage.forgotten
    assert record.read() == AFTER
    written = [o.path for o in storage.operations if isinstance(o, Written)]
    # the copy that the sync had lost is written again, and not the one that it left
    assert written[-1] == written[-2] == written[-3]
