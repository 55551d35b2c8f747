"""The policy file is read strictly."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.signing_desk import NOW

from ota_client.errors import ConfigError
from signing.policy import TEMPLATE, read_policy


def read(tmp_path, text):
    path = tmp_path / "ota-sign.toml"
    path.write_text(text)
    return read_policy(path)


def test_the_template_is_the_default(tmp_path):
    assert read(tmp_path, "") == read(tmp_path, TEMPLATE)


def test_products_share_a_validity_and_roles_have_their_own(tmp_path):
    policy = read(tmp_path, "[expiry]\ntimestamp_days = 1\n")
    assert policy.validity("timestamp") == timedelta(days=1)
    assert policy.validity("camera") == policy.validity("gateway") == timedelta(days=180)


def test_a_signature_is_due_when_half_of_its_validity_is_over(tmp_path):
    policy = read(tmp_path, "")
    half = NOW + timedelta(days=7)
    assert policy.is_due("snapshot", expires_at=half, now=NOW)
    assert not policy.is_due("snapshot", expires_at=half + timedelta(seconds=1), now=NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("expiry = 3", "expiry"),
        ("[expiry]\nroot_days = 0", "root_days"),
        ("[expiry]\nroot_days = 99999", "root_days"),
        ("[expiry]\nroot_days = 1.5", "root_days"),
        ("[expiry]\nroot_days = true", "root_days"),
        ("[expiry]\nrot_days = 1", "rot_days"),
        ("[expiri]\n", "expiri"),
        ("[keys]\ndir = 3", "dir"),
        ("[warn]\npercent_left = 101", "percent_left"),
        ("[warn", "TOML"),
    ],
)
def test_a_wrong_policy_is_one_sentence(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_policy_that_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_policy(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError):
        read_policy(tmp_path / "binary")


@given(text=st.text(alphabet="[]expirywankdsoot_ =1\n\"'", max_size=60))
def test_no_policy_text_raises_anything_else(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("policy") / "ota-sign.toml"
    path.write_text(text)
    with suppress(ConfigError):
        read_policy(path)
