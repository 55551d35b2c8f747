"""Work for the database waits in line, and not for ever; nothing else waits behind it (B07)."""

import asyncio
import sqlite3
import threading
import time

import pytest
from running_server import make_published
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from support.device_api import ApiUnderTest, report

from ota_server.database import threads as module
from ota_server.database.database import Database
from ota_server.database.threads import WAIT_MOST_S, DatabaseThreads
from ota_server.errors import DatabaseUnavailableError
from ota_server.logs import request_id


class Blocked:
    """One thread that is busy until it is let go; its clock stands at ``now_s``."""

    def __init__(self):
        self.now_s = 100.0
        self.threads = DatabaseThreads(1, clock=lambda: self.now_s)
        self.begun, self.go = threading.Event(), threading.Event()

    async def __aenter__(self):
        self._first = asyncio.create_task(self.threads.run(self._block))
        await asyncio.to_thread(self.begun.wait, 30)
        return self

    async def __aexit__(self, *_):
        self.go.set()
        await self._first
        self.threads.close()

    def _block(self):
        self.begun.set()
        assert self.go.wait(30)


def test_more_than_may_wait_are_refused_at_once_and_the_others_are_served_in_turn(monkeypatch):
    monkeypatch.setattr(module, "WAITING_MOST", 4)

    async def crowd():
        done = []
        async with Blocked() as blocked:
            waiting = [asyncio.create_task(blocked.threads.run(done.append, n)) for n in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(DatabaseUnavailableError, match="too many"):
                await blocked.threads.run(done.append, 9)
            blocked.go.set()
            await asyncio.gather(*waiting)
            await blocked.threads.run(done.append, 3)
        return done

    assert asyncio.run(crowd()) == [0, 1, 2, 3]


def test_who_waited_too_long_is_told_so_and_nothing_is_done():
    async def wait():
        done = []
        async with Blocked() as blocked:
            waiting = [asyncio.create_task(blocked.threads.run(done.append, n)) for n in range(3)]
            await asyncio.sleep(0)
            blocked.now_s += WAIT_MOST_S + 1
            blocked.go.set()
            return done, await asyncio.gather(*waiting, return_exceptions=True)

    done, answers = asyncio.run(wait())
    assert done == []
    assert {type(one) for one in answers} == {DatabaseUnavailableError}


def test_what_is_logged_in_a_thread_belongs_to_its_request():
    async def ask():
        threads = DatabaseThreads(1)
        request_id.set("7")
        told = await threads.run(request_id.get)
        threads.close()
        return told

    assert asyncio.run(ask()) == "7"


def test_no_free_connection_is_an_error_of_ours(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'fleet.db'}")
    with pytest.raises(DatabaseUnavailableError, match="in use"), database.begin():
        raise PoolTimeoutError("QueuePool limit")
    database.close()


def test_a_command_that_holds_the_lock_keeps_nobody_from_what_is_not_written(tmp_path):
    with ApiUnderTest(make_published(tmp_path)) as api:
        device = api.device()
        device.check_in()
        command = sqlite3.connect(tmp_path / "fleet.db", isolation_level=None)
        command.execute("BEGIN IMMEDIATE")

        async def meanwhile():
            body = {"stream": "a" * 32, "reports": [report(1)]}
            reports = [
                asyncio.create_task(api.asked("POST", "/device/v1/reports", body, der=device.shown))
                for _ in range(12)
            ]
            await asyncio.sleep(0.05)
            began_s = time.monotonic()
            answers = [await api.asked("GET", path) for path in ("/readyz", "/metadata/timestamp.json")]
            took_s = time.monotonic() - began_s
            command.execute("COMMIT")
            return answers, took_s, await asyncio.gather(*reports)

        answers, took_s, reports = api.run(meanwhile())
        command.close()
        assert [one.status for one in answers] == [200, 200]
        # far from the 20 s that a writer waits for the lock
        assert took_s < 10
        assert [(one.status, one.json) for one in reports] == [(200, {"accepted": 1})] * 12
