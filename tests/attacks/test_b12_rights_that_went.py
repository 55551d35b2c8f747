"""B12: a right that was taken away is gone at the moment of the change, however early one asked."""

import asyncio

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from support.api_world import ApiWorld
from support.fleet import PRODUCT
from support.people import NOW, SESSIONS
from support.upload_server import UploadServer

from ota_server.database.operators_schema import api_tokens, audit_entries
from ota_server.database.schema import devices
from ota_server.errors import SignInError
from ota_server.operations import uploads as operations
from ota_server.operators import account, account_changes
from ota_server.operators.oidc.admission import admit
from ota_server.operators.oidc.identity import Identity
from ota_server.operators.role import Role
from ota_server.web import uploads as door


@pytest.fixture
def world(tmp_path):
    with ApiWorld(tmp_path) as one:
        yield one


def slowly(world, caller, path, body, meanwhile):
    """Ask, and let something happen between the head of the request and its body."""
    sent = []

    async def receive():
        await asyncio.to_thread(meanwhile)
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {caller.token}".encode()),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
        "client": ("192.0.2.1", 1),
    }
    world.run(world.app(scope, receive, send))
    return sent[0]["status"]


def withdraw(database):
    def now():
        with database.begin() as connection:
            connection.execute(delete(api_tokens))

    return now


def test_b12_a_token_that_is_withdrawn_while_its_body_comes_changes_nothing(world):
    path = "/api/v1/devices/cam-1/revoke"
    assert slowly(world, world.ann, path, b"{}", withdraw(world.database)) == 401
    with world.database.read() as connection:
        mine = select(devices.c.status).filter_by(device_id="cam-1")
        assert connection.scalar(mine) == "active"


def test_b12_an_operator_who_is_demoted_while_the_body_comes_changes_nothing(world):
    mia = world.caller(f"operator:{PRODUCT}", owner=world.mia_id)

    def demote():
        with world.database.begin() as connection:
            grants = "UPDATE operator_grants SET role = 'viewer' WHERE operator_id = ?"
            connection.exec_driver_sql(grants, (world.mia_id,))

    assert slowly(world, mia, "/api/v1/devices/cam-1/revoke", b"{}", demote) == 403


def test_b12_a_token_that_is_withdrawn_while_its_upload_is_verified_publishes_nothing(
    tmp_path, monkeypatch
):
    server = UploadServer(tmp_path, lambda: NOW)
    token = server.token()
    published = []
    monkeypatch.setattr(operations, "may_publish", lambda *_: published.append("permitted"))
    monkeypatch.setattr(door.publication, "publish", lambda *_: published.append("published"))

    def verify(*_, **__):
        withdraw(server.database)()

    monkeypatch.setattr(door, "verify", verify)
    listed = [{"name": "metadata/1.root.json", "size_bytes": 1, "sha256": "0" * 64}]
    status, begun = server.begin(listed, token)
    assert status == 201
    status, _ = server.ask("POST", f"/api/v1/uploads/{begun['id']}/commit", token=token)
    assert (status, published) == (401, [])
    with server.database.read() as connection:
        assert not connection.execute(select(audit_entries)).all()
    server.close()


def test_b12_who_is_disabled_while_the_provider_answers_stays_disabled(world, monkeypatch):
    """The look-up and the change are apart: with PostgreSQL an admin may be between the two."""
    identity = Identity("https://id.example", "4711", "pat", "", {PRODUCT: Role.VIEWER})
    admit(world.database, identity, rules=SESSIONS, now=NOW)
    looked_up = account.with_identity

    def then_disabled(connection, *of):
        found = looked_up(connection, *of)
        account_changes.disable(connection, found.id)
        return found

    monkeypatch.setattr(account, "with_identity", then_disabled)
    with pytest.raises(SignInError, match="who is not disabled"):
        admit(world.database, identity, rules=SESSIONS, now=NOW)


def test_b12_what_was_to_be_written_stands_in_no_traceback(world):
    again = {"name": "token-1", "token_sha256": "a-digest", "created_at": 0, "expires_at": 0}
    taken = insert(api_tokens).values(again)
    with world.database.read() as connection, pytest.raises(IntegrityError) as e:
        connection.execute(taken)
    assert "a-digest" not in str(e.value)
