import hashlib

import pytest
from device_rows import NOW, add_device, member_ids, one_transaction
from sqlalchemy import select

from ota_client.formats.strict import canonical_json
from ota_client.protocol import Inventory
from ota_server.database.schema import devices, inventories
from ota_server.devices import groups, inventory
from ota_server.errors import InvalidError

SLOT = {"name": "A", "version": "1.0.0", "booted": True, "good": True, "bootable": True}
SOUND = Inventory({"region": "eu", "cores": 4, "outdoor": False}, (SLOT, {**SLOT, "version": None}))


@pytest.fixture
def connection():
    with one_transaction() as connection:
        yield connection


@pytest.fixture
def pk(connection):
    return add_device(connection, "cam-1")


def test_an_inventory_is_kept_as_it_came(connection, pk):
    inventory.put(connection, pk, SOUND.to_fields(), now=NOW)
    found = inventory.get(connection, pk)
    assert found.to_fields() == {**SOUND.to_fields(), "updated_at": "2026-11-22T08:00:00Z"}


def test_the_server_computes_the_digest_that_the_device_sends(connection, pk):
    assert inventory.get(connection, pk) is None
    inventory.put(connection, pk, SOUND.to_fields(), now=NOW)
    digest = hashlib.sha256(canonical_json(SOUND.to_fields())).hexdigest()
    assert connection.scalar(select(devices.c.inventory_sha256)) == digest


def test_attributes_bring_a_device_into_a_group_at_once(connection, pk):
    query = "attribute.region = eu and attribute.cores > 2"
    group = groups.create(connection, product="camera", name="eu", query=query, now=NOW)
    inventory.put(connection, pk, SOUND.to_fields(), now=NOW)
    assert member_ids(connection, group.id) == ["cam-1"]
    inventory.put(connection, pk, {"attributes": {"region": "us"}, "slots": []}, now=NOW)
    assert member_ids(connection, group.id) == []


def test_the_same_inventory_again_changes_nothing(connection, pk, monkeypatch):
    inventory.put(connection, pk, SOUND.to_fields(), now=NOW)
    monkeypatch.setattr(inventory, "changed", None)
    inventory.put(connection, pk, SOUND.to_fields(), now=NOW)


def test_a_device_that_is_gone_leaves_none(connection):
    inventory.put(connection, 77, SOUND.to_fields(), now=NOW)
    assert not connection.execute(select(inventories)).all()


@pytest.mark.parametrize(
    ("attributes", "slots", "where"),
    [
        ([], [], "attributes"),
        ({f"a{n}": 1 for n in range(101)}, [], "attributes"),
        ({"Region": "eu"}, [], "attributes"),
        ({"": "eu"}, [], "attributes"),
        ({1: "eu"}, [], "attributes"),
        ({"a": "x" * 257}, [], "attributes.a"),
        ({"a": "\x1b[2J"}, [], "attributes.a"),
        ({"a": "\0"}, [], "attributes.a"),
        ({"a": "\ud800"}, [], "attributes.a"),
        ({"a": None}, [], "attributes.a"),
        ({"a": 1.5}, [], "attributes.a"),
        ({"a": 2**53}, [], "attributes.a"),
        ({"a": {}}, [], "attributes.a"),
        ({}, {}, "slots"),
        ({}, [SLOT] * 9, "slots"),
        ({}, ["A"], r"slots\[0\]"),
        ({}, [SLOT, {"name": []}], r"slots\[1\]\.name"),
        ({}, [{f"f{n}": True for n in range(17)}], r"slots\[0\]"),
        ({f"a{n}": "\U0001f527" * 256 for n in range(100)}, [], "inventory"),
    ],
)
def test_what_is_no_inventory_is_refused_by_name(connection, pk, attributes, slots, where):
    with pytest.raises(InvalidError, match=f"^{where}: expected ") as caught:
        inventory.put(connection, pk, {"attributes": attributes, "slots": slots}, now=NOW)
    assert str(caught.value).isascii()
    assert connection.scalar(select(devices.c.inventory_sha256)) is None


@pytest.mark.parametrize("document", [{}, {"attributes": {}}, {"attributes": {}, "slots": [], "x": 1}])
def test_an_inventory_has_two_parts(connection, pk, document):
    with pytest.raises(InvalidError, match=r"^inventory: expected attributes and slots"):
        inventory.put(connection, pk, document, now=NOW)
