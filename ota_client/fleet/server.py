"""The update server's device API, as a device speaks it (docs/reference/device-api.md).

What the server answers is read strictly and believed in nothing but when to come again: a release that
it names is verified like any other (B01).
"""

import json
from collections.abc import Sequence
from typing import Final

from ota_client.errors import FetchError
from ota_client.formats.strict import parse_json
from ota_client.network.fetcher import Line
from ota_client.protocol import (
    ASSIGNMENT,
    ATTRIBUTES,
    CERTIFICATE_MOST_BYTES,
    CHECK_IN,
    ENROL,
    RENEW,
    REPORTS,
    CheckIn,
    CheckInAnswer,
    Enrolment,
    Inventory,
    Report,
    parse_accepted,
)

_ANSWER_MOST_BYTES: Final = 4096
_WHAT: Final = "the update server's answer"


class UpdateServer:
    """One update server.

    Args:
        line: the way there, with this device's certificate.
        url: without a slash at its end.

    Every method raises ``NotAuthorisedError`` where the server does not take the device for one of its
    own, and ``FetchError`` where it cannot be reached or its answer is not one.
    """

    def __init__(self, line: Line, url: str) -> None:
        self._line, self._url = line, url

    def enrol(
        self, *, device_id: str, product: str, hardware_id: str, csr: str, token: str | None
    ) -> Enrolment:
        """Ask for a certificate for a new key; the same may be asked again."""
        fields = {"device_id": device_id, "product": product, "hardware_id": hardware_id, "csr": csr}
        if token is not None:
            fields["token"] = token
        return self._certificate(ENROL, fields)

    def renew(self, csr: str) -> Enrolment:
        """Ask for a new certificate for the same key."""
        return self._certificate(RENEW, {"csr": csr})

    def check_in(self, check_in: CheckIn) -> CheckInAnswer:
        """Tell how the device is, and ask what it is to do."""
        return CheckInAnswer.parse(self._ask("POST", CHECK_IN, check_in.to_fields()))

    def put_inventory(self, inventory: Inventory) -> None:
        """Send attributes and slots."""
        self._send("PUT", ATTRIBUTES, inventory.to_fields(), 0)

    def report(self, stream: str, reports: Sequence[Report]) -> int:
        """Send reports; returns the sequence number up to which all are counted."""
        fields = {"stream": stream, "reports": [report.to_fields() for report in reports]}
        return parse_accepted(self._ask("POST", REPORTS, fields))

    def look(self) -> None:
        """See whether the server knows this device; 404 says that it does and assigns nothing."""
        self._send("GET", ASSIGNMENT, None, _ANSWER_MOST_BYTES)

    def _certificate(self, path: str, fields: dict[str, str]) -> Enrolment:
        # PEM's line ends take two characters each in JSON
        answer = self._ask("POST", path, fields, max_bytes=2 * CERTIFICATE_MOST_BYTES)
        return Enrolment.parse(answer)

    def _ask(
        self, method: str, path: str, fields: object, *, max_bytes: int = _ANSWER_MOST_BYTES
    ) -> object:
        data = self._send(method, path, fields, max_bytes)
        return parse_json(data, max_bytes=max_bytes, what=_WHAT, error=FetchError)

    def _send(self, method: str, path: str, fields: object, max_bytes: int) -> bytes:
        body = b"" if fields is None else json.dumps(fields).encode()
        return self._line.send(method, f"{self._url}{path}", body, max_bytes=max_bytes)
