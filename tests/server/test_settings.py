from pathlib import Path

import pytest

from ota_client.errors import ConfigError
from ota_server.settings import (
    FleetSettings,
    IdentitySource,
    OperatorSettings,
    ServerSettings,
    read_files,
    read_fleet,
)

LEAST = 'published = "."\ninsecure_http = true\n'


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "ota-server.toml"
        path.write_text(text)
        return path

    return write


def load(config=None, /, flags=None, **environ):
    return ServerSettings.load(flags or {}, environ, config)


def test_the_defaults_are_those_of_the_classes(file, tmp_path):
    settings = load(file(f'{LEAST}database = "sqlite:///fleet.db"'))
    fleet = FleetSettings(f"sqlite:///{tmp_path}/fleet.db", Path("device-ca.pem"), Path("device-ca.key"))
    assert settings == ServerSettings(tmp_path, None, fleet=fleet, operators=OperatorSettings())


def test_without_a_database_there_is_no_fleet(file):
    config = file(LEAST)
    assert load(config).fleet is read_fleet({}, config) is None


def test_flags_come_before_the_environment_and_that_before_the_file(file):
    config = file(f"{LEAST}port = 1\nlimit_concurrency = 1\njson_log = false")
    settings = load(
        config, {"port": 3, "host": None}, OTA_SERVER_PORT="2", OTA_SERVER_LIMIT_CONCURRENCY="2"
    )
    assert (settings.port, settings.limit_concurrency, settings.host) == (3, 2, "127.0.0.1")
    assert load(config, OTA_SERVER_JSON_LOG="yes").json_log
    assert not load(config, {"json_log": False}, OTA_SERVER_JSON_LOG="1").json_log


def test_a_table_s_settings_come_from_the_environment_one_by_one(file):
    config = file(f'{LEAST}database = "sqlite:///a.db"\n[fleet]\ncheck_in_s = 60\npenalty_s = 7')
    fleet = load(
        config,
        OTA_SERVER_FLEET_CHECK_IN_S="10",
        OTA_SERVER_FLEET_CHECK_IN_JITTER="0.5",
        OTA_SERVER_DEVICES_FACTORY_AUTHORITIES="one.pem, /two.pem",
    ).fleet
    assert (fleet.check_in_s, fleet.penalty_s, fleet.check_in_jitter) == (10, 7, 0.5)
    assert fleet.factory_authorities == (Path("one.pem"), Path("/two.pem"))


def test_relative_paths_start_from_the_folder_of_who_names_them(file, tmp_path):
    config = file(
        f'{LEAST}database = "sqlite:///a.db"\nroot = "root.json"\n'
        '[devices]\nauthority = "a.pem"\nauthority_key = "/etc/a.key"\n[proxy]\nsocket = "run.sock"'
    )
    settings = load(config)
    assert settings.socket == tmp_path / "run.sock"
    assert settings.fleet.authority == tmp_path / "a.pem"
    assert settings.fleet.authority_key == Path("/etc/a.key")
    assert settings.fleet.root == tmp_path / "root.json"
    elsewhere = load(config, OTA_SERVER_DATABASE="sqlite:///b.db", OTA_SERVER_DEVICES_AUTHORITY="b.pem")
    assert elsewhere.fleet.database == f"sqlite:///{Path.cwd()}/b.db"
    assert elsewhere.fleet.authority == Path("b.pem")


def test_an_address_of_postgresql_stays_as_it_is(file):
    url = "postgresql://ota@/fleet?host=/run/postgresql"
    assert load(file(LEAST), OTA_SERVER_DATABASE=url).fleet.database == url


def test_variables_that_are_not_ours_are_left_alone(file):
    load(file(LEAST), OTA_SERVER_SERVICE_HOST="10.0.0.1", OTA_SERVER_PORT_8443_TCP="tcp://10.0.0.1:1")


@pytest.mark.parametrize(
    ("text", "environ", "message"),
    [
        ("colour = 1", {}, "'colour'"),
        ("[fleet]\ncolour = 1", {}, "fleet: expected a field that this version knows .* got 'colour'"),
        ("fleet = 7", {}, "fleet: expected a table"),
        ("[fleet]\ncheck_in_s = 0", {}, r"fleet: check_in_s: expected an integer from 1"),
        ("[fleet]\ncheck_in_jitter = 1.5", {}, "check_in_jitter: expected a number from 0.0 to 1.0"),
        (
            "",
            {"OTA_SERVER_FLEET_CHECK_IN_S": "soon"},
            "OTA_SERVER_FLEET_CHECK_IN_S: expected an integer",
        ),
        ("", {"OTA_SERVER_FLEET_CHECK_IN_S": "0"}, "OTA_SERVER_FLEET_CHECK_IN_S: expected an integer"),
        ("", {"OTA_SERVER_ACCESS_LOG": "maybe"}, "OTA_SERVER_ACCESS_LOG: expected true or false"),
        ('database = ""', {}, "database: expected sqlite:///fleet.db"),
        ('[devices]\nidentity = "header"', {}, "identity: expected none or native or proxy"),
        ('database = "sqlite:///a"\n[devices]\nidentity = "native"', {}, "a certificate with 'native'"),
        (
            'database = "sqlite:///a"\n[devices]\nidentity = "proxy"',
            {},
            r"\[proxy\] socket with 'proxy'",
        ),
        ('[devices]\nauthority = ""', {}, "authority: expected a path"),
        ("", {"OTA_SERVER_FILES_KIND": "ftp"}, "OTA_SERVER_FILES_KIND: expected folder or s3"),
        # what a lower source says is looked at too
        ('port = "eighty"', {"OTA_SERVER_PORT": "80"}, "port: expected an integer"),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(file, text, environ, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(file(LEAST + text), **environ)
    assert "\n" not in str(caught.value)


def test_a_socket_alone_is_enough_to_listen_on(file):
    settings = load(file('published = "."\n[proxy]\nsocket = "a.sock"'))
    assert settings.host is settings.tls is None


def test_identity_by_a_proxy_needs_nothing_but_its_socket(file):
    text = 'published = "."\ndatabase = "sqlite:///a.db"\n[devices]\nidentity = "proxy"\n'
    fleet = load(file(f'{text}[proxy]\nsocket = "a.sock"\nuser = "nginx"')).fleet
    assert (fleet.identity, fleet.proxy_user) == (IdentitySource.PROXY, "nginx")


def test_a_bucket_needs_no_folder_and_its_settings_may_come_from_the_environment(file):
    config = file('insecure_http = true\n[files]\nkind = "s3"\nbucket = "one"')
    assert load(config, OTA_SERVER_FILES_BUCKET="two").bucket.bucket == "two"
    folder, bucket = read_files({}, config)
    assert (folder, bucket.bucket) == (None, "one")
