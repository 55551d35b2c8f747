import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_client.errors import ConfigError
from ota_server.errors import InvalidError
from ota_server.operators.secret_box import SecretBox, make_key

KEY = make_key(bytes(range(32)))
OTHER = make_key(bytes(32))
SEALED = SecretBox((bytes(range(32)),), "webhook")


@pytest.fixture
def file(tmp_path):
    def write(data):
        path = tmp_path / "server-secret.key"
        path.write_bytes(data)
        return path

    return write


@given(st.text())
def test_what_was_sealed_opens(text):
    sealed = SEALED.seal(text)
    assert SEALED.open(sealed) == text
    assert sealed != SEALED.seal(text)


def test_another_purpose_does_not_open_it(file):
    path = file(KEY)
    sealed = SecretBox.load(path, "webhook").seal("hush")
    with pytest.raises(InvalidError, match="key exchanged"):
        SecretBox.load(path, "oidc").open(sealed)


def test_an_earlier_key_of_the_file_opens_and_the_first_seals(file):
    old = SecretBox.load(file(OTHER), "webhook").seal("hush")
    both = SecretBox.load(file(KEY + OTHER), "webhook")
    assert both.open(old) == "hush"
    assert SecretBox.load(file(KEY), "webhook").open(both.seal("new")) == "new"


def test_a_key_may_be_made_by_other_tools(file):
    raw = bytes(range(224, 256))
    assert b"/" in base64.b64encode(raw)
    sealed = SecretBox.load(file(base64.b64encode(raw) + b"\r\n"), "webhook").seal("hush")
    assert SecretBox.load(file(make_key(raw)), "webhook").open(sealed) == "hush"


@pytest.mark.parametrize("text", ["", "x", "\ud800", "gAAAAA" + "A" * 100])
def test_what_was_not_sealed_does_not_open(text):
    with pytest.raises(InvalidError):
        SEALED.open(text)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_nor_what_was_changed(where, by):
    sealed = bytearray(base64.urlsafe_b64decode(SEALED.seal("hush")))
    sealed[where % len(sealed)] ^= by
    with pytest.raises(InvalidError):
        SEALED.open(base64.urlsafe_b64encode(sealed).decode())


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"short", b"!" * 44, KEY * 9, base64.b64encode(bytes(31)), b"\xff" * 44]
)
def test_a_file_of_something_else_is_refused_with_the_way_out(file, data):
    with pytest.raises(ConfigError, match="`ota-server init` makes one, or") as e:
        SecretBox.load(file(data), "webhook")
    assert KEY.decode().strip() not in str(e.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        SecretBox.load(tmp_path / "none", "webhook")
