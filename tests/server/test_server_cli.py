import json
import os
import signal
import socket
import stat
import subprocess
import threading
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner
from running_server import DATA_NAME, MIB, ask, command, make_published, make_sparse, running, serving

from ota_server.cli import main
from ota_server.settings import ServerSettings
from ota_server.web.app import make_app


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*args):
    result = CliRunner().invoke(main, list(map(str, args)))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return Done(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def certificate(tmp_path):
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "both.pem")
    )
    return tmp_path / "both.pem"


def test_init_makes_what_serve_needs_and_names_the_next_commands(tmp_path):
    done = run("init", tmp_path / "new folder")
    assert done.returncode == 0
    assert "ota-sign publish --to" in done.stdout
    assert f"ota-server serve --config '{tmp_path}/new folder/ota-server.toml'" in done.stdout
    files = [path for path in (tmp_path / "new folder").iterdir() if path.is_file()]
    assert list((tmp_path / "new folder" / "published").iterdir()) == []
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in files}
    assert modes == {
        "ca.key": 0o600,
        "server.key": 0o600,
        "device-ca.key": 0o600,
        "server-secret.key": 0o600,
        "fleet.db": 0o600,
        "ca.pem": 0o644,
        "server.pem": 0o644,
        "device-ca.pem": 0o644,
        "ota-server.toml": 0o644,
    }


def test_init_reports_as_json(tmp_path):
    done = run("init", tmp_path, "--host", "updates.example.com", "--json")
    assert json.loads(done.stdout)["hosts"] == ["updates.example.com"]
    assert "next:" in done.stderr


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_init_replaces_nothing_without_force(tmp_path):
    assert run("init", tmp_path).returncode == 0
    before = contents(tmp_path)
    done = run("init", tmp_path)
    assert done.returncode == 2
    assert "--renew" in done.stderr
    assert "--force" in done.stderr
    assert contents(tmp_path) == before


def test_force_replaces_everything_but_the_fleet(tmp_path):
    assert run("init", tmp_path).returncode == 0
    before = contents(tmp_path)
    assert run("init", tmp_path, "--force").returncode == 0
    after = contents(tmp_path)
    replaced = {name for name in after if after[name] != before[name]}
    assert replaced == {"ca.pem", "ca.key", "server.pem", "server.key"}


def test_init_files_only_makes_no_fleet(tmp_path):
    done = run("init", tmp_path, "--files-only", "--json")
    assert json.loads(done.stdout)["fleet"] is False
    assert sorted(contents(tmp_path)) == [
        "ca.key",
        "ca.pem",
        "ota-server.toml",
        "server.key",
        "server.pem",
    ]
    assert "database" not in (tmp_path / "ota-server.toml").read_text()


@pytest.mark.parametrize(
    ("port", "url"), [("443", "https://a.example"), ("444", "https://a.example:444")]
)
def test_the_port_that_init_is_told_stands_in_settings_and_in_the_link(tmp_path, port, url):
    done = run("init", tmp_path, "--host", "a.example", "--port", port)
    assert f"{url}/welcome?code=" in done.stdout
    settings = tomllib.loads((tmp_path / "ota-server.toml").read_text())
    assert (settings["port"], settings["operators"]["url"]) == (int(port), url)


def test_renew_keeps_the_authority_and_the_hosts(tmp_path):
    assert run("init", tmp_path, "--host", "a.example", "--host", "192.0.2.7").returncode == 0
    before = contents(tmp_path)
    done = run("init", tmp_path, "--renew", "--json")
    assert json.loads(done.stdout)["hosts"] == ["a.example", "192.0.2.7"]
    after = contents(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"server.pem", "server.key"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--renew"], "ota-server init"),
        (["--renew", "--force"], "got both"),
        (["--host", "no host!"], "expected a host name or an address"),
        (["--host", ""], "expected a host name or an address"),
    ],
)
def test_init_refuses_in_one_sentence_and_makes_nothing(tmp_path, args, message):
    done = run("init", tmp_path / "new", *args)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "new").exists()


