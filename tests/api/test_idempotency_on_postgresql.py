"""The same key in many requests at once, on PostgreSQL: one does it, the others get its answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, insert, select
from support.fleet import with_tables
from support.postgresql import needs_postgresql, postgresql

from ota_server.database.database import Database
from ota_server.database.operators_schema import idempotency_keys, product_rules
from ota_server.errors import ForbiddenError
from ota_server.web.api.authentication import Credential
from ota_server.web.api.idempotency import Once

pytestmark = [pytest.mark.system, needs_postgresql]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT_ONCE = 8
CREDENTIAL = Credential("rat_" + "A" * 43)


@pytest.fixture(scope="module")
def database():
    with postgresql() as cluster:
        one = with_tables(Database(cluster.database()))
        yield one
        one.close()


def at_once(work):
    barrier = Barrier(AT_ONCE)

    def together(number):
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(together, range(AT_ONCE)))


def test_one_does_it_and_the_others_wait_for_its_answer(database):
    def work(number):
        once = Once(CREDENTIAL, "one", "same")
        with database.begin() as connection:
            stored = once.begin(connection, NOW)
            if stored:
                return stored.body
            connection.execute(insert(product_rules).values(product=f"p{number}", needs_approval=True))
            once.finish(connection, 201, b"made by %d" % number)
            return b"made by %d" % number

    assert len(set(at_once(work))) == 1
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(product_rules)) == 1


def test_when_the_first_one_fails_another_does_it(database):
    done = []

    def work(number):
        once = Once(CREDENTIAL, "two", "same")
        try:
            with database.begin() as connection:
                if once.begin(connection, NOW):
                    return
                if not done:
                    done.append("failed")
                    raise ForbiddenError("not this one")  # noqa: TRY301 - so that its transaction is undone
                done.append(number)
                once.finish(connection, 200, b"")
        except ForbiddenError:
            return

    at_once(work)
    assert len(done) == 2


def test_old_keys_are_forgotten_by_many_at_once(database):
    old = {"actor": "x", "request_sha256": "", "status": 200, "body": "", "at": 0}
    with database.begin() as connection:
        rows = [{**old, "key": str(number)} for number in range(60)]
        connection.execute(insert(idempotency_keys), rows)
    later = NOW + timedelta(minutes=1)

    def work(number):
        with database.begin() as connection:
            Once(CREDENTIAL, f"new-{number}", "any").begin(connection, later)

    at_once(work)
    with database.read() as connection:
        left = select(func.count()).select_from(idempotency_keys).filter_by(actor="x")
        assert connection.scalar(left) == 0
