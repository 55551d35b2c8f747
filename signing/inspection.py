"""Any file of a repository, in words: metadata, manifest, payload index, public key."""

import json
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from ota_client.errors import ConfigError, OtaError
from ota_client.formats.strict import format_time
from ota_client.manifest import FORMAT, ReleaseManifest
from ota_client.payload import MAGIC, Codec, Index
from signing.keys import read_public_key
from signing.storage import metadata

Facts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file is, and what it says; nothing of it is verified."""

    kind: str
    facts: Facts


def inspect(path: Path) -> Inspection:
    """Describe a file.

    Raises:
        ConfigError: it cannot be read, or is nothing that Ratchet knows.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from e
    try:
        return _inspect(path, data)
    except (OtaError, RepositoryError, ValueError) as e:
        raise ConfigError(
            f"{path}: expected metadata, a manifest, a payload index or a public key, got: {e}"
        ) from e


def _inspect(path: Path, data: bytes) -> Inspection:
    if data.startswith(MAGIC):
        return Inspection("payload index", _index_facts(Index.from_bytes(data)))
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ConfigError("JSON of another kind")
    if value.get("format") == FORMAT:
        return Inspection("release manifest", _manifest_facts(ReleaseManifest.from_bytes(data)))
    if "keyid" in value:
        key, uri = read_public_key(path)
        facts = {"id": key.keyid, "scheme": key.scheme, "private key": uri}
        return Inspection("public key", facts)
    return _metadata_inspection(Metadata.from_bytes(data))


def _metadata_inspection(found: Metadata[metadata.S]) -> Inspection:
    signed = found.signed
    facts = {
        "version": str(signed.version),
        "expires": format_time(signed.expires),
        "signatures by": ", ".join(found.signatures) or "nobody",
    }
    for name, value in signed.unrecognized_fields.items():
        facts[name] = str(value)
    match signed:
        case Root():
            facts |= _root_facts(signed)
        case Targets():
            facts |= _targets_facts(signed)
        case Snapshot():
            facts |= {name: f"version {file.version}" for name, file in signed.meta.items()}
        case Timestamp():
            facts["snapshot.json"] = f"version {signed.snapshot_meta.version}"
    return Inspection(f"{signed.type} metadata", facts)


def _root_facts(root: Root) -> Facts:
    return {
        f"role {name}": f"{role.threshold} of {', '.join(role.keyids) or 'no keys'}"
        for name, role in sorted(root.roles.items())
    }


def _targets_facts(targets: Targets) -> Facts:
    facts = {
        f"product {name}": f"{role.threshold} of {', '.join(role.keyids)}; hardware ids "
        f"{', '.join(metadata.hardware_ids(role)) or 'none'}"
        for name, role in metadata.delegated(targets).items()
    }
    return facts | {
        path: f"{file.length} bytes, sha256 {file.hashes.get('sha256')}"
        for path, file in sorted(targets.targets.items())
    }


def _manifest_facts(manifest: ReleaseManifest) -> Facts:
    facts = {
        "product": manifest.product,
        "version": str(manifest.version),
        "rollback index": str(manifest.rollback_index),
        "hardware ids": ", ".join(manifest.hardware_ids),
        "min version": str(manifest.min_version or "none"),
        "created at": format_time(manifest.created_at),
    }
    for image in manifest.images:
        facts[f"image {image.slot}"] = (
            f"{image.format.value}, {image.size_bytes} bytes, sha256 {image.sha256}, "
            f"payload {image.payload.data_bytes} bytes"
        )
        if image.verity is not None:
            facts[f"verity {image.slot}"] = (
                f"root hash {image.verity.root_hash}, salt {image.verity.salt}, "
                f"{image.verity.data_blocks} data blocks"
            )
    for advisory in manifest.advisories:
        facts[f"advisory {advisory.id}"] = (
            f"{advisory.severity}, fixed in {advisory.fixed_in}: {advisory.summary} {advisory.action}"
        )
    if manifest.sbom is not None:
        facts["sbom"] = f"{manifest.sbom.file}, sha256 {manifest.sbom.sha256}"
    if manifest.notes:
        facts["notes"] = manifest.notes
    return facts


def _index_facts(index: Index) -> Facts:
    codecs = [region.codec for region in index.regions]
    return {
        "image": f"{index.image_bytes} bytes, sha256 {index.image_sha256.hex()}",
        "data": f"{index.data_bytes} bytes",
        "regions": f"{len(codecs)} of {index.region_bytes} bytes",
        "packed": ", ".join(f"{codecs.count(codec)} {codec.name.lower()}" for codec in Codec),
    }
