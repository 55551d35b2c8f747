import pytest
from device_rows import NOW, add_device, member_ids, one_transaction

from ota_server.devices import groups, tags
from ota_server.devices.device import find
from ota_server.errors import InvalidError, NotFoundError


@pytest.fixture
def connection():
    with one_transaction() as connection:
        add_device(connection, "cam-1", tags=("beta", "lab"))
        yield connection


def test_tags_are_put_on_and_taken_off(connection):
    assert tags.change(connection, "cam-1", add=["eu", "beta"], remove=["lab", "us"], now=NOW) == (
        "beta",
        "eu",
    )
    assert find(connection, "cam-1").tags == ("beta", "eu")


def test_a_tag_brings_a_device_into_a_group_at_once(connection):
    group = groups.create(connection, product="camera", name="eu", query="tag = eu", now=NOW)
    tags.change(connection, "cam-1", add=["eu"], now=NOW)
    assert member_ids(connection, group.id) == ["cam-1"]
    tags.change(connection, "cam-1", remove=["eu"], now=NOW)
    assert member_ids(connection, group.id) == []


def test_tags_that_it_has_already_evaluate_nothing(connection, monkeypatch):
    monkeypatch.setattr(tags, "changed", None)
    assert tags.change(connection, "cam-1", add=["beta"], remove=["us"], now=NOW) == ("beta", "lab")


@pytest.mark.parametrize("wrong", ["Beta", "", "a b", "é", "x" * 65])
def test_a_tag_is_a_name(connection, wrong):
    for change in ({"add": [wrong]}, {"remove": [wrong]}):
        with pytest.raises(InvalidError, match=r"^tag: expected a name"):
            tags.change(connection, "cam-1", **change, now=NOW)


def test_a_device_has_so_many_tags_at_most(connection):
    with pytest.raises(InvalidError, match="at most 20, got 22"):
        tags.change(connection, "cam-1", add=[f"t{n}" for n in range(20)], now=NOW)
    assert find(connection, "cam-1").tags == ("beta", "lab")


def test_an_unknown_device_gets_no_tags(connection):
    with pytest.raises(NotFoundError):
        tags.change(connection, "cam-2", add=["beta"], now=NOW)
