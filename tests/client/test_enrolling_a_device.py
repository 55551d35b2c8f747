"""How a device gets its key and certificate, and keeps them."""

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from support.enrolling_server import TOKEN, URL, EnrollingServer
from support.identities import NOW, key_pem, new_key, request_pem

from ota_client.disk.storage import DiskStorage
from ota_client.errors import FetchError, NotAuthorisedError, StorageError
from ota_client.fleet.enrolment import Newcomer, enrol, read_certificate, renew
from ota_client.fleet.identity import Identity
from ota_client.fleet.link import ServerLink
from ota_client.fleet.server import UpdateServer
from ota_client.testing import SimulatedStorage, every_cut
from ota_server.devices.signing_request import read_request

FOLDER = Path("/state/identity")
DEVICE = Newcomer("gw-0001", "gateway", "gw-rev2", TOKEN)


@pytest.fixture
def line(tmp_path_factory):
    return EnrollingServer(tmp_path_factory.mktemp("authority"), NOW)


@pytest.fixture
def server(line):
    return UpdateServer(line, URL)


@pytest.fixture
def storage():
    return SimulatedStorage({})


@pytest.fixture
def identity(storage):
    return Identity(storage, FOLDER)


def names(storage):
    return storage.names(str(FOLDER))


def test_a_device_that_is_enrolled_has_one_file_with_its_key_and_certificate(server, identity, storage):
    assert not identity.enrolled
    made = enrol(server, identity, DEVICE, rekey=False)
    assert (made.device_id, made.expires_at) == ("gw-0001", NOW + timedelta(days=365))
    assert names(storage) == ("identity-1.pem",)
    assert read_certificate(identity.read()) == made


def test_the_key_never_leaves_and_the_token_stays_nowhere(server, line, identity, storage):
    enrol(server, identity, DEVICE, rekey=False)
    key = identity.read().split(b"-----END PRIVATE KEY")[0].splitlines()[1]
    assert not any(key in body for body in line.requests)
    assert not any(TOKEN.encode() in data for data in storage.files().values())
    assert TOKEN not in repr(DEVICE)


def test_the_files_are_the_owners_alone(server, tmp_path):
    identity = Identity(DiskStorage(), tmp_path)
    enrol(server, identity, DEVICE, rekey=False)
    assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]


