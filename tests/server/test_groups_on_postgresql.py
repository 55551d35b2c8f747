"""Groups while everything changes at once, on a real PostgreSQL."""

import random
import threading

import pytest
from device_rows import NOW, add_device, check_counters, check_members
from support.fleet import with_tables
from support.postgresql import needs_postgresql, postgresql

from ota_client.formats.version import Version
from ota_client.protocol import CheckIn
from ota_server.database.database import Database
from ota_server.devices import changes, groups, inventory, removal, tags
from ota_server.devices.device_list import DeviceFilter, listed
from ota_server.errors import NotFoundError

pytestmark = [pytest.mark.system, needs_postgresql]
DEVICES = 120
THREADS = 6


@pytest.fixture(scope="module")
def cluster():
    with postgresql() as cluster:
        yield cluster


@pytest.fixture
def database(cluster):
    database = with_tables(Database(cluster.database()))
    yield database
    database.close()


def fill(database):
    with database.begin() as connection:
        return [
            add_device(connection, f"cam-{number:03}", tags=("a",) if number % 2 else ())
            for number in range(DEVICES)
        ]


def test_a_new_and_an_edited_group_count_their_devices(database):
    fill(database)
    with database.begin() as connection:
        made = groups.create(connection, product="camera", name="a", query="tag = a", now=NOW)
        assert made.devices == DEVICES // 2
        edited = groups.edit(
            connection, product="camera", name="a", query="device_id ~ cam-00?", now=NOW
        )
        assert edited.devices == 10
        check_counters(connection)
        check_members(connection)


def test_pages_and_prefixes_are_in_the_order_of_bytes(database):
    with database.begin() as connection:
        for device_id in ("cam_1", "cam-1", "cam.1", "cama", "cam1", "cam"):
            add_device(connection, device_id)
        found, after = [], None
        while after is not None or not found:
            page = listed(connection, DeviceFilter(text="cam"), products=None, after=after, limit=2)
            found += [device.device_id for device in page.items]
            after = page.next_after
            if after is None:
                break
    assert found == sorted(found)
    assert len(found) == 6


def test_groups_are_right_when_devices_change_while_they_are_made(database):
    pks = fill(database)
    errors = []

    def live(seed):
        mine = random.Random(seed)
        try:
            for step in range(25):
                act(database, mine, pks, step)
        except Exception as e:  # noqa: BLE001 - told by the main thread
            errors.append(e)

    threads = [threading.Thread(target=live, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for number in range(6):
        with database.begin() as connection:
            query = f"version < 1.{number}.0 or tag = a and attribute.region = eu"
            groups.create(connection, product="camera", name=f"g{number}", query=query, now=NOW)
        with database.begin() as connection:
            query = f"version >= 1.{number}.0 and not tag = b"
            groups.edit(connection, product="camera", name=f"g{number // 2}", query=query, now=NOW)
    for thread in threads:
        thread.join()
    assert errors == []
    with database.read() as connection:
        check_counters(connection)
        check_members(connection)
        assert sum(group.devices for group in groups.listed(connection, products=None)) > 0


def act(database, mine, pks, step):
    number = mine.randrange(DEVICES)
    device_id = f"cam-{number:03}"
    with database.begin() as connection:
        match mine.randrange(5):
            case 0:
                _retag(connection, device_id, mine.choice("ab"))
            case 1:
                document = {"attributes": {"region": mine.choice(["eu", "us"])}, "slots": []}
                inventory.put(connection, pks[number], document, now=NOW)
            case 2 if step % 5 == 0:
                removal.decommission(connection, device_id, now=NOW)
            case _:
                said = CheckIn(Version(1, mine.randrange(6), 0), 1, "idle", 1, "")
                changes.record_check_in(connection, pks[number], said, now=NOW)


def _retag(connection, device_id, tag):
    try:
        tags.change(connection, device_id, add=[tag], remove=["a" if tag == "b" else "b"], now=NOW)
    except NotFoundError:
        return
