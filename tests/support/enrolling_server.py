"""The enrolment of an update server in memory: one device id, one key, as the real one has it (B04)."""

import json
from datetime import UTC, datetime
from pathlib import Path

from msgspec.json import Decoder

from ota_client.errors import NotAuthorisedError
from ota_client.formats.strict import format_time
from ota_client.protocol import ENROL, RENEW
from ota_server.devices.signing_request import read_request
from ota_server.web import shapes
from support.identities import make_device_authority

TOKEN = "one-time-token"
URL = "https://fleet.example"


class EnrollingServer:
    """A line that is a server.

    Attributes:
        keys: by device id, the key that it is bound to.
        requests: each body, as it came.
        change: changes the answer before it is sent.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self.authority = make_device_authority(folder, now=self.now)
        self.keys: dict[str, str] = {}
        self.requests: list[bytes] = []
        self.change = lambda answer: answer
        self.answered = lambda: None

    def send(self, method: str, url: str, body: bytes, *, max_bytes: int) -> bytes:
        assert method == "POST"
        self.requests.append(body)
        door = {ENROL: self._enrol, RENEW: self._renew}[url.removeprefix(URL)]
        answer = json.dumps(self.change(door(body))).encode()
        assert len(answer) <= max_bytes
        self.answered()
        return answer

    def _enrol(self, body: bytes) -> dict:
        said = Decoder(shapes.EnrolBody).decode(body)
        request = read_request(said.csr, said.device_id)
        if (
            said.token != TOKEN
            or self.keys.get(said.device_id, request.key_sha256) != request.key_sha256
        ):
            raise NotAuthorisedError("the enrolment is refused")
        self.keys[said.device_id] = request.key_sha256
        return self._certify(request, said.device_id)

    def _renew(self, body: bytes) -> dict:
        csr = Decoder(shapes.RenewBody).decode(body).csr
        (device_id,) = self.keys
        request = read_request(csr, device_id)
        assert request.key_sha256 == self.keys[device_id]
        return self._certify(request, device_id)

    def _certify(self, request, device_id: str) -> dict:
        made = self.authority.sign(request, device_id, self.now)
        return {
            "device_id": device_id,
            "certificate": made.pem,
            "expires_at": format_time(made.expires_at),
        }
