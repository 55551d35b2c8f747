"""B10, at the only door to the domain: every operation, asked by somebody of another product.

The functions are found, not listed: a new one is tried as soon as it is there. One whose arguments
are not known here makes the test fail until they are named in ``support/every_operation.py``.
"""

import re

import pytest
from support.every_operation import OPERATIONS, Ask, call
from support.office import ALPHA, BETA, Office, finish, rows

from ota_server.errors import ForbiddenError, NotFoundError
from ota_server.operators.actor import Actor, ActorKind, Role
from ota_server.plain import plain

# what one may change of one's own, whatever the role for a product
OWN = ("api_tokens", "api_token_grants", "sessions", "subscriptions", "audit_entries", "deliveries")


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    one = Office(tmp_path_factory.mktemp("office"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def strangers(office):
    """Admins of beta, who have no business with alpha."""
    token = Actor(ActorKind.TOKEN, "beta-token", {BETA: Role.ADMIN}, None)
    return office.person("beta-mia", Role.ADMIN, BETA), token


def outcome(office, actor, name, ask):
    """What an operation answered or refused, and the rows that were lost and are new."""
    with office.trial(actor) as desk:
        try:
            answer = plain(call(desk, name, office, ask))
        except (NotFoundError, ForbiddenError) as e:
            answer = e
        else:
            finish(desk)
        after = rows(desk.connection)
    return answer, office.at_rest - after, after - office.at_rest


def neutral(error):
    """An error without what was asked for."""
    return re.sub(r"alpha|gamma|\b(\d+|[0-9a-f]{16})\b", "...", str(error).lower())


def own_session(row):
    """Of beta-mia, the second operator."""
    return re.fullmatch(r"sessions \('\w+', 2, .*", row)


@pytest.mark.parametrize("name", OPERATIONS)
def test_b10_another_product_s_objects_are_neither_seen_nor_changed(office, strangers, name):
    for stranger in strangers:
        foreign, lost, new = outcome(office, stranger, name, Ask(ALPHA))
        assert [row for row in (*lost, *new) if ALPHA in row.lower()] == []
        # rows that name no product, such as places in a rollout
        assert [row for row in lost if BETA not in row and not own_session(row)] == []
        if not isinstance(foreign, Exception):
            assert ALPHA not in str(foreign).lower()
            continue
        # and it is not told from what is not there
        missing, *_ = outcome(office, stranger, name, Ask("gamma"))
        assert (type(foreign), neutral(foreign)) == (type(missing), neutral(missing))


@pytest.mark.walk(25)
@pytest.mark.parametrize("name", OPERATIONS)
def test_b10_a_viewer_changes_nothing_but_what_is_its_own(office, name):
    viewer = office.person("alpha-mia", Role.VIEWER)
    _, lost, new = outcome(office, viewer, name, Ask(ALPHA))
    assert [row for row in (*lost, *new) if not row.startswith(OWN)] == []
