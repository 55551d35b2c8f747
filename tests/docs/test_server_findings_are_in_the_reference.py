"""Every finding of ``ota-server doctor`` has its row, and every row its finding."""

from pages import REFERENCE, read, rows

from ota_server.doctor.finding import Code

PAGE = read(REFERENCE / "server-doctor.md")


def test_every_finding_has_a_row_and_no_other_has():
    found = [row[0].strip("`") for row in rows(PAGE) if len(row) == 4 and row[0].startswith("`")]
    assert found == list(dict.fromkeys(found))
    assert set(found) == set(Code)
