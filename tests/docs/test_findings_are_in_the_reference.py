"""Every finding of ``ota-client doctor`` has its row, and every row its finding."""

from pages import REFERENCE, read, rows

from ota_client.doctor.finding import Code

PAGE = read(REFERENCE / "doctor.md")


def test_every_finding_has_a_row_and_no_other_has():
    found = [row[0].strip("`") for row in rows(PAGE) if len(row) == 4 and row[0].startswith("`")]
    assert found == sorted(found, key=list(Code).index)
    assert set(found) == set(Code)
