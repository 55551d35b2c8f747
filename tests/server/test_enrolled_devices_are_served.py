"""The guides to enrolment and to nginx, with the real commands: a device comes, is revoked, and goes."""

import http.client
import json

import pytest
from operated_server import Operator, behind_nginx, native
from support.device_api import IDLE
from support.identities import Identity, key_pem
from support.nginx import needs_nginx, socket_folder
from support.tls_client import client_context

pytestmark = pytest.mark.system


class Device:
    """A device that makes its own key."""

    def __init__(self, folder, trust, address):
        self.identity = Identity.new("cam-0042")
        self._folder, self._trust, self._address = folder, trust, address
        self._file = None

    def ask(self, path, body, **headers):
        connection = http.client.HTTPSConnection(
            *self._address, context=client_context(self._trust, self._file), timeout=30
        )
        try:
            content = json.dumps(body)
            headers = {"content-type": "application/json", **headers}
            connection.request("POST", f"/device/v1/{path}", content, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def enrol(self, token):
        request = self.identity.request(token=token)
        body = {
            "token": token,
            "device_id": request.device_id,
            "product": request.product,
            "hardware_id": request.hardware_id,
            "csr": request.csr_pem,
        }
        status, answer = self.ask("enrol", body)
        if status == 201:
            self._file = self.identity.write(self._folder, answer["certificate"])
        return status

    def check_in(self):
        status, answer = self.ask("check-in", IDLE)
        return status, answer.get("code")

    def renew(self):
        status, answer = self.ask("renew", {"csr": self.identity.request().csr_pem})
        self._file.write_bytes(answer["certificate"].encode() + key_pem(self.identity.key))
        return status


@pytest.mark.parametrize("ends_tls", [native, pytest.param(behind_nginx, marks=needs_nginx)])
def test_a_device_enrols_checks_in_renews_and_is_refused_when_it_is_revoked(ends_tls):
    with socket_folder() as folder:
        operator = Operator(folder)
        with ends_tls(operator) as address:
            device = Device(folder, operator.folder / "ca.pem", address)
            assert device.check_in() == (401, "unauthenticated")
            token = operator.run("token", "issue", "camera", "--device", "cam-*", "--lifetime", "2d")
            assert device.enrol(token + "x") == 403
            assert device.enrol(token) == 201
            assert device.check_in() == (200, None)
            assert device.renew() == 200
            assert device.check_in() == (200, None)
            operator.run("device", "revoke", "cam-0042", "--yes")
            assert device.check_in() == (403, "revoked")
            operator.run("device", "decommission", "cam-0042", "--yes")
            assert device.check_in() == (403, "revoked")
