"""Where fuzzing starts: sound files and the tricks that are known."""

from datetime import UTC, datetime

from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Image, Payload, ReleaseManifest, Sbom, Severity
from ota_client.payload import Codec, Index, Region
from ota_client.testing.simulator import settings_text

SHA256 = "0123456789abcdef" * 4
_PAYLOAD = Payload("ratchet-regions/1", 206, SHA256, 40)
_ADVISORY = Advisory("CVE-2026-1", Severity.HIGH, "Overflow", "Update now", Version(1, 1, 0))
_SMALL = ReleaseManifest(
    "gateway",
    Version(1, 1, 0),
    2,
    ("gw-rev2",),
    None,
    (Image("rootfs", 8000, SHA256, _PAYLOAD),),
    (),
    "",
    None,
    datetime(2026, 6, 1, tzinfo=UTC),
)
_FULL = ReleaseManifest(
    "gateway",
    Version(2, 0, 0, ("rc", "1")),
    2**31 - 1,
    ("gw-rev2", "gw-rev3"),
    Version(1, 1, 0),
    (Image("rootfs", 1, SHA256, _PAYLOAD), Image("kernel", 2**53 - 1, SHA256, _PAYLOAD)),
    (_ADVISORY,),
    "Notes: \u00e4\u2028\U0001f527",
    Sbom("sbom.spdx.json", 1, SHA256),
    datetime(9999, 12, 31, tzinfo=UTC),
)
_DIGEST = bytes.fromhex(SHA256)
_REGIONS = (
    Region(0, 4096, _DIGEST, Codec.ZSTD, 0, 40, _DIGEST),
    Region(4096, 4096, _DIGEST, Codec.ZERO, 40, 0, bytes(32)),
    Region(8192, 10, _DIGEST, Codec.RAW, 40, 10, _DIGEST),
)
_SETTINGS = settings_text(
    product="gateway",
    hardware_id="gw-rev2",
    channel="stable",
    urls=("https://updates.example/",),
    version="1.0.0",
    rollback_index=1,
    images=("rootfs", "kernel"),
    network="minimum_rate_bytes_s = 1\n",
)
_MORE_SETTINGS = (
    '[agent]\npoll_s = 60\nwindow = "02:00-05:00"\n[hooks]\npre_install = ["true"]\ndeadline_s = 1\n'
)

SEEDS = (
    _SMALL.to_bytes(),
    _FULL.to_bytes(),
    Index(4096, 8202, _DIGEST, 50, _REGIONS).to_bytes(),
    Index(4096, 10, _DIGEST, 0, (Region(0, 10, _DIGEST, Codec.ZERO, 0, 0, bytes(32)),)).to_bytes(),
    (_SETTINGS + _MORE_SETTINGS).encode(),
    (_SETTINGS + '[slots."C\\nD"]\nrootfs = 1\n').encode(),
    b"[" * 5000,
    b'{"a":1,"a":1}',
    b"x = " + b"9" * 5000,
    b"\xff\xfe\x00",
    b"",
)
