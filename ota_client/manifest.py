"""The release manifest: what one release is, as its release engineers signed it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ota_client.errors import ManifestError
from ota_client.formats.strict import Fields, canonical_json, format_time, is_name, parse_canonical_json
from ota_client.formats.version import Version
from ota_client.verity import Verity

FORMAT = "ratchet-manifest/1"
PAYLOAD_FORMAT = "ratchet-regions/1"
MAX_BYTES = 512 * 1024
ROLLBACK_INDEX_MAX = 2**31 - 1
_ADVISORIES_MOST = 1000
_IMAGES_MOST = 32
_HARDWARE_IDS_MOST = 64
_NOTES_LONGEST = 32_000


class Severity(StrEnum):
    """How bad a mended weakness is, in CVSS's words (CVSS 3.1, section 5)."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Advisory:
    """One weakness that a release mends: what the device's owner is told (OWASP IoT item 4).

    Attributes:
        id: such as CVE-2026-1234.
        severity: how bad the weakness is.
        summary: what it is, in a sentence.
        action: what the owner should do.
        fixed_in: the first release that mends it. A manifest carries the advisories of its
            predecessors too, so that a device that skips releases learns of all of them.
    """

    id: str
    severity: Severity
    summary: str
    action: str
    fixed_in: Version

    def to_fields(self) -> dict[str, object]:
        """The advisory as JSON fields, in manifests and reports alike."""
        return {
            "id": self.id,
            "severity": self.severity.value,
            "summary": self.summary,
            "action": self.action,
            "fixed_in": str(self.fixed_in),
        }


@dataclass(frozen=True, slots=True)
class Payload:
    """How an image travels: an index and the data that it describes (docs/reference/payload-format)."""

    format: str
    index_bytes: int
    index_sha256: str
    data_bytes: int


