"""The device API in a page: what a simulated device may expect of a server, without a server."""

from collections import Counter

from ota_client import protocol
from ota_server.simulate.wire import Answer, Identity, LostError

TOKEN = "token"
FINAL = {"confirmed", "fell_back", "failed", "refused"}


class SmallServer:
    """A ``Wire`` whose server assigns one release to whoever checks in, ``most`` at a time.

    Attributes:
        devices: certificates by device id.
        counted: each report once, by device and state.
        down: no connection can be made.
        statuses: answered to the next requests in place of doing them.
    """

    def __init__(self, version, *, most=1000):
        self.version, self.most = version, most
        self.devices, self.counted, self.statuses = {}, Counter(), []
        self.sequences, self.assigned, self.ended = Counter(), {}, {}
        self.most_in_flight, self.inventories, self.down = 0, {}, False
        self.addresses = set()

    def stranger(self, address):
        self.addresses.add(address)
        return Identity(None, "")

    def identity(self, _address, certificate, _key):
        return Identity(None, certificate)

    async def connect(self, identity):
        if self.down:
            raise LostError("down")
        return _SmallConnection(self, identity.headers)


class _SmallConnection:
    def __init__(self, server, device_id):
        self.server, self.device_id = server, device_id

    async def ask(self, _method, path, body=None):
        if self.server.statuses:
            return Answer(self.server.statuses.pop(0), {"title": "no"}, 0.0)
        name = path.removeprefix(f"{protocol.PREFIX}/").replace("-", "_")
        return Answer(200, getattr(self, name)(body), 0.0)

    def close(self):
        pass

    def enrol(self, body):
        assert body["token"] == TOKEN
        self.server.devices[body["device_id"]] = body["csr"]
        expires = "2027-01-01T00:00:00Z"
        return {"device_id": body["device_id"], "certificate": body["device_id"], "expires_at": expires}

    def check_in(self, body):
        server, number = self.server, list(self.server.devices).index(self.device_id) + 1
        held = server.assigned.get(self.device_id)
        if held is None and self.device_id not in server.ended and len(server.assigned) < server.most:
            held = server.assigned[self.device_id] = number
            server.most_in_flight = max(server.most_in_flight, len(server.assigned))
        assignment = {"id": number, "version": server.version, "consent_wanted": False}
        wanted = server.inventories.get(self.device_id) != body["inventory"]
        server.inventories[self.device_id] = body["inventory"]
        answer = {"check_in_after_s": 60, "inventory_wanted": wanted}
        return answer | ({"assignment": assignment} if held else {})

    def attributes(self, body):
        assert set(body) == {"attributes", "slots"}

    def reports(self, body):
        server, key = self.server, (self.device_id, body["stream"])
        for report in body["reports"]:
            if report["sequence"] > server.sequences[key]:
                server.sequences[key] = report["sequence"]
                server.counted[self.device_id, report["state"]] += 1
                if report["state"] in FINAL:
                    server.assigned.pop(self.device_id, None)
                    server.ended[self.device_id] = report
        return {"accepted": server.sequences[key]}
