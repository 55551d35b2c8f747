"""A TPM 2.0 in memory: NV counters and lockable indices, as the specification and swtpm have them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from struct import pack

from ota_client.counters.tpm_messages import Attribute, Code, NvPublic, parse_sized, sized

OWNER = 0x40000001
BAD_AUTH, HANDLE, NO_COUNTER, A_COUNTER = 0x9A2, 0x18B, 0x282, 0x082
NV_LOCKED, NV_UNINITIALIZED, NV_DEFINED = 0x148, 0x14A, 0x14C


@dataclass(frozen=True)
class Nv:
    public: NvPublic
    auth: bytes
    value: bytes = b""


@dataclass(frozen=True)
class Memory:
    """What survives a power cut; each command changes it as a whole."""

    indices: dict[int, Nv] = field(default_factory=dict)
    highest: int = 0
    owner_auth: bytes = b""

    def with_index(self, handle: int, nv: Nv | None) -> "Memory":
        indices = {other: old for other, old in self.indices.items() if other != handle}
        return replace(self, indices=indices if nv is None else {**indices, handle: nv})


class SimulatedTpm:
    """One chip.

    Attributes:
        memory: what it keeps.
        answers: codes to answer with, instead of obeying, to the next commands.
        unplugged: whether it does not answer at all.
        commands: the codes of all commands so far.
    """

    def __init__(self, memory: Memory | None = None, *, changed: Callable[[Memory], None] | None = None):
        self.memory = memory or Memory()
        self.answers: list[int] = []
        self.unplugged = False
        self.commands: list[Code] = []
        self._changed = changed or (lambda _: None)

    @contextmanager
    def connect(self) -> Iterator["SimulatedTpm"]:
        from ota_client.errors import CounterUnavailableError

        if self.unplugged:
            raise CounterUnavailableError("simulated: expected a TPM 2.0, got: No such device")
        yield self

    def clear(self) -> None:
        """What TPM2_Clear does: indices and passwords are gone, the highest count stays."""
        self.memory = Memory(highest=self.memory.highest)

    def exchange(self, command: bytes) -> bytes:
        tag, size, code = command[:2], command[2:6], Code(int.from_bytes(command[6:10], "big"))
        assert int.from_bytes(size, "big") == len(command)
        self.commands.append(code)
        if self.answers and (answer := self.answers.pop(0)):
            return pack(">HII", 0x8001, 10, answer)
        before = self.memory
        body = command[10:]
        done = self._open(code, body) if tag == b"\x80\x01" else self._authorised(code, body)
        if isinstance(done, int):
            return pack(">HII", 0x8001, 10, done)
        if self.memory != before:
            self._changed(self.memory)
        if tag == b"\x80\x01":
            return pack(">HII", 0x8001, 10 + len(done), 0) + done
        done = pack(">I", len(done)) + done + bytes.fromhex("0000010000")
        return pack(">HII", 0x8002, 10 + len(done), 0) + done

    def _open(self, code: Code, body: bytes) -> bytes | int:
        if code is Code.GET_CAPABILITY:
            assert body == pack(">III", 6, 0x200, 1)
            return pack(">BIIII", 0, 6, 1, 0x200, bool(self.memory.owner_auth))
        assert code is Code.NV_READ_PUBLIC
        handle = int.from_bytes(body, "big")
        if handle not in self.memory.indices:
            return HANDLE
        public = self.memory.indices[handle].public
        area = pack(">IHIHH", handle, 0xB, public.attributes, 0, public.size_bytes)
        return sized(area) + sized(bytes(34))

    def _authorised(self, code: Code, body: bytes) -> bytes | int:
        first, defines = int.from_bytes(body[:4], "big"), code is Code.NV_DEFINE_SPACE
        handle = first if defines else int.from_bytes(body[4:8], "big")
        session, rest = self._session(body[4 if defines else 8 :])
        if not defines and handle not in self.memory.indices:
            # the number of the handle that is meant: the owner's is the first
            return HANDLE + 0x100 * (first == OWNER)
        password = self.memory.owner_auth if first == OWNER else self.memory.indices[first].auth
        if session.rstrip(b"\0") != password:
            return BAD_AUTH
        if defines:
            return self._define(rest)
        if code is Code.NV_UNDEFINE_SPACE:
            self.memory = self.memory.with_index(handle, None)
            return b""
        return self._used(code, handle, rest)

    def _used(self, code: Code, handle: int, rest: bytes) -> bytes | int:
        nv = self.memory.indices[handle]
        match code:
            case Code.NV_INCREMENT:
                return self._increment(handle, nv)
            case Code.NV_WRITE:
                return self._write(handle, nv, rest)
            case Code.NV_WRITE_LOCK:
                assert nv.public.has(Attribute.WRITE_DEFINE)
                locked = _flagged(nv, Attribute.WRITE_LOCKED, nv.value)
                self.memory = self.memory.with_index(handle, locked)
                return b""
        assert (code, rest) == (Code.NV_READ, pack(">HH", nv.public.size_bytes, 0))
        return sized(nv.value) if nv.value else NV_UNINITIALIZED

    @staticmethod
    def _session(area: bytes) -> tuple[bytes, bytes]:
        size = int.from_bytes(area[:4], "big")
        session, rest = area[4 : 4 + size], area[4 + size :]
        assert session[:7] == pack(">IHB", 0x40000009, 0, 0)
        password, nothing = parse_sized(session[7:])
        assert nothing == b""
        return password, rest

    def _define(self, rest: bytes) -> bytes | int:
        auth, rest = parse_sized(rest)
        area, rest = parse_sized(rest)
        assert rest == b""
        handle, attributes = int.from_bytes(area[:4], "big"), int.from_bytes(area[6:10], "big")
        if handle in self.memory.indices:
            return NV_DEFINED
        public = NvPublic(attributes, int.from_bytes(area[-2:], "big"))
        self.memory = self.memory.with_index(handle, Nv(public, auth))
        return b""

    def _increment(self, handle: int, nv: Nv) -> bytes | int:
        if not nv.public.has(Attribute.COUNTER):
            return NO_COUNTER
        count = (int.from_bytes(nv.value, "big") if nv.value else self.memory.highest) + 1
        highest = max(count, self.memory.highest)
        written = _flagged(nv, Attribute.WRITTEN, count.to_bytes(8, "big"))
        self.memory = replace(self.memory.with_index(handle, written), highest=highest)
        return b""

    def _write(self, handle: int, nv: Nv, rest: bytes) -> bytes | int:
        if nv.public.has(Attribute.COUNTER):
            return A_COUNTER
        if nv.public.has(Attribute.WRITE_LOCKED):
            return NV_LOCKED
        data, offset = parse_sized(rest)
        assert offset == bytes(2)
        self.memory = self.memory.with_index(handle, _flagged(nv, Attribute.WRITTEN, data))
        return b""


def _flagged(nv: Nv, flag: Attribute, value: bytes) -> Nv:
    public = replace(nv.public, attributes=nv.public.attributes | flag)
    return replace(nv, public=public, value=value)
