"""Every command: what it says, and how it refuses bad input in one sentence."""

import json
from shutil import copytree

import pytest
from click.testing import CliRunner
from support.signing_desk import HARDWARE, PASSPHRASE, PRODUCT, snapshot_of, without_waiting

from signing.cli import main


class Bench:
    """A folder, a passphrase file, and ``ota-sign`` on them."""

    def __init__(self, folder):
        self.folder = folder
        self.repository = folder / "repository"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(f"{PASSPHRASE}\n")
        self.passphrase.chmod(0o600)
        self.image = folder / "image.bin"
        self.image.write_bytes(b"firmware" * 999)

    def run(self, *args, input=None, **environment):  # noqa: A002 - click's word
        env = {
            "OTA_SIGN_REPO": str(self.repository),
            "OTA_SIGN_PASSPHRASE_FILE": str(self.passphrase),
            **environment,
        }
        return CliRunner().invoke(main, [str(a) for a in args], env=env, input=input)

    def good(self, *args, **environment):
        result = self.run(*args, **environment)
        assert result.exit_code == 0, result.output
        return result

    def add(self, version="1.0.0", *more):
        return (
            *("release", "add", "--product", PRODUCT, "--version", version, "--rollback-index", "1"),
            *("--hardware-id", HARDWARE, "--image", f"rootfs={self.image}", *more),
        )


