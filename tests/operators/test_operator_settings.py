from ipaddress import ip_network
from pathlib import Path

import pytest

from ota_client.errors import ConfigError
from ota_server.operators.role import Grant
from ota_server.settings import OperatorSettings, ServerSettings, read_unchecked
from ota_server.settings.notifications import MailSecurity
from ota_server.settings.oidc import ClaimGrant

LEAST = 'published = "."\ninsecure_http = true\ndatabase = "sqlite:///fleet.db"\n'
OIDC = '[oidc]\nissuer = "https://id.example/realm"\nclient_id = "ratchet"\n'


@pytest.fixture
def load(tmp_path):
    def load(text="", **environ):
        config = tmp_path / "ota-server.toml"
        config.write_text(LEAST + text)
        return ServerSettings.load({}, environ, config)

    return load


def test_without_tables_they_are_the_defaults(load):
    assert load().operators == OperatorSettings()


def test_without_a_fleet_there_are_none(tmp_path):
    assert read_unchecked({}, None).operators is None


def test_files_are_taken_from_the_folder_of_the_settings(load, tmp_path):
    text = '[operators]\nsecret_key = "a.key"\n' + OIDC + 'client_secret_file = "b"\nca_file = "/c"\n'
    settings = load(text).operators
    assert settings.secret_key == tmp_path / "a.key"
    assert (settings.oidc.client_secret_file, settings.oidc.ca_file) == (tmp_path / "b", Path("/c"))


def test_mail_needs_a_sender(load):
    mail = load('[mail]\nhost = "mail.example"\nfrom = "a@b.de"\nsecurity = "tls"').operators.mail
    assert (mail.host, mail.sender, mail.port) == ("mail.example", "a@b.de", 587)
    assert mail.security is MailSecurity.TLS
    with pytest.raises(ConfigError, match=r"mail\.from: expected an address"):
        load('[mail]\nhost = "mail.example"')
    assert load('[mail]\nfrom = "a@b.de"').operators.mail is None


def test_networks_are_read(load):
    environ = {"OTA_SERVER_NOTIFICATIONS_PRIVATE_NETWORKS": "10.1.0.0/16, fd00::/8"}
    networks = load(**environ).operators.notifications.private_networks
    assert networks == (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))


def test_a_claim_s_value_may_hold_colons(load):
    text = OIDC + 'role_claim = "groups"\ngrants = ["urn:x:cam:operator:cam", "it:viewer:*"]'
    assert load(text).operators.oidc.grants == (
        ClaimGrant("urn:x:cam", Grant.parse("operator:cam")),
        ClaimGrant("it", Grant.parse("viewer")),
    )


def test_openid_is_always_asked_for(load):
    assert load(OIDC + 'scopes = ["profile", "openid", "groups"]').operators.oidc.scopes == (
        "openid",
        "profile",
        "groups",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[operators]\nlock_after = 101", "an integer from 1 to 100"),
        ("[operators]\nsession_hours = 0", "an integer from 1 to 720"),
        ('[operators]\nurl = "fleet.example"', "an https:// address"),
        ('[operators]\nurl = "https://fleet.example/?x=1"', "an https:// address"),
        ('[operators]\nurl = "javascript:alert(1)"', "an https:// address"),
        ('[operators]\nurl = "https://fleet.example/ratchet"', "without a path"),
        ("[operators]\ncolour = 1", "got 'colour'"),
        ('[mail]\nsecurity = "none"', "starttls or tls or insecure-none, got 'none'"),
        ('[mail]\nfrom = "a@b.de\\nBcc: c@d.de"', "an address such as"),
        ('[notifications]\nprivate_networks = ["10.1.2.3/8"]', "networks such as"),
        ("[retention]\nevents_days = 0", "an integer from 1"),
        ('[oidc]\nissuer = "http://id.example"', "an https:// address"),
        ('[oidc]\nissuer = "https://u:p@id.example"', "an https:// address"),
        ('[oidc]\nissuer = "https://id.example"', r"oidc\.client_id: expected"),
        (OIDC + 'role_claim = "groups"', "got one of them"),
        (OIDC + 'grants = ["a:viewer:cam"]', "got one of them"),
        (OIDC + 'grants = ["a:root:cam"]', "VALUE:ROLE:PRODUCT"),
        (OIDC + 'grants = ["a:viewer"]', "VALUE:ROLE:PRODUCT"),
    ],
)
def test_what_is_wrong_is_one_sentence(load, text, sentence):
    with pytest.raises(ConfigError, match=sentence) as e:
        load(text)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ("", "http://127.0.0.1:8443"),
        ('host = "0.0.0.0"\nport = 80', "http://localhost:80"),
        ('host = "::1"', "http://[::1]:8443"),
        ('[operators]\nurl = "https://fleet.example/"', "https://fleet.example"),
    ],
)
def test_people_reach_the_server_by_its_own_address_or_the_one_that_is_set(load, more, url):
    assert load(more).public_url == url
