"""Each mistake that the doctor knows is planted, and found; a server without any has no finding."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from ota_client.doctor.finding import Severity
from ota_server.authority import new_authority
from ota_server.database.events_schema import deliveries, subscriptions
from ota_server.database.operators_schema import api_tokens, audit_entries, operators
from ota_server.doctor.examination import examine
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Handshake

# of a server that was just made: none of them must be mended at once
AT_FIRST = {
    Code.ADMIN_ALONE,
    Code.AUTHORITY_KEY_HERE,
    Code.BACKUP_MISSING,
    Code.ROOT_NOT_PINNED,
}
PLANTED = {}


def plants(*codes):
    """Marks what puts mistakes into a server."""

    def note(plant):
        PLANTED.update(dict.fromkeys(codes, plant))
        return plant

    return note


def test_a_server_as_init_makes_it_has_notes_alone(patient, quiet):
    patient.probe = quiet
    found = patient.codes()
    assert set(found) <= AT_FIRST | {Code.METADATA_EXPIRES_SOON}
    assert max(finding.severity for finding in found.values()) < Severity.ERROR
    assert ("GET", "/api/v1/devices") in quiet.asked


@plants(Code.PLAIN_HTTP, Code.METRICS_FOR_ALL)
def plain(patient, _quiet):
    text = (patient.folder / "ota-server.toml").read_text()
    kept = [line for line in text.splitlines() if not line.startswith(("certificate", "key", "host"))]
    (patient.folder / "ota-server.toml").write_text(
        'insecure_http = true\nmetrics = true\nhost = "0.0.0.0"\n' + "\n".join(kept)
    )


@plants(Code.PLAIN_BUCKET)
def plain_bucket(patient, _quiet):
    patient.setting('[files]\nkind = "s3"\nbucket = "abc"\ninsecure_http_endpoint = true\n')


@plants(Code.PLAIN_WEBHOOKS, Code.PLAIN_MAIL)
def plain_words(patient, _quiet):
    patient.setting(
        '[notifications]\ninsecure_http_webhooks = true\n[mail]\nhost = "mail.example.com"\n'
        'from = "ota@example.com"\nsecurity = "insecure-none"\n'
    )


@plants(Code.PUBLIC_URL_LOCAL)
def links_that_lead_nowhere(patient, _quiet):
    path = patient.folder / "ota-server.toml"
    path.write_text(path.read_text().replace('host = "127.0.0.1"', 'host = "0.0.0.0"'))


@pytest.mark.parametrize(
    ("url", "leads_elsewhere"),
    [("", False), ("https://localhost:8443", False), ("https://ota.example.com", True)],
)
def test_behind_a_proxy_links_must_not_lead_to_this_machine(patient, url, leads_elsewhere):
    path = patient.folder / "ota-server.toml"
    lines = path.read_text().replace('"native"', '"proxy"').splitlines(keepends=True)
    gone = ("certificate", "key =", "host", "port", "url")
    text = "".join(line for line in lines if not line.startswith(gone))
    text += f'url = "{url}"\n' if url else ""
    path.write_text(f'{text}[proxy]\nsocket = "http.sock"\nuser = "root"\n')
    assert (Code.PUBLIC_URL_LOCAL in patient.codes()) is not leads_elsewhere


@plants(Code.IDENTITY_NONE)
def nobody_vouches(patient, _quiet):
    path = patient.folder / "ota-server.toml"
    path.write_text(path.read_text().replace('"native"', '"none"'))


@plants(Code.ROOT_NOT_PINNED, Code.AUTHORITY_KEY_HERE, Code.BACKUP_MISSING, Code.ADMIN_ALONE)
def nothing(_patient, _quiet):
    pass


@plants(Code.CERTIFICATE_UNREADABLE)
def no_certificate(patient, _quiet):
    (patient.folder / "device-ca.pem").write_text("no certificate")


@plants(Code.CERTIFICATE_EXPIRED, Code.METADATA_EXPIRED)
def later(patient, _quiet):
    patient.now += timedelta(days=4000)


@plants(Code.CERTIFICATE_EXPIRES_SOON)
def a_year_later(patient, _quiet):
    patient.now += timedelta(days=390)


@plants(Code.METADATA_EXPIRES_SOON)
def nearly_expired(patient, _quiet):
    patient.now += timedelta(days=2, hours=12)


@plants(Code.CERTIFICATE_WEAK_KEY)
def weak_key(patient, _quiet):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding

    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the mistake to be found
    name = x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(patient.now)
        .not_valid_after(patient.now + timedelta(days=1000))
        .sign(key, hashes.SHA256())
    )
    (patient.folder / "device-ca.pem").write_bytes(made.public_bytes(Encoding.PEM))


@plants(Code.CERTIFICATE_NOT_SERVED)
def another_certificate(_patient, quiet):
    quiet.certificate = b"another"


@plants(Code.SERVER_UNREACHABLE)
def no_server(_patient, quiet):
    def refuse(**_):
        raise ConnectionRefusedError(111, "Connection refused")

    quiet.handshake = refuse


@plants(Code.TLS_OLD, Code.TLS_WEAK_CIPHER)
def any_tls(_patient, quiet):
    quiet.handshake = lambda **_: Handshake("TLSv1", quiet.certificate)


@plants(Code.ROUTE_OPEN)
def open_route(_patient, quiet):
    quiet.status = lambda _method, path: 200 if path == "/fleet.db" else 401


@plants(Code.FILE_MISSING)
def lost_key(patient, _quiet):
    (patient.folder / "server-secret.key").unlink()


@plants(Code.FILE_READABLE, Code.FILE_WRITABLE)
def modes(patient, _quiet):
    (patient.folder / "server.key").chmod(0o640)
    (patient.folder / "ota-server.toml").chmod(0o666)


@plants(Code.SECRET_WEAK)
def weak_secret(patient, _quiet):
    (patient.folder / "server-secret.key").write_bytes(b"A" * 43 + b"=\n")


@plants(Code.CLOCK_BEHIND)
def clock_set_back(patient, _quiet):
    patient.now -= timedelta(hours=2)


@plants(Code.BACKUP_OLD)
def old_backup(patient, _quiet):
    patient.run("backup", patient.folder / "backup.tar")
    patient.now += timedelta(days=8)


@plants(Code.NOTHING_PUBLISHED)
def nothing_published(patient, _quiet):
    (patient.folder / "published/metadata/timestamp.json").unlink()


@plants(Code.METADATA_REFUSED)
def forged(patient, _quiet):
    path = patient.folder / "published/metadata/timestamp.json"
    path.write_bytes(path.read_bytes().replace(b'"version":', b'"version":1'))


@plants(Code.DISK_NEARLY_FULL)
def full_disk(patient, _quiet):
    patient.changes = {"disk_use": lambda _: (10**12, 10**6)}


@plants(Code.DATABASE_SCHEMA)
def no_database(patient, _quiet):
    (patient.folder / "fleet.db").write_bytes(b"")


@plants(Code.DATABASE_UNREACHABLE)
def foreign_file(patient, _quiet):
    (patient.folder / "fleet.db").write_bytes(b"no database" * 1000)


@plants(Code.DATABASE_DAMAGED)
def damaged_file(patient, _quiet):
    with patient.begin() as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'report_streams'"
        page = connection.exec_driver_sql(query).scalar_one()
        size_bytes = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    with (patient.folder / "fleet.db").open("r+b") as file:
        file.seek((page - 1) * size_bytes)
        file.write(b"\xff" * size_bytes)


@plants(Code.ADMIN_MISSING)
def no_admin(patient, _quiet):
    with patient.begin() as connection:
        connection.execute(update(operators).values(status="disabled"))


@plants(Code.OPERATOR_AWAY)
def away(patient, _quiet):
    patient.now += timedelta(days=91)


@plants(Code.TOKEN_UNUSED)
def unused_token(patient, _quiet):
    at = int(patient.now.timestamp())
    with patient.begin() as connection:
        row = {"name": "ci", "token_sha256": "0" * 64, "created_at": at, "expires_at": at + 10**9}
        connection.execute(insert(api_tokens).values(row))
    patient.now += timedelta(days=91)


@plants(Code.AUDIT_BROKEN)
def changed_log(patient, _quiet):
    patient.run("device", "tag", "gw-1", "a-tag")
    with patient.begin() as connection:
        connection.execute(update(audit_entries).values(actor="somebody-else"))


@plants(Code.DELIVERY_DEAD, Code.DELIVERY_STUCK)
def dead_letters(patient, _quiet):
    at = int(patient.now.timestamp())
    row = {
        "id": 1,
        "name": "hook",
        "channel": "webhook",
        "filter": "{}",
        "status": "active",
        "created_at": at,
        "position": 0,
        "failing_since": at - 7200,
    }
    dead = {"subscription_id": 1, "event_id": 1, "state": "dead", "attempts": 9, "at": at}
    with patient.begin() as connection:
        connection.execute(insert(subscriptions).values(row))
        connection.execute(insert(deliveries).values(dead))


@plants(Code.UNSEEN)
def unreadable(patient, _quiet):
    def fail(_):
        raise PermissionError(13, "Permission denied", "/somewhere")

    patient.changes = {"disk_use": fail}


def test_what_stands_in_a_database_that_cannot_be_opened_is_not_called_well(patient, quiet):
    foreign_file(patient, quiet)
    with patient.setup() as setup:
        said = {one.subject: [found.code for found in one.findings] for one in examine(setup).subjects}
    assert all(said[name] == [Code.UNSEEN] for name in ("backups", "people", "deliveries", "audit"))


# found on a real PostgreSQL: test_doctor_on_postgresql.py
ON_POSTGRESQL = {Code.POSTGRESQL_FSYNC, Code.POSTGRESQL_COMMIT, Code.POSTGRESQL_PLAIN}


def test_every_finding_is_planted_once():
    assert set(PLANTED) == set(Code) - ON_POSTGRESQL


@pytest.mark.walk(16)
@pytest.mark.parametrize("plant", dict.fromkeys(PLANTED.values()), ids=lambda plant: plant.__name__)
def test_a_planted_mistake_is_found(patient, quiet, plant):
    patient.probe = quiet
    plant(patient, quiet)
    found = patient.codes()
    expected = {code for code, planted in PLANTED.items() if planted is plant}
    assert expected <= set(found)
    assert all(finding.way_out for finding in found.values())


def test_the_device_authority_of_another_is_not_this_ones_matter(patient, quiet):
    patient.probe = quiet
    (patient.folder / "device-ca.pem").write_bytes(new_authority(patient.now).certificate)
    assert Code.CERTIFICATE_UNREADABLE not in patient.codes()