def test_init_where_nothing_can_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("init", tmp_path / "file" / "below")
    assert done.returncode == 2
    assert "cannot be written: Not a directory" in done.stderr


def test_serve_without_certificate_names_both_ways_out(published):
    done = run("serve", "--published", published)
    assert done.returncode == 2
    assert "ota-server init" in done.stderr
    assert "--insecure-http" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "--published DIR"),
        (["--published", "{tmp}/none"], "none: expected a folder"),
        (
            ["--published", "{published}", "--certificate", "{tmp}/none.pem"],
            "none.pem cannot be read: No such",
        ),
        (
            ["--published", "{published}", "--certificate", "{tmp}/junk.pem"],
            "junk.pem: expected a certificate",
        ),
        (
            ["--published", "{published}", "--certificate", "{both}", "--key", "{tmp}/none"],
            "none cannot be read",
        ),
        (
            ["--published", "{published}", "--certificate", "{both}", "--key", "{other}"],
            "key values mismatch",
        ),
        (["--published", "{published}", "--key", "{both}"], "got the key alone"),
        (["--published", "{published}", "--certificate", "{both}", "--insecure-http"], "got both"),
        (["--published", "{published}", "--config", "{tmp}/none.toml"], "none.toml cannot be read"),
        (["--published", "{published}", "--config", "{tmp}/junk.pem"], "expected TOML"),
        (["--published", "{published}", "--config", "{tmp}/unknown.toml"], "got 'colour'"),
        (["--published", "{published}", "--config", "{tmp}/port.toml"], "port: expected an integer"),
        (["--published", "{published}", "--insecure-http", "--port", "99999"], "99999"),
        (
            ["--published", "{published}", "--insecure-http", "--limit-concurrency", "0"],
            "limit-concurrency",
        ),
    ],
)
def test_serve_refuses_in_one_sentence_with_code_2(tmp_path, published, certificate, args, message):
    (tmp_path / "junk.pem").write_text("junk")
    (tmp_path / "unknown.toml").write_text('colour = "red"')
    (tmp_path / "port.toml").write_text('port = "eighty"')
    trustme.CA().issue_cert("x.example").private_key_pem.write_to_path(str(tmp_path / "other.key"))
    names = {
        "tmp": tmp_path,
        "published": published,
        "both": certificate,
        "other": tmp_path / "other.key",
    }
    done = run("serve", *(arg.format(**names) for arg in args))
    assert done.returncode == 2
    assert message in done.stderr


def test_a_taken_port_is_one_sentence(published):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--published", published, "--insecure-http", "--port", port)
    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in done.stderr
    other = run("serve", "--published", published, "--insecure-http", "--host", "192.0.2.1")
    assert other.returncode == 1
    assert "Cannot assign requested address" in other.stderr


def certificate_for(days, folder):
    not_after = datetime.now(UTC) + timedelta(days=days)
    made = trustme.CA().issue_cert("127.0.0.1", not_after=not_after).private_key_and_cert_chain_pem
    made.write_to_path(str(folder / "both.pem"))
    return folder / "both.pem"


def test_an_expired_certificate_is_refused(tmp_path, published):
    certificate = certificate_for(-1, tmp_path)
    done = run("serve", "--published", published, "--certificate", certificate)
    assert done.returncode == 2
    assert "expired on" in done.stderr


@pytest.mark.system
def test_a_certificate_that_soon_expires_is_warned_of(tmp_path, published):
    certificate = certificate_for(5, tmp_path)
    with running(tmp_path, "--published", published, "--certificate", certificate) as server:
        pass
    assert "both.pem expires on" in server.log.read_text()


@pytest.mark.system
def test_plain_http_warns_at_each_start(tmp_path, published):
    with running(tmp_path, "--published", published, "--insecure-http") as server:
        pass
    assert "plain HTTP" in server.log.read_text()


