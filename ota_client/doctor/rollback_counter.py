"""The rollback counter: provisioned, in step with the record, and out of root's hands."""

from collections.abc import Iterator
from typing import Final

from ota_client.counters.health import CounterHealth
from ota_client.disk.storage import DiskStorage
from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.system import Setup
from ota_client.errors import CounterError, OtaError

_PAGE: Final = "docs/reference/rollback-counter.md says what happened and what to do"


def examine_rollback_counter(setup: Setup) -> Iterator[Finding]:
    """Find what is wrong with the rollback counter."""
    settings = setup.config.counter
    if settings.kind == "record":
        if any((setup.system.sys / "class" / "tpm").glob("tpm*")):
            what = "there is a TPM, and the stored rollback index is in a file alone"
            yield note(Code.TPM_UNUSED, what, 'set rollback_counter.kind = "tpm", and provision it')
        return
    try:
        report = settings.open(DiskStorage(), setup.config.state_dir).report()
    except OtaError as e:
        yield error(Code.STATE_UNREADABLE, str(e), "docs/how-to/recover-a-device.md")
        return
    match report.health:
        case CounterHealth.UNAVAILABLE:
            yield error(Code.COUNTER_UNAVAILABLE, report.detail, _PAGE)
        case CounterHealth.UNPROVISIONED:
            yield error(Code.COUNTER_UNPROVISIONED, report.detail, "ota-client provision-counter")
        case CounterHealth.CLEARED | CounterHealth.REPLACED:
            yield error(Code.COUNTER_LOST, report.detail, _PAGE)
        case CounterHealth.AHEAD:
            yield error(Code.COUNTER_OUT_OF_STEP, report.detail, _PAGE)
        case CounterHealth.BEHIND:
            yield note(Code.COUNTER_OUT_OF_STEP, report.detail, "nothing: it follows at the next start")
    if report.health.sound:
        yield from _owner(setup)


def _owner(setup: Setup) -> Iterator[Finding]:
    from ota_client.counters.tpm import TpmIndex  # noqa: PLC0415 only who has one pays

    try:
        has_password = TpmIndex.of(setup.config.counter).owner_has_password()
    except CounterError as e:
        yield note(Code.COUNTER_UNAVAILABLE, str(e), _PAGE)
        return
    if not has_password:
        what = "the TPM's owner has no password: whoever is root can remove the rollback counter"
        yield warning(Code.TPM_OWNER_OPEN, what, "set one in the factory (tpm2_changeauth -c owner)")
