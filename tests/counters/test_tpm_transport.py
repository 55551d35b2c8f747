"""The line to a TPM: what does not answer is told in one sentence, and held by nobody."""

import os
import socket
import threading

import pytest

from ota_client.counters.tpm_transport import DeviceTransport, connect
from ota_client.errors import CounterUnavailableError

ANSWER = bytes.fromhex("80010000000a0000018b")


def serve(tmp_path, *pieces):
    """A socket that answers one command with these bytes, and hangs up."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "tpm"))
    listener.listen()

    def answer():
        line, _ = listener.accept()
        with line:
            line.recv(100)
            for piece in pieces:
                line.sendall(piece)
        listener.close()

    thread = threading.Thread(target=answer)
    thread.start()
    return f"swtpm:{tmp_path / 'tpm'}", thread


def test_an_answer_in_pieces_is_put_together(tmp_path):
    device, thread = serve(tmp_path, ANSWER[:3], ANSWER[3:])
    with connect(device) as line:
        assert line.exchange(b"command") == ANSWER
    thread.join()


@pytest.mark.parametrize("answer", [b"", ANSWER[:4], b"\x80\x01\xff\xff\xff\xff\0\0\0\0"])
def test_a_chip_that_hangs_up_is_unavailable(tmp_path, answer):
    device, thread = serve(tmp_path, answer)
    with pytest.raises(CounterUnavailableError, match="hung up"), connect(device) as line:
        line.exchange(b"command")
    thread.join()


@pytest.mark.parametrize("device", ["{0}/none", "swtpm:{0}/none"])
def test_a_chip_that_is_not_there_is_told(tmp_path, device):
    with (
        pytest.raises(CounterUnavailableError, match="expected a TPM"),
        connect(device.format(tmp_path)),
    ):
        pass


def test_a_device_file_takes_one_write_and_gives_one_read():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(ANSWER)
        assert DeviceTransport(ours.fileno()).exchange(b"command") == ANSWER
        assert os.read(theirs.fileno(), 100) == b"command"
