"""What an attacker signs and serves."""

from copy import deepcopy

from securesystemslib.signer import Key, Signature, SSlibKey
from tuf.api.metadata import MetaFile, Signed

from support.memory_repository import MemoryRepository, signer

ROLES = ("root", "timestamp", "snapshot", "targets", "gateway")


class SignsAs:
    """Signs by one key in the name of another."""

    def __init__(self, name: str, key_id: str) -> None:
        self._signer, self._key_id = signer(name), key_id
        self.public_key = self._signer.public_key

    def sign(self, payload: bytes) -> Signature:
        return Signature(self._key_id, self._signer.sign(payload).signature)


def twin(key: Key, key_id: str) -> SSlibKey:
    """The same public key under another key id."""
    return SSlibKey.from_dict(key_id, deepcopy(key.to_dict()))


def content(repository: MemoryRepository, role: str) -> Signed:
    """The metadata of a role, before it is signed."""
    return repository.products.get(role) or getattr(repository, role)


def delegator(repository: MemoryRepository, role: str) -> Signed:
    """Who names the role's keys."""
    return repository.targets if role in repository.products else repository.root


def need_two_keys(repository: MemoryRepository, role: str) -> None:
    """Give a role a second key, and require both."""
    second = signer(f"second {role}")
    delegator(repository, role).add_key(second.public_key, role)
    delegator(repository, role).get_delegated_role(role).threshold = 2
    repository.signers[role].append(second)


def published(repository: MemoryRepository, role: str) -> bytes:
    """The bytes of a role that devices are served now."""
    if role == "timestamp":
        return repository.files["metadata/timestamp.json"]
    return repository.files[f"metadata/{content(repository, role).version}.{role}.json"]


def serve_as(repository: MemoryRepository, role: str, data: bytes, version: int) -> None:
    """Serve bytes as a role's metadata, listed by the roles above as those would list genuine ones."""
    if role == "timestamp":
        repository.files["metadata/timestamp.json"] = data
        return
    repository.files[f"metadata/{version}.{role}.json"] = data
    if role == "root":
        return
    listed = MetaFile.from_data(version, data, ["sha256"])
    if role == "snapshot":
        repository.timestamp.snapshot_meta = listed
    else:
        repository.snapshot.meta[f"{role}.json"] = listed
        repository.publish_snapshot()
    repository.publish_timestamp()
