"""The audit log: is the chain of its entries whole?"""

from collections.abc import Iterator

from ota_client.doctor.finding import Finding, error
from ota_client.errors import OtaError
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Setup
from ota_server.journal import audit_chain


def examine_audit(setup: Setup) -> Iterator[Finding]:
    """Find an entry that was changed, or taken out."""
    with setup.read() as connection:
        if connection is None:
            return
        try:
            audit_chain.verify(connection)
        except OtaError as e:
            way_out = "compare with an export or backup that is kept elsewhere: somebody changed the log"
            yield error(Code.AUDIT_BROKEN, str(e), way_out)