@pytest.fixture(scope="module")
def _made_once(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("bench"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_waiting(monkeypatch)
        bench.good("init", bench.repository, "--with-keys")
        bench.good("product", "add", PRODUCT, "--hardware-id", HARDWARE)
    return bench.repository


@pytest.fixture
def bench(tmp_path, _made_once):
    bench = Bench(tmp_path)
    copytree(_made_once, bench.repository, symlinks=True)
    return bench


@pytest.fixture
def published(bench):
    bench.good(*bench.add("1.0.0", "--channel", "stable"))
    for command in ("review", "sign", "publish"):
        bench.good(command)
    return bench


def test_the_whole_way_in_six_commands(bench):
    bench.good(*bench.add("1.0.0", "--channel", "stable", "--advisory", "CVE-1:high:A bad: thing"))
    assert "advisory CVE-1 (high): A bad: thing" in bench.good("review").stdout
    assert "root: 1 of 1 signatures" in bench.good("sign").stdout
    assert "gateway 1" in bench.good("publish", "--to", bench.folder / "www").stdout
    pinned = bench.repository / "published/metadata/1.root.json"
    said = bench.good("verify", bench.folder / "www", "--root", pinned, "--deep").stdout
    assert "gateway: good; 1 release(s), channels: stable 1.0.0" in said


@pytest.mark.walk(4)
@pytest.mark.parametrize(
    ("args", "field"),
    [
        (("key", "list"), "scheme"),
        (("key", "show", "root"), "id"),
        (("key", "generate", "new"), "id"),
        (("root", "show"), "timestamp"),
        (("product", "list"), "hardware_ids"),
        (("release", "list"), "rollback_index"),
        (("status",), "days_left"),
        (("refresh",), "versions"),
        (("refresh", "--if-due"), "due"),
        (("renew", "root"), "staged"),
    ],
)
def test_json_goes_to_stdout_and_words_to_stderr(published, args, field):
    result = published.good(*args, "--json")
    assert field in json.dumps(json.loads(result.stdout))


def test_json_of_review_sign_and_publish(bench):
    bench.good(*bench.add())
    assert json.loads(bench.good("review", "--json").stdout)[0]["role"] == "root"
    assert all(role["complete"] for role in json.loads(bench.good("sign", "--json").stdout))
    dry = json.loads(bench.good("publish", "--dry-run", "--json").stdout)
    assert dry["versions"][PRODUCT] == 1
    assert json.loads(bench.good("publish", "--json").stdout)["signed_roles"][0] == "root"
    discarded = bench.run("discard", "--yes", "--json")
    assert json.loads(discarded.stdout)["error"]["code"] == "nothing-to-do"


def test_errors_are_json_too(bench):
    result = bench.run("publish", "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"]) == (4, "signatures-missing")
    assert error["message"] in result.stderr


def test_options_are_taken_before_and_after_the_command(bench, tmp_path):
    for args in (
        ("--repo", bench.repository, "key", "list"),
        ("key", "list", "--repo", bench.repository),
    ):
        assert bench.run(*args, OTA_SIGN_REPO=str(tmp_path / "none")).exit_code == 0
    assert json.loads(bench.good("--json", "key", "list").stdout)


BAD = [
    (("init", "{repository}"), 2, "new or empty"),
    (("key", "generate", "root"), 2, "--force"),
    (("key", "generate", "Bad Name"), 2, "key name"),
    (("key", "generate", "x", "--scheme", "rsa"), 2, "ed25519"),
    (("key", "show", "none"), 2, "one of those"),
    (("root", "add-key", "root", "none"), 2, "key none"),
    (("root", "add-key", "toaster", "root"), 2, "role toaster"),
    (("root", "add-key", "root", "root"), 12, "has already"),
    (("root", "remove-key", "root", "targets"), 2, "one of its keys"),
    (("root", "remove-key", "root", "root"), 12, "threshold"),
    (("root", "set-threshold", "root", "5"), 12, "threshold"),
    (("root", "set-threshold", "root", "0"), 2, "range"),
    (("root", "set-threshold", "root", "1"), 3, "already"),
    (("root", "rotate", "root", "root", "none"), 2, "key none"),
    (("renew", "timestamp"), 2, "refresh"),
    (("renew",), 2, "ROLE"),
    (("product", "add", "root", "--hardware-id", "x"), 2, "no TUF role"),
    (("product", "add", "cam", "--hardware-id", "X Y"), 2, "hardware id"),
    (("product", "add", "cam", "--hardware-id", "x", "--key", "none"), 2, "key none"),
    (("product", "add", "cam", "--hardware-id", "x", "--threshold", "2"), 12, "threshold"),
    (("release", "list", "--product", "none"), 2, "one of: gateway"),
    (("release", "retire", PRODUCT, "9.9.9"), 2, "listed"),
    (("release", "retire", PRODUCT, "nine"), 2, "SemVer"),
    (("channel", "set", PRODUCT, "stable", "9.9.9"), 2, "listed"),
    (("channel", "set", "none", "stable", "1.0.0"), 2, "one of: gateway"),
    (("channel", "set", PRODUCT, "Bad/Name", "1.0.0"), 2, "channel"),
    (("sign",), 12, "review"),
    (("sign", "--key", "none"), 2, "key none"),
    (("publish",), 4, "root: 0 of 1"),
    (("publish", "--to", "https://x.example/"), 2, "OTA_SIGN_TOKEN"),
    (("refresh",), 2, "published"),
    (("refresh", "--if-due"), 2, "published"),
    (("discard", "--yes"), 2, "nothing is published"),
    (("verify", "{folder}", "--root", "{folder}/none"), 2, "No such file"),
    (("verify", "{folder}", "--root", "{image}"), 5, "timestamp.json"),
    (("verify", "http://127.0.0.1:1/", "--root", "{image}"), 2, "https"),
    (("inspect", "{image}"), 2, "expected metadata"),
    (("inspect", "{folder}/none"), 2, "No such file"),
    (("inspect", "{folder}"), 2, "directory"),
]


@pytest.mark.walk(16)
@pytest.mark.parametrize(("args", "exit_code", "said"), BAD, ids=[" ".join(b[0]) for b in BAD])
def test_bad_input_is_one_sentence_and_changes_nothing(bench, args, exit_code, said):
    places = {"folder": bench.folder, "repository": bench.repository, "image": bench.image}
    before = snapshot_of(bench.folder)
    result = bench.run(*(arg.format(**places) for arg in args))
    assert result.exit_code == exit_code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert snapshot_of(bench.folder) == before


BAD_RELEASES = [
    (("--version", "1.0"), 2, "SemVer"),
    (("--version", "1.0.0+build"), 2, "SemVer"),
    (("--rollback-index", "-1"), 2, "range"),
    (("--rollback-index", "1001"), 12, "step cap"),
    (("--hardware-id", "none"), 2, "hardware id"),
    (("--product", "none"), 2, "one of: gateway"),
    (("--image", "rootfs"), 2, "SLOT=FILE"),
    (("--image", "Boot=x"), 2, "slots"),
    (("--image", "boot={folder}/none"), 2, "none"),
    (("--image", "boot={folder}"), 2, "directory"),
    (("--image", "boot=/dev/null"), 2, "file or a block device"),
    (("--image", "boot={empty}"), 2, "empty"),
    (("--image", "rootfs={image}"), 2, "different slots"),
    (("--advisory", "CVE-1:high"), 2, "ID:SEVERITY:TEXT"),
    (("--advisory", "CVE-1:awful:x"), 2, "critical"),
    (("--advisory", ":high:x"), 2, "ID:SEVERITY:TEXT"),
    (("--advisory-action", "CVE-1:x"), 2, "--advisory"),
    (("--notes", "{folder}/none"), 2, "notes"),
    (("--sbom", "{folder}/none"), 2, "none"),
    (("--min-version", "2.0.0"), 2, "min version"),
    (("--region-bytes", "5000"), 2, "power of two"),
    (("--channel", "A B"), 2, "channel"),
]


@pytest.mark.parametrize(
    ("args", "exit_code", "said"), BAD_RELEASES, ids=[" ".join(b[0]) for b in BAD_RELEASES]
)
def test_a_bad_release_is_one_sentence_and_stages_nothing(bench, args, exit_code, said):
    empty = bench.folder / "empty"
    empty.touch()
    places = {"folder": bench.folder, "image": bench.image, "empty": empty}
    before = snapshot_of(bench.folder)
    result = bench.run(*bench.add("1.0.0", *(arg.format(**places) for arg in args)))
    assert result.exit_code == exit_code, result.output
    assert said in result.stderr
    assert snapshot_of(bench.folder) == before


def test_a_lower_rollback_index_is_refused(published):
    published.good(*published.add("1.1.0", "--rollback-index", "5"))
    result = published.run(*published.add("1.2.0", "--rollback-index", "4"))
    assert (result.exit_code, "5 or higher" in result.stderr) == (12, True)


def test_the_same_version_with_other_content_is_refused(published):
    published.image.write_bytes(b"other")
    result = published.run(*published.add("1.0.0"))
    assert (result.exit_code, "[release-exists]" in result.stderr) == (12, True)


def test_a_dry_run_stages_nothing(bench):
    before = snapshot_of(bench.folder)
    assert "nothing was staged" in bench.good(*bench.add("1.0.0", "--dry-run")).stdout
    assert snapshot_of(bench.folder) == before


def test_progress_is_told_when_it_is_asked_for(bench):
    assert "100 %" in bench.good(*bench.add("1.0.0", "--progress")).stderr
    assert "%" not in bench.good(*bench.add("1.0.1")).stderr


class TestPassphrase:
    def test_a_wrong_one_is_one_sentence(self, bench):
        bench.good("review")
        bench.passphrase.write_text("hunter2\n")
        before = snapshot_of(bench.repository)
        result = bench.run("sign")
        assert (result.exit_code, "does not open it" in result.stderr) == (4, True)
        assert "hunter2" not in result.output
        assert snapshot_of(bench.repository) == before

    def test_no_terminal_and_no_file_names_the_ways_out(self, bench):
        bench.good("review")
        result = bench.run("sign", OTA_SIGN_PASSPHRASE_FILE="")
        assert (result.exit_code, "--passphrase-file" in result.stderr) == (4, True)

    @pytest.mark.parametrize("content", [None, "", "\nsecond line\n"])
    def test_a_missing_or_empty_file_is_one_sentence(self, bench, content):
        file = bench.folder / "other"
        if content is not None:
            file.write_text(content)
        result = bench.run("key", "generate", "x", "--passphrase-file", file)
        assert (result.exit_code, "passphrase file" in result.stderr) == (2, True)
        assert not (bench.repository / "keys/x.pem").exists()

    def test_a_file_that_others_can_read_is_warned_of(self, bench):
        bench.passphrase.chmod(0o644)
        result = bench.good("key", "generate", "x")
        assert "others can read it" in result.stderr

    def test_init_with_keys_and_no_passphrase_leaves_nothing(self, bench):
        result = bench.run("init", bench.folder / "new", "--with-keys", OTA_SIGN_PASSPHRASE_FILE="")
        assert result.exit_code == 4
        assert not (bench.folder / "new").exists()


def test_a_folder_that_is_no_repository_names_the_way_out(bench, tmp_path):
    result = bench.run("status", "--repo", tmp_path / "none")
    assert (result.exit_code, "ota-sign init" in result.stderr) == (2, True)


def test_a_broken_policy_is_one_sentence(bench):
    (bench.repository / "ota-sign.toml").write_text("[expiry]\nroot_days = 'a year'\n")
    result = bench.run("status")
    assert (result.exit_code, "root_days" in result.stderr) == (2, True)


def test_control_characters_of_a_release_do_not_reach_the_terminal(bench):
    bench.good(*bench.add("1.0.0", "--advisory", "CVE-1:low:\x1b[2Jgone"))
    assert "\x1b" not in bench.good("review").output


def test_a_warning_names_the_command_that_ends_it(published):
    policy = published.repository / "ota-sign.toml"
    policy.write_text("[expiry]\nroot_days = 3650\ntimestamp_days = 30\n[warn]\npercent_left = 50\n")
    said = published.good("status").stderr
    assert "`renew root` renews it" in said
    assert "`refresh` renews it" in said


def test_discard_without_a_terminal_needs_a_yes(published):
    published.good(*published.add("1.1.0"))
    refused = published.run("discard")
    assert refused.exit_code == 2
    assert "expected --yes" in refused.stderr
    published.good("discard", "--yes")
    assert published.run("publish").exit_code == 3


def test_a_full_disk_is_one_sentence(bench, monkeypatch):
    import os

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = bench.run(*bench.add())
    assert (result.exit_code, "No space left on device [file]" in result.stderr) == (1, True)
