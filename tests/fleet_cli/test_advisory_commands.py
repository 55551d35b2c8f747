import pytest
from support.memory_repository import PRODUCT
from support.operator import ADVISORY
from support.security_files import FLASK, affected, csaf, osv, product


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "record.json"
    path.write_bytes(osv())
    return path


def test_an_import_is_reported_as_json(house, record):
    report = house.json("advisory", "import", record)
    assert report == {
        "imported": [{"advisory": "CVE-2026-1", "document": "GHSA-aaaa-bbbb-cccc", "releases": 0}],
        "kept": [],
        "notices": [],
    }


def test_what_could_not_be_read_is_said_on_stderr(house, tmp_path):
    path = tmp_path / "linux.json"
    path.write_bytes(osv(affected("Kernel", "Linux")))
    result = house.run("advisory", "import", path)
    assert "packages of 'Linux' are not read" in result.stderr
    assert "note:" not in result.stdout


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "expected JSON"),
        (b"{}", "expected an OSV record"),
        (b'{"document": 5}', "expected a table"),
    ],
)
def test_a_file_that_is_no_advisory_is_refused_in_a_sentence(house, tmp_path, record, data, message):
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    result = house.run("advisory", "import", record, path, code=2)
    assert message in result.stderr
    assert str(path) in result.stderr
    assert house.json("advisory", "list", "--imported")["total"] == 0


def test_a_file_that_is_not_there_is_refused_in_a_sentence(house, tmp_path):
    assert "cannot be read" in house.run("advisory", "import", tmp_path / "none", code=2).stderr


def test_an_older_file_is_kept_out_unless_forced(house, tmp_path, record):
    house.run("advisory", "import", record)
    older = tmp_path / "older.json"
    older.write_bytes(osv(modified="2020-01-01T00:00:00Z"))
    assert "kept, what is here is newer" in house.run("advisory", "import", older).stdout
    assert house.json("advisory", "import", "--force", older)["kept"] == []


def test_all_imports_are_listed_by_page(house, tmp_path, record):
    vex = tmp_path / "vex.json"
    vex.write_bytes(csaf([product("f", FLASK)], {}))
    house.run("advisory", "import", record, vex)
    page = house.json("advisory", "list", "--imported", "--limit", "1")
    assert ([one["id"] for one in page["documents"]], page["total"]) == (["CVE-2026-1"], 2)
    page = house.json("advisory", "list", "--imported", "--after", page["next_after"])
    assert [one["document"] for one in page["documents"]] == ["ACME-2026-1"]
    assert (
        "expected --text without"
        in house.run("advisory", "list", "--imported", "--text", "x", code=2).stderr
    )


def test_our_own_advisories_are_listed_and_shown(house):
    (listed,) = house.json("advisory", "list")["advisories"]
    assert (listed["advisory"], listed["sources"], listed["products"]) == (
        ADVISORY,
        ["signed"],
        [PRODUCT],
    )
    shown = house.json("advisory", "show", ADVISORY, "--days", "3")
    assert shown["exposure"]["devices"] == listed["devices"] == 4
    assert shown["documents"] == []
    assert [day["devices"] for day in shown["history"]] == [4]
    assert "what to do: Act." in house.run("advisory", "show", ADVISORY, "--days", "3").stdout


def test_what_was_imported_and_concerns_nothing_is_shown_all_the_same(house, record):
    house.run("advisory", "import", record)
    assert "nothing here has it" in house.run("advisory", "show", "CVE-2026-1").stdout
    shown = house.json("advisory", "show", "CVE-2026-1")
    assert shown["exposure"] is None
    assert shown["documents"][0]["statements"][0]["package"] == "pypi/flask"
    assert "expected an advisory" in house.run("advisory", "show", "CVE-2026-2", code=1).stderr


def test_removing_asks_first(house, record):
    house.run("advisory", "import", record)
    assert "expected --yes" in house.run("advisory", "remove", "CVE-2026-1", code=2).stderr
    assert house.json("advisory", "remove", "CVE-2026-1", "--yes") == {
        "advisory": "CVE-2026-1",
        "documents": 1,
    }
    assert (
        "expected an imported advisory"
        in house.run("advisory", "remove", "CVE-2026-1", "--yes", code=1).stderr
    )


def test_a_release_without_an_sbom_says_so(house):
    result = house.run("release", "sbom", PRODUCT, "1.0.0", code=1)
    assert "--sbom FILE" in result.stderr
    assert house.json("release", "weaknesses", PRODUCT, "1.1.0")["is_read"] is False
    assert "no SBOM" in house.run("release", "weaknesses", PRODUCT, "1.1.0").stdout


def test_foreign_text_does_not_command_the_terminal(house, tmp_path):
    path = tmp_path / "escape.json"
    path.write_bytes(osv(summary="\x1b]0;owned\x07 red \x1b[31m"))
    assert "\x1b" not in house.run("advisory", "import", path).output
    assert "\x1b" not in house.run("advisory", "list", "--imported").output
