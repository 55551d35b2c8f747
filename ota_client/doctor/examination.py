"""The whole examination: every subject in turn; one that cannot be looked at says so."""

from collections.abc import Callable, Iterator
from typing import Final

from ota_client.doctor.accounts import examine_accounts
from ota_client.doctor.boot import examine_boot
from ota_client.doctor.clock import examine_clock
from ota_client.doctor.diagnosis import Diagnosis, Examined
from ota_client.doctor.finding import Code, Finding, note
from ota_client.doctor.hardening import examine_hardening
from ota_client.doctor.network import examine_network
from ota_client.doctor.online import examine_repository, examine_server_online
from ota_client.doctor.open_ports import examine_open_ports
from ota_client.doctor.owasp import ITEMS
from ota_client.doctor.rollback_counter import examine_rollback_counter
from ota_client.doctor.root_key import examine_root
from ota_client.doctor.slots import examine_slots
from ota_client.doctor.state_directory import examine_state_directory
from ota_client.doctor.system import Setup
from ota_client.doctor.update_server import examine_update_server
from ota_client.errors import OtaError

SUBJECTS: Final[dict[str, Callable[[Setup], Iterator[Finding]]]] = {
    "slots": examine_slots,
    "boot loader": examine_boot,
    "pinned root": examine_root,
    "clock": examine_clock,
    "state directory": examine_state_directory,
    "network": examine_network,
    "update server": examine_update_server,
    "rollback counter": examine_rollback_counter,
    "open ports": examine_open_ports,
    "accounts": examine_accounts,
    "hardening": examine_hardening,
}

ONLINE: Final[dict[str, Callable[[Setup], Iterator[Finding]]]] = {
    "repository": examine_repository,
    "update server's answer": examine_server_online,
}


class DeviceDiagnosis(Diagnosis):
    """All subjects, and where that leaves the device by OWASP's list."""

    __slots__ = ()

    def to_fields(self) -> dict[str, object]:
        """The diagnosis as JSON fields (docs/reference/doctor.md)."""
        return {**super().to_fields(), "owasp": [item.to_fields(self.findings) for item in ITEMS]}


def examine(setup: Setup, *, online: bool = False) -> DeviceDiagnosis:
    """Examine a device's set-up; reads, and changes nothing.

    Args:
        setup: the device.
        online: also ask the repository for a file, and the update server whether it knows the device.
    """
    subjects = {**SUBJECTS, **ONLINE} if online else SUBJECTS
    return DeviceDiagnosis(
        tuple(Examined(name, tuple(_findings(setup, look))) for name, look in subjects.items())
    )


def _findings(setup: Setup, look: Callable[[Setup], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look(setup)
    except OSError as e:
        what = f"not all of it could be looked at: {e.filename}: {e.strerror}"
        yield note(Code.UNSEEN, what, "run it as root, on the device")
    except (OtaError, ValueError, IndexError) as e:
        # what the kernel or another program wrote is not as it is documented
        yield note(Code.UNSEEN, f"not all of it could be looked at: {e}", "look at it by hand")
