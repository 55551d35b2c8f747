import json

import pytest
from sqlalchemy import delete, update
from support.office import ALPHA

from ota_server.database.operators_schema import audit_entries
from ota_server.errors import AuditError, ForbiddenError
from ota_server.operations import audit, devices
from ota_server.operators.actor import Role


def tamper(office, statement):
    with office.database.begin() as connection:
        connection.execute(statement)


def verify(office, kept=()):
    with office.desk() as desk:
        return audit.verify(desk, kept)


def export(office, after=0):
    with office.desk() as desk:
        return [json.loads(line) for line in audit.export(desk, after=after)]


def test_an_untouched_log_is_unbroken(office):
    found = verify(office)
    assert (found.entries, found.kept) == (12, 0)
    assert found.sha256 == export(office)[-1]["sha256"]


@pytest.mark.parametrize(
    "column", ["actor", "action", "target", "detail", "product", "at", "actor_kind"]
)
def test_a_changed_entry_is_found(office, column):
    value = 1 if column == "at" else "x"
    tamper(office, update(audit_entries).filter_by(id=5).values({column: value}))
    with pytest.raises(AuditError, match="entry 5 was changed"):
        verify(office)


def test_an_entry_that_was_taken_out_is_found(office):
    tamper(office, delete(audit_entries).filter_by(id=5))
    with pytest.raises(AuditError, match="entry 5 is missing"):
        verify(office)


def test_entries_in_another_order_are_found(office):
    for before, after in ((5, 99), (6, 5), (99, 6)):
        tamper(office, update(audit_entries).filter_by(id=before).values(id=after))
    with pytest.raises(AuditError, match="entry 5 does not follow"):
        verify(office)


def test_an_export_shows_that_the_end_was_cut_off(office):
    kept = export(office)
    tamper(office, delete(audit_entries).filter_by(id=12))
    assert verify(office).entries == 11
    with pytest.raises(AuditError, match="entry 12 of the export is not in the log"):
        verify(office, kept)


def test_an_export_shows_that_all_was_written_anew(office):
    kept = export(office)
    tamper(office, delete(audit_entries).where(audit_entries.c.id > 4))
    with office.desk() as desk:
        for number in range(9):
            devices.change_tags(desk, "alpha-1", add=[f"tag-{number}"])
    assert verify(office).entries == 13
    with pytest.raises(AuditError, match="entry 5 is not the one of the export"):
        verify(office, kept)


def test_a_part_of_an_export_is_enough_to_compare(office):
    assert verify(office, export(office, after=10)).kept == 2
    assert [entry["id"] for entry in export(office, after=10)] == [11, 12]


def test_only_an_admin_of_all_products_checks_or_exports(office):
    with office.desk(office.person("alpha-mia", Role.ADMIN, ALPHA)) as desk:
        with pytest.raises(ForbiddenError):
            audit.verify(desk)
        with pytest.raises(ForbiddenError):
            audit.export(desk)


def test_the_batches_together_are_the_log(office, monkeypatch):
    monkeypatch.setattr("ota_server.journal.audit_chain._BATCH", 5)
    assert verify(office, export(office)).kept == 12