class ImageFormat(StrEnum):
    """What an image's bytes are, and so how they get into the slot."""

    RAW = "raw"
    TAR = "tar"


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a release and the slot that it ends in.

    Attributes:
        slot: the signed name of the slot, such as ``rootfs``; never a device path (C03).
        size_bytes: of the image's bytes; a raw image's are those that end in the slot.
        sha256: of the same bytes, in hexadecimal.
        verity: the hash tree at its end, if it has one.
        format: a tar image is unpacked into a fresh file system (C03).
    """

    slot: str
    size_bytes: int
    sha256: str
    payload: Payload
    verity: Verity | None = None
    format: ImageFormat = ImageFormat.RAW


@dataclass(frozen=True, slots=True)
class Sbom:
    """The software bill of materials that belongs to a release."""

    file: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReleaseManifest:
    """What one release is. Parsed once, never changed (C09).

    Attributes:
        rollback_index: rises only with a release whose predecessors must never run again (AVB).
        hardware_ids: the boards it runs on (Uptane's term); matched exactly.
        min_version: a device below it must first install a release in between.
        created_at: when it was added to the repository, UTC.
    """

    product: str
    version: Version
    rollback_index: int
    hardware_ids: tuple[str, ...]
    min_version: Version | None
    images: tuple[Image, ...]
    advisories: tuple[Advisory, ...]
    notes: str
    sbom: Sbom | None
    created_at: datetime

    def advisories_since(self, running: Version) -> tuple[Advisory, ...]:
        """The advisories that installing this release on ``running`` newly answers."""
        return tuple(a for a in self.advisories if running < a.fixed_in <= self.version)

    def hash_trees(self) -> tuple[tuple[str, Verity], ...]:
        """The images that have a dm-verity hash tree, and these trees."""
        return tuple((image.slot, image.verity) for image in self.images if image.verity is not None)

    def to_bytes(self) -> bytes:
        """Write the manifest as canonical JSON."""
        value: dict[str, object] = {
            "format": FORMAT,
            "product": self.product,
            "version": str(self.version),
            "rollback_index": self.rollback_index,
            "hardware_ids": list(self.hardware_ids),
            "images": [_image_fields(image) for image in self.images],
            "advisories": [advisory.to_fields() for advisory in self.advisories],
            "notes": self.notes,
            "created_at": format_time(self.created_at),
        }
        if self.min_version is not None:
            value["min_version"] = str(self.min_version)
        if self.sbom is not None:
            sbom = self.sbom
            value["sbom"] = {"file": sbom.file, "bytes": sbom.size_bytes, "sha256": sbom.sha256}
        return canonical_json(value)

    @classmethod
    def from_bytes(cls, data: bytes) -> "ReleaseManifest":
        """Read a manifest strictly.

        Raises:
            ManifestError: it is too long, not canonical JSON, or a field is missing, unknown, of a
                wrong type or out of range.
        """
        value = parse_canonical_json(data, max_bytes=MAX_BYTES, what="manifest", error=ManifestError)
        fields = Fields(value, "manifest", ManifestError)
        form = fields.text("format")
        if form != FORMAT:
            fields.fail("format", FORMAT, form)
        manifest = cls(
            product=fields.name("product"),
            version=fields.parsed("version", Version.parse),
            rollback_index=fields.integer("rollback_index", highest=ROLLBACK_INDEX_MAX),
            hardware_ids=fields.name_list("hardware_ids", most=_HARDWARE_IDS_MOST),
            min_version=_min_version(fields),
            images=_images(fields),
            advisories=tuple(map(_advisory, fields.tables("advisories", most=_ADVISORIES_MOST))),
            notes=fields.text("notes", longest=_NOTES_LONGEST),
            sbom=_sbom(fields.table("sbom")) if fields.has("sbom") else None,
            created_at=fields.time("created_at"),
        )
        fields.finish()
        return manifest


def _min_version(fields: Fields) -> Version | None:
    return fields.parsed("min_version", Version.parse) if fields.has("min_version") else None


def _images(fields: Fields) -> tuple[Image, ...]:
    images = tuple(map(_image, fields.tables("images", most=_IMAGES_MOST)))
    slots = [image.slot for image in images]
    if not slots or len(set(slots)) != len(slots):
        fields.fail("images", "one or more images, each for another slot", slots)
    return images


def _image(fields: Fields) -> Image:
    payload = fields.table("payload")
    image = Image(
        slot=fields.name("slot"),
        size_bytes=fields.integer("bytes", lowest=1),
        sha256=fields.sha256("sha256"),
        payload=Payload(
            format=payload.text("format"),
            index_bytes=payload.integer("index_bytes", lowest=1),
            index_sha256=payload.sha256("index_sha256"),
            data_bytes=payload.integer("data_bytes"),
        ),
        verity=_verity(fields.table("verity")) if fields.has("verity") else None,
        format=_format(fields),
    )
    if image.payload.format != PAYLOAD_FORMAT:
        payload.fail("format", PAYLOAD_FORMAT, image.payload.format)
    _check_verity(fields, image)
    payload.finish()
    fields.finish()
    return image


def _format(fields: Fields) -> ImageFormat:
    if not fields.has("format"):
        return ImageFormat.RAW
    form = fields.text("format")
    # a raw image does not say so: there is one way to write each manifest (A29)
    return ImageFormat.TAR if form == ImageFormat.TAR else fields.fail("format", ImageFormat.TAR, form)


def _verity(table: Fields) -> Verity:
    verity = Verity(
        root_hash=table.sha256("root_hash"),
        salt=table.sha256("salt"),
        data_blocks=table.integer("data_blocks", lowest=1),
    )
    table.finish()
    return verity


def _check_verity(fields: Fields, image: Image) -> None:
    if image.verity is None:
        return
    expected = image.verity.image_bytes
    if image.format is not ImageFormat.RAW or image.size_bytes != expected:
        got = f"{image.format.value} of {image.size_bytes} bytes"
        fields.fail("verity", f"a raw image of {expected} bytes, its hash tree included", got)


def _image_fields(image: Image) -> dict[str, object]:
    payload, verity = image.payload, image.verity
    value: dict[str, object] = {
        "slot": image.slot,
        "bytes": image.size_bytes,
        "sha256": image.sha256,
        "payload": {
            "format": payload.format,
            "index_bytes": payload.index_bytes,
            "index_sha256": payload.index_sha256,
            "data_bytes": payload.data_bytes,
        },
    }
    if verity is not None:
        value["verity"] = {
            "root_hash": verity.root_hash,
            "salt": verity.salt,
            "data_blocks": verity.data_blocks,
        }
    return value if image.format is ImageFormat.RAW else {**value, "format": image.format.value}


def _advisory(fields: Fields) -> Advisory:
    advisory = Advisory(
        id=fields.text("id", longest=64),
        severity=fields.parsed("severity", Severity),
        summary=fields.text("summary", longest=1000),
        action=fields.text("action", longest=1000),
        fixed_in=fields.parsed("fixed_in", Version.parse),
    )
    fields.finish()
    return advisory


def _sbom(fields: Fields) -> Sbom:
    sbom = Sbom(
        file=fields.text("file", longest=64),
        size_bytes=fields.integer("bytes", lowest=1),
        sha256=fields.sha256("sha256"),
    )
    if not is_name(sbom.file):
        fields.fail("file", "a plain file name", sbom.file)
    fields.finish()
    return sbom
