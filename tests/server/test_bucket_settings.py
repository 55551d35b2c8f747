"""The table [files]: what it takes, and that no credential can stand in it."""

import logging

import pytest

from ota_client.errors import ConfigError
from ota_server.files.opening import open_store
from ota_server.files.settings import BucketSettings
from ota_server.settings.sources import layers

ENDPOINT = "https://s3.example.com"


def read(environ=None, **table):
    return BucketSettings.read(layers({"files": table}, environ or {}, None).table("files"))


def test_without_a_table_the_files_lie_in_a_folder():
    assert read() is None
    assert read(kind="folder") is None


def test_a_bucket_is_read_whole():
    assert read(
        kind="s3",
        bucket="firmware",
        prefix="fleet/updates",
        endpoint=ENDPOINT,
        region="eu-central-1",
        redirect_from_bytes=1048576,
    ) == BucketSettings(
        "firmware", "fleet/updates", ENDPOINT, "eu-central-1", redirect_from_bytes=1048576
    )


def test_a_variable_of_the_environment_names_the_bucket():
    environ = {"OTA_SERVER_FILES_KIND": "s3", "OTA_SERVER_FILES_BUCKET": "firmware"}
    assert read(environ) == BucketSettings("firmware")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"kind": "ftp"}, "folder or s3"),
        ({"kind": "s3"}, "bucket is missing"),
        ({"kind": "s3", "bucket": "Firmware"}, "bucket: expected 3 to 63"),
        ({"kind": "s3", "bucket": "a/b"}, "bucket: expected"),
        ({"kind": "s3", "bucket": "firmware", "prefix": "/a"}, "prefix: expected"),
        ({"kind": "s3", "bucket": "firmware", "prefix": "a/../b"}, "prefix: expected"),
        ({"kind": "s3", "bucket": "firmware", "prefix": "a/"}, "prefix: expected"),
        ({"kind": "s3", "bucket": "firmware", "region": "eu/1"}, "region: expected"),
        ({"kind": "s3", "bucket": "firmware", "endpoint": "s3.example.com"}, "endpoint: expected"),
        ({"kind": "s3", "bucket": "firmware", "endpoint": ENDPOINT + "/?x"}, "endpoint: expected"),
        ({"kind": "s3", "bucket": "firmware", "endpoint": "http://s3"}, "insecure_http_endpoint"),
        ({"kind": "s3", "bucket": "firmware", "endpoint": "https://[s3"}, "endpoint: expected"),
        ({"kind": "s3", "bucket": "firmware", "redirect_from_bytes": -1}, "redirect_from_bytes"),
        ({"kind": "s3", "bucket": "firmware", "secret_access_key": "x"}, "secret_access_key"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(table, said):
    with pytest.raises(ConfigError, match=said) as caught:
        read(**table)
    assert "\n" not in str(caught.value)


def test_a_password_in_the_endpoint_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID") as caught:
        read(kind="s3", bucket="firmware", endpoint="https://me:hunter2@s3.example.com")
    assert "hunter2" not in str(caught.value)


def test_plain_http_is_warned_of_when_the_store_is_opened(caplog):
    with caplog.at_level(logging.WARNING, "ota_server"):
        open_store(None, BucketSettings("firmware", endpoint=ENDPOINT))
        assert not caplog.records
        open_store(None, BucketSettings("firmware", endpoint="http://s3", insecure_http_endpoint=True))
    assert "plain HTTP to the bucket" in caplog.text


def test_neither_folder_nor_bucket_is_an_error_of_settings():
    with pytest.raises(ConfigError, match="got neither"):
        open_store(None, None)