def test_a_planted_link_is_not_followed(server, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    folder = tmp_path / "identity"
    folder.mkdir()
    (folder / "new-key.pem").symlink_to(elsewhere)
    with pytest.raises(StorageError):
        enrol(server, Identity(DiskStorage(), folder), DEVICE, rekey=False)
    assert elsewhere.read_bytes() == b""


def test_a_refused_enrolment_keeps_its_key_for_the_next_try(server, line, identity):
    with pytest.raises(NotAuthorisedError):
        enrol(server, identity, Newcomer("gw-0001", "gateway", "gw-rev2", "wrong"), rekey=False)
    assert not identity.enrolled
    enrol(server, identity, DEVICE, rekey=False)
    first, second = (json.loads(body)["csr"] for body in line.requests)
    assert read_request(first, "gw-0001") == read_request(second, "gw-0001")


def outcomes(storage, line):
    """Every medium that a cut leaves, with the keys that the server may know by then."""
    for cut in every_cut(storage.operations):
        if cut.done <= line.asked_at:
            yield cut, {}
        if cut.done >= line.asked_at:
            yield cut, dict(line.bound)


def test_a_cut_is_followed_by_an_enrolment_with_the_same_key(server, line, identity, storage):
    def note():
        line.asked_at, line.bound = len(storage.operations), dict(line.keys)

    line.answered = note
    made = enrol(server, identity, DEVICE, rekey=False)
    line.answered = lambda: None
    for cut, known in outcomes(storage, line):
        after = SimulatedStorage(cut.medium(storage))
        again, line.keys = Identity(after, FOLDER), dict(known)
        second = enrol(server, again, DEVICE, rekey=False)
        assert known.get("gw-0001", made.key_sha256) == made.key_sha256
        assert known == {} or second.key_sha256 == made.key_sha256, cut
        assert read_certificate(again.read()) == second
        assert sum(name.startswith("identity") for name in names(after)) == 1


def test_a_renewal_keeps_the_key_and_a_cut_in_it_leaves_an_identity(server, line, identity, storage):
    made = enrol(server, identity, DEVICE, rekey=False)
    begun = len(storage.operations)
    line.now = NOW + timedelta(days=200)
    renewed = renew(server, identity)
    assert renewed.key_sha256 == made.key_sha256
    assert renewed.expires_at > made.expires_at
    assert names(storage) == ("identity-2.pem",)
    for cut in every_cut(storage.operations, first=begun):
        left = Identity(SimulatedStorage(cut.medium(storage)), FOLDER)
        assert read_certificate(left.read()) in {made, renewed}, cut
        assert renew(server, left).key_sha256 == made.key_sha256


def test_a_new_key_replaces_the_old_one_only_when_it_is_certified(server, line, identity):
    made = enrol(server, identity, DEVICE, rekey=False)
    with pytest.raises(NotAuthorisedError):
        enrol(server, identity, DEVICE, rekey=True)
    assert read_certificate(identity.read()) == made
    line.keys.clear()
    assert enrol(server, identity, DEVICE, rekey=True).key_sha256 != made.key_sha256


def test_a_left_over_key_is_not_taken_for_a_new_one(server, line, identity, storage):
    """A cut after the identity was written, and before its key's own file was removed."""
    made = enrol(server, identity, DEVICE, rekey=False)
    key = identity.read().partition(b"-----BEGIN CERT")[0]
    storage.create(str(FOLDER / "new-key.pem"), key)
    line.keys.clear()
    assert enrol(server, identity, DEVICE, rekey=True).key_sha256 != made.key_sha256


def test_b01_another_keys_certificate_is_not_kept(server, line, identity, storage):
    request = read_request(request_pem(new_key(), "gw-0001"), "gw-0001")
    made = line.authority.sign(request, "gw-0001", NOW)
    line.change = lambda answer: {**answer, "certificate": made.pem}
    with pytest.raises(FetchError, match="got one of another key"):
        enrol(server, identity, DEVICE, rekey=False)
    assert names(storage) == ("new-key.pem",)


LIES = {
    "another name": lambda answer: {**answer, "device_id": "gw-0002"},
    "no certificate": lambda answer: {**answer, "certificate": "-----BEGIN CERTIFICATE-----\n"},
    "nothing": lambda answer: {**answer, "certificate": ""},
    "a private key": lambda answer: {**answer, "certificate": key_pem(new_key()).decode()},
    "not ASCII": lambda answer: {**answer, "certificate": "\u2603" * 100},
    "a field more": lambda answer: {**answer, "key": "abc"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_b01_what_is_no_certificate_of_this_device_is_not_kept(server, line, identity, storage, lie):
    line.change = lie
    with pytest.raises(FetchError):
        enrol(server, identity, DEVICE, rekey=False)
    assert names(storage) == ("new-key.pem",)


class Lines:
    """Makes lines, and remembers with which certificate."""

    def __init__(self, line):
        self.line, self.shown = line, []

    def __call__(self, certificate, _key):
        self.shown.append(certificate.name)
        return self.line


@pytest.fixture
def link(server, line, identity):
    enrol(server, identity, DEVICE, rekey=False)
    line.requests.clear()
    return ServerLink(identity, Lines(line), URL)


def test_the_certificate_is_renewed_in_its_last_third_and_then_shown(link, line):
    begins = NOW - timedelta(days=1)
    due = begins + (NOW + timedelta(days=365) - begins) * 2 / 3
    link.renew_if_due(due - timedelta(minutes=1))
    assert line.requests == []
    line.now = due + timedelta(minutes=1)
    link.renew_if_due(line.now)
    link.renew_if_due(line.now)
    assert len(line.requests) == 1
    link.server()
    assert link._connect.shown == ["identity-1.pem", "identity-2.pem"]


def test_a_clock_that_is_ahead_has_it_renewed_once_and_not_at_each_check_in(link, line, caplog):
    for _ in range(3):
        link.renew_if_due(NOW + timedelta(days=4000))
    assert len(line.requests) == 1
    assert "is the clock right?" in caplog.text


def test_a_renewal_that_fails_is_logged_and_tried_again(link, line, caplog):
    def down(_):
        raise FetchError("down")

    line.change = down
    for _ in range(2):
        link.renew_if_due(NOW + timedelta(days=300))
    assert len(line.requests) == 2
    assert "could not be renewed: down [fetch]" in caplog.text


def test_a_device_that_is_not_enrolled_is_told_what_to_do(identity, line):
    link = ServerLink(identity, Lines(line), URL)
    with pytest.raises(NotAuthorisedError, match="run 'ota-client enroll'"):
        link.server()
    with suppress(NotAuthorisedError):
        link.renew_if_due(NOW)
    assert line.requests == []
