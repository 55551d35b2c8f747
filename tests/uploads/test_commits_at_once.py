"""One upload, committed by two processes at once: one makes it public, the other says that it is."""

import asyncio
from copy import copy

import pytest
from sqlalchemy import select
from support.signing_desk import PRODUCT, snapshot_of
from support.upload_server import Line

from ota_server.database.operators_schema import audit_entries
from ota_server.uploads import publication
from ota_server.uploads.staging import Staging
from ota_server.web import uploads as door
from signing.publication.server import ServerDestination


@pytest.fixture
def other(server):
    """Another process, over the same files and the same database."""
    other = copy(server)
    other._runner = asyncio.Runner()
    other.restart()
    yield other
    other._runner.close()


@pytest.fixture
def committed(desk, server, token):
    """The address at which the upload of a second release is committed; all of its files came."""
    desk.add("1.0.0")
    desk.sign_and_publish(to=server.destination(token))
    desk.add("1.1.0")
    line, addresses = Line(server, token), []

    def all_but_the_commit(method, path, body=b"", *, ask=line.request, **more):
        if path.endswith("/commit"):
            addresses.append(path)
            return None
        return ask(method, path, body, **more)

    line.request = all_but_the_commit
    desk.sign_and_publish(to=ServerDestination(line))
    return addresses[0]


def _first_time(monkeypatch, owner, name, work, *, behind=False):
    """Have something done once, before or behind a step."""
    step, to_do = getattr(owner, name), [work]

    def stepping(*args, **kwargs):
        if not behind and to_do:
            to_do.pop()()
        done = step(*args, **kwargs)
        if behind and to_do:
            to_do.pop()()
        return done

    monkeypatch.setattr(owner, name, stepping)


@pytest.mark.walk(2)
@pytest.mark.parametrize(
    ("owner", "name", "behind"),
    [
        (door, "verify", False),
        (door, "verify", True),
        (publication, "publish", False),
        # it is public already, and still among the uploads
        (Staging, "drop", False),
    ],
)
def test_one_wins_and_the_other_says_that_it_is_public(
    desk, server, other, token, committed, monkeypatch, owner, name, behind
):
    answers = []
    ask = lambda: answers.append(other.ask("POST", committed, token=token))  # noqa: E731 - one of two
    _first_time(monkeypatch, owner, name, ask, behind=behind)
    answers.append(server.ask("POST", committed, token=token))

    assert [status for status, _ in answers] == [200, 200]
    assert sorted(answer["products"] for _, answer in answers) == [[], [PRODUCT]]
    assert answers[0][1]["versions"] == answers[1][1]["versions"]
    assert str(desk.trusted(server.www).channel("stable").manifest.version) == "1.1.0"
    assert snapshot_of(desk.published.resolve()).items() <= snapshot_of(server.www.resolve()).items()
    # swapped once for each release
    assert server.www.readlink().name == "2"
    with server.database.read() as connection:
        noted = list(connection.scalars(select(audit_entries.c.action)))
    assert noted.count("release.publish") - noted.count("release.publish-failed") == 2


def test_what_is_public_is_not_said_to_who_may_not_ask_any_more(
    server, other, token, committed, monkeypatch
):
    def publish_and_withdraw():
        assert other.ask("POST", committed, token=token)[0] == 200
        with server.database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM api_tokens")

    _first_time(monkeypatch, door, "verify", publish_and_withdraw)
    assert server.ask("POST", committed, token=token)[0] == 401