@pytest.mark.system
def test_settings_come_from_flags_then_environment_then_file(tmp_path, published):
    config = tmp_path / "ota-server.toml"
    config.write_text(f'published = "{published}"\ninsecure_http = true\nhost = "127.0.0.2"\nport = 1\n')
    with running(tmp_path, "--config", config) as server:
        assert server.url.startswith("http://127.0.0.2:")
    with running(tmp_path, "--config", config, OTA_SERVER_HOST="127.0.0.3") as server:
        assert server.url.startswith("http://127.0.0.3:")
    with running(
        tmp_path, "--config", config, "--host", "127.0.0.4", OTA_SERVER_HOST="127.0.0.3"
    ) as server:
        assert server.url.startswith("http://127.0.0.4:")


@pytest.mark.system
def test_the_access_log_tells_no_secrets(tmp_path, published):
    with running(tmp_path, "--published", published, "--insecure-http", "--json-log") as server:
        server.ask("/metadata/timestamp.json?token=sesame", Authorization="Bearer sesame")
        server.ask("/" + DATA_NAME, Range="bytes=0-9")
    log = server.log.read_text()
    assert "sesame" not in log
    lines = [json.loads(line) for line in log.splitlines() if "ota_server.access" in line]
    assert [(line["path"], line["status"], line["sent_bytes"]) for line in lines] == [
        ("/metadata/timestamp.json", 200, 24),
        ("/" + DATA_NAME, 206, 10),
    ]
    first, second = (line["request"] for line in lines)
    assert first.partition("-")[0] == second.partition("-")[0]
    assert first != second


@pytest.mark.system
def test_without_access_log_there_is_none(tmp_path, published):
    with running(tmp_path, "--published", published, "--insecure-http", "--no-access-log") as server:
        server.ask("/metadata/timestamp.json")
    assert "timestamp.json" not in server.log.read_text()


@pytest.mark.system
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.system)]
)
def test_a_signal_lets_a_download_end_and_the_exit_code_is_0(tmp_path, number):
    published = make_published(tmp_path / "published")
    name = make_sparse(published, 64 * MIB)
    with (
        running(tmp_path, "--published", published, "--insecure-http") as server,
        server.connect() as connection,
    ):
        connection.sendall(f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = len(connection.recv(4096))
        server.process.send_signal(number)
        got += sum(map(len, iter(lambda: connection.recv(MIB), b"")))
        assert server.process.wait(20) == 0
    assert got > 64 * MIB
    assert "Traceback" not in server.log.read_text()


def test_health_says_why_it_is_bad_and_recovers(tmp_path):
    link = tmp_path / "published"
    (tmp_path / "empty").mkdir()
    link.symlink_to("empty")
    with serving(make_app(ServerSettings(link, None))) as (port, _):
        status, headers, body = ask(port, "/healthz")
        assert (status, headers["Retry-After"]) == (503, "30")
        assert "Nothing is published yet" in json.loads(body)["detail"]
        link.unlink()
        assert "cannot be opened" in json.loads(ask(port, "/healthz")[2])["detail"]
        assert ask(port, "/metadata/timestamp.json")[0] == 503
        make_published(tmp_path / "state")
        link.symlink_to("state")
        assert ask(port, "/healthz")[0] == 200


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        pytest.param(["rollout", "create", "--help"], marks=pytest.mark.system),
        pytest.param(["serve", "--help"], marks=pytest.mark.system),
        pytest.param(["device", "list", "--help"], marks=pytest.mark.system),
    ],
)
def test_help_costs_little(args):
    def cpu_s():
        process = subprocess.Popen(command(*args), stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_utime + usage.ru_stime

    assert any(cpu_s() < 0.3 for _ in range(3))


@pytest.mark.system
def test_memory_stays_small_while_a_large_file_goes_out(tmp_path):
    published = make_published(tmp_path / "published")
    name = make_sparse(published, 256 * MIB)
    with running(tmp_path, "--published", published, "--insecure-http") as server:

        def read():
            with server.connect() as connection:
                connection.sendall(
                    f"GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
                )
                while connection.recv(MIB):
                    pass

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(30)
        status = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak * 1024 < 100 * MIB
