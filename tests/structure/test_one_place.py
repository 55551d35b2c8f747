"""What must happen in one place only."""

import ast

from source_tree import callers, importers, sources, tree


def test_only_trust_makes_a_verified_release():
    made = {path for path, _, _ in callers("VerifiedRelease", "VerifiedImage")}
    assert made == {"ota_client/trust.py"}


def test_only_slots_drives_a_boot_control():
    driven = {
        path
        for path, before, _ in callers("activate", "mark_good", "set_unbootable")
        if before.rpartition(".")[2].strip("_").endswith("control")
    }
    assert driven == {"ota_client/slots.py"}
    assert importers("ota_client.bootcontrol.BootControl", "ota_client") == {"ota_client/slots.py"}


def test_the_clock_is_read_where_the_parts_are_put_together():
    clocks = {path for path, before, _ in callers("now", "utcnow", "today") if "date" in before}
    assert {path for path in clocks if path.startswith("ota_client/")} == {
        "ota_client/cli/doctor.py",
        "ota_client/cli/main.py",
        "ota_client/device.py",
    }


def test_the_audit_log_is_added_to_and_never_changed():
    written = {
        (str(path), node.func.id)
        for path in sources("ota_server")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"insert", "update", "delete", "put_row", "drop_free", "Rule"}
        and any(isinstance(one, ast.Name) and one.id == "audit_entries" for one in ast.walk(node))
    }
    assert written == {("ota_server/journal/audit.py", "insert")}
