"""The published folder is swapped under readers: every answer is of one state, and it is always 200."""

import hashlib
import http.client
import shutil
import threading

from running_server import serving

from ota_server.settings import ServerSettings
from ota_server.web.app import make_app


def make_state(folder, number):
    # Larger than a piece, so that a swap can fall in the middle of one answer.
    data = str(number % 10).encode() * 600_000
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "timestamp.json").write_bytes(data)


def swap(folder, number):
    make_state(folder / f"state-{number}", number)
    (folder / "new").symlink_to(f"state-{number}")
    (folder / "new").replace(folder / "published")
    # At once: harsher than a publisher, which leaves the old state to slow readers.
    shutil.rmtree(folder / f"state-{number - 1}", ignore_errors=True)


def test_a_reader_never_sees_a_half_swapped_folder(tmp_path):
    swap(tmp_path, 0)
    seen, stop = [], threading.Event()

    def read(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while not stop.is_set():
            connection.request("GET", "/metadata/timestamp.json")
            response = connection.getresponse()
            body = response.read()
            same = hashlib.sha256(body).hexdigest().startswith(response.headers["ETag"].strip('"'))
            seen.append((response.status, len(body), len(set(body)), same))
        connection.close()

    with serving(make_app(ServerSettings(tmp_path / "published", None))) as (port, _):
        readers = [threading.Thread(target=read, args=(port,)) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(1, 60):
            swap(tmp_path, number)
        stop.set()
        for reader in readers:
            reader.join(30)
    assert set(seen) == {(200, 600_000, 1, True)}
