"""A24: nothing is published that a fielded device cannot follow from its first root.

The gate acts as the present client; older ones join it as soon as there are releases of the client.
"""

import pytest
from support.signing_desk import snapshot_of
from tuf.api.metadata import Root

from signing import publish as publish_module
from signing import root
from signing.errors import GateError
from signing.storage import metadata


def test_a_root_with_a_key_that_clients_do_not_know_is_not_published(desk, monkeypatch):
    desk.release("1.0.0")
    live = snapshot_of(desk.published.resolve())
    root.renew(desk.repository, "root", now=desk.now)
    desk.sign()
    make = publish_module.make_candidate

    def with_unknown_key(*args, **more):
        candidate = make(*args, **more)
        data = candidate.files["2.root.json"]
        candidate.files["2.root.json"] = data.replace(b'"keytype":"ed25519"', b'"keytype":"tomorrow"')
        return candidate

    monkeypatch.setattr(publish_module, "make_candidate", with_unknown_key)
    with pytest.raises(GateError, match="first root"):
        desk.publish()
    assert snapshot_of(desk.published.resolve()) == live


def test_the_gate_walks_all_roots_from_the_first(desk):
    desk.release("1.0.0")
    for name in ("second", "third"):
        desk.repository.keys.generate(name)
        old = desk.repository.current("root", Root).signed.roles["root"].keyids[0]
        root.rotate(desk.repository, "root", old[:12], name, now=desk.now)
        desk.sign_and_publish()
    # somebody damages history: devices from the factory could no longer follow
    path = desk.published.resolve() / "metadata/2.root.json"
    found = metadata.read(path, Root)
    found.signatures.clear()
    path.write_bytes(found.to_bytes())
    desk.add("1.1.0")
    desk.sign()
    with pytest.raises(GateError, match="first root"):
        desk.publish()


def test_the_gate_acts_as_a_device_at_the_previous_state(desk, monkeypatch):
    desk.release("1.0.0")
    desk.pass_time(days=1)
    desk.add("1.1.0")
    desk.sign()
    # a clock set back would sign a timestamp that devices take for a replay
    desk.pass_time(days=-2)
    with pytest.raises(GateError, match="previous state"):
        desk.publish()
    assert str(desk.offered().version) == "1.0.0"
