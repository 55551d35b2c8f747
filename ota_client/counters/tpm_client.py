"""The few TPM 2.0 commands that a rollback counter needs, by password sessions.

Passwords are in clear on the TPM's bus; docs/reference/rollback-counter.md says what that means.
"""

from collections.abc import Callable
from typing import Final

from ota_client.counters.tpm_messages import (
    Answer,
    Attribute,
    Code,
    NvPublic,
    command,
    malformed,
    parse_answer,
    parse_public,
    parse_value,
    public_area,
    sized,
)
from ota_client.counters.tpm_transport import Transport
from ota_client.errors import CounterError, CounterUnavailableError

_OWNER: Final = 0x40000001
_WAITS_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.0)
# part 2, 6.6.3; NV_RATE asks for a pause so that the memory does not wear out
_TRY_AGAIN: Final = frozenset({0x908, 0x90A, 0x920, 0x922, 0x923})
_NO_SUCH_INDEX: Final = 0x08B
_LOCKED_OUT: Final = 0x921
_WORDS: Final = {
    0x082: "the attributes do not allow that (inconsistent attributes)",
    0x08E: "a wrong password; each further one brings the lockout nearer (authorisation failure)",
    0x0A2: "a wrong password; look at auth_file and owner_auth_file",
    0x100: "it was not started; the boot firmware or the kernel must do so (not initialised)",
    0x101: "it is in failure mode; restart the device, and exchange the TPM if that does not help",
    0x148: "the NV index is locked against writing",
    0x149: "the NV index does not allow that to its password; another program defined it",
    0x14B: "no NV memory is left; remove other indices",
    0x14C: "the NV index is defined already",
    _LOCKED_OUT: "it is locked out after wrong passwords; wait, or reset it (tpm2_dictionarylockout -c)",
}
_PERMANENT: Final = 0x200
_TPM_PROPERTIES: Final = 6
_OWNER_AUTH_SET: Final = 1 << 0


class TpmClient:
    """Speaks to one TPM.

    Args:
        transport: carries the commands.
        wait: waits that many seconds, when the TPM asks for it.
    """

    def __init__(self, transport: Transport, wait: Callable[[float], None]) -> None:
        self._transport, self._wait = transport, wait

    def public(self, nv_index: int) -> NvPublic | None:
        """What is known of an NV index; None where there is none."""
        answer = self._exchange(Code.NV_READ_PUBLIC, (nv_index,), b"", None)
        if _kind(answer.code) == _NO_SUCH_INDEX:
            return None
        return parse_public(_succeeded(Code.NV_READ_PUBLIC, answer), nv_index)

    def define(
        self, nv_index: int, attributes: Attribute, size_bytes: int, *, auth: bytes, owner_auth: bytes
    ) -> None:
        """Define an NV index with a password of its own."""
        parameters = sized(auth) + public_area(nv_index, attributes, size_bytes)
        self._run(Code.NV_DEFINE_SPACE, (_OWNER,), parameters, owner_auth)

    def undefine(self, nv_index: int, *, owner_auth: bytes) -> None:
        """Remove an NV index."""
        self._run(Code.NV_UNDEFINE_SPACE, (_OWNER, nv_index), b"", owner_auth)

    def increment(self, nv_index: int, *, auth: bytes) -> None:
        """Count one on. The first one goes on from the highest that any counter of this TPM had."""
        self._run(Code.NV_INCREMENT, (nv_index, nv_index), b"", auth)

    def read(self, nv_index: int, size_bytes: int, *, auth: bytes) -> bytes:
        """Read an NV index as a whole."""
        parameters = size_bytes.to_bytes(2, "big") + bytes(2)
        found = self._run(Code.NV_READ, (nv_index, nv_index), parameters, auth)
        return parse_value(found, size_bytes)

    def write(self, nv_index: int, data: bytes, *, auth: bytes) -> None:
        """Write an NV index as a whole."""
        self._run(Code.NV_WRITE, (nv_index, nv_index), sized(data) + bytes(2), auth)

    def write_lock(self, nv_index: int, *, auth: bytes) -> None:
        """Never let it be written again, until it is removed."""
        self._run(Code.NV_WRITE_LOCK, (nv_index, nv_index), b"", auth)

    def owner_has_password(self) -> bool:
        """Whether removing an NV index takes a password (TPMA_PERMANENT, part 2, 8.6)."""
        numbers = (_TPM_PROPERTIES, _PERMANENT, 1)
        parameters = b"".join(number.to_bytes(4, "big") for number in numbers)
        found = self._run(Code.GET_CAPABILITY, (), parameters, None)
        expected = b"".join(n.to_bytes(4, "big") for n in (_TPM_PROPERTIES, 1, _PERMANENT))
        # one byte says whether more follows
        if len(found) != 17 or found[1:13] != expected:  # noqa: PLR2004 as laid out in part 2, 10.10
            raise malformed("one property", f"{len(found)} bytes")
        return bool(int.from_bytes(found[13:], "big") & _OWNER_AUTH_SET)

    def _run(self, code: Code, handles: tuple[int, ...], parameters: bytes, auth: bytes | None) -> bytes:
        return _succeeded(code, self._exchange(code, handles, parameters, auth))

    def _exchange(
        self, code: Code, handles: tuple[int, ...], parameters: bytes, auth: bytes | None
    ) -> Answer:
        message = command(code, handles, parameters, auth)
        for wait_s in (*_WAITS_S, None):
            answer = parse_answer(self._transport.exchange(message), authorised=auth is not None)
            if answer.code not in _TRY_AGAIN or wait_s is None:
                break
            self._wait(wait_s)
        return answer


def _kind(code: int) -> int:
    # format one: bits 6 and 8 to 11 say which handle or parameter is meant (part 2, 6.6.2)
    return code & 0x0BF if code & 0x080 else code


def _succeeded(code: Code, answer: Answer) -> bytes:
    if answer.code == 0:
        return answer.parameters
    words = _WORDS.get(_kind(answer.code), f"response code {answer.code:#x}")
    if answer.code in _TRY_AGAIN:
        words = "it is busy, time after time"
    # warnings pass by themselves; so may failures of the TPM as a whole
    later = answer.code in _TRY_AGAIN or answer.code in {0x100, 0x101, _LOCKED_OUT}
    error = CounterUnavailableError if later else CounterError
    raise error(f"TPM: expected it to do {code.name}, got: {words}")
