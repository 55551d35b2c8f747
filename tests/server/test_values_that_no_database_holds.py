"""What comes from a command line may be anything: it gets a sentence, and nothing is written."""

import pytest
from support.fleet import NOW, with_tables
from support.postgresql import needs_postgresql, postgresql

from ota_server.database.database import Database
from ota_server.devices import device_list, groups, removal, tokens
from ota_server.devices.device_list import DeviceFilter
from ota_server.errors import InvalidError
from ota_server.rollouts import rollout_view

KINDS = ["sqlite", pytest.param("postgresql", marks=[pytest.mark.system, needs_postgresql])]
# as a byte that is no UTF-8 comes from the command line
HALF = "\udcff"


@pytest.fixture(scope="module")
def cluster():
    with postgresql() as one:
        yield one


@pytest.fixture(params=KINDS)
def database(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'fleet.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("cluster").database()
    one = with_tables(Database(url))
    yield one
    one.close()


@pytest.mark.parametrize(
    "act",
    [
        lambda connection: tokens.with_id(connection, 10**30, NOW, products=None),
        lambda connection: rollout_view.named(connection, HALF, "a"),
        lambda connection: rollout_view.listed(connection, products=None, product=HALF),
        lambda connection: device_list.listed(connection, DeviceFilter(product=HALF), products=None),
        lambda connection: groups.listed(connection, products=None, product=HALF),
        lambda connection: removal.revoke(connection, HALF, now=NOW),
        lambda connection: removal.decommission(connection, HALF, now=NOW),
    ],
)
def test_a_value_that_no_database_holds_is_refused_in_one_sentence(database, act):
    with pytest.raises(InvalidError, match="that the database can hold"), database.begin() as connection:
        act(connection)
