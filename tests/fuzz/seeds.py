"""Where fuzzing starts: sound files and the tricks that are known."""

from datetime import UTC, datetime
from tarfile import GNU_FORMAT, PAX_FORMAT, TarInfo

from ota_client.bootcontrol.efi.load_option import LoadOption
from ota_client.bootcontrol.grub.environment import pack
from ota_client.bootcontrol.grub.state import Entry, GrubState, Standing
from ota_client.bootcontrol.raspberry_pi.autoboot import Autoboot
from ota_client.bootcontrol.systemd_boot.entry import EntryTemplate
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

_GRUB = GrubState(7, 7, Entry("B", Standing.TRIAL, "roothash=0b"), Entry("A", Standing.GOOD))

_TEMPLATE = "title Gateway\nlinux /{slot}/vmlinuz\noptions root=PARTLABEL={slot} ro\n"
_ENTRY = EntryTemplate.parse(_TEMPLATE).fill("A", 12)
_END_OF_PATH = b"\x7f\xff\4\0"

_NAMED = TarInfo("\u00e4" * 120)
_NAMED.size = 4
_TAR = _NAMED.tobuf(PAX_FORMAT) + b"text".ljust(512, b"\0") + _NAMED.tobuf(GNU_FORMAT) + bytes(1536)

_SBOMS = (
    (
        b'{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"name":"gw"}},"components":['
        b'{"name":"a","group":"g","version":"1","purl":"pkg:deb/debian/a@1?distro=debian-12&upstream=b",'
        b'"licenses":[{"license":{"id":"MIT"}},{"expression":"MIT"}],"components":[{"name":"c"}]}]}'
    ),
    (
        b'{"spdxVersion":"SPDX-2.3","relationships":[{"relationshipType":"DESCRIBES","spdxElementId":'
        b'"SPDXRef-DOCUMENT","relatedSpdxElement":"r"}],"packages":[{"SPDXID":"r","name":"gw"},{"SPDXID":"a",'
        b'"name":"a","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:pypi/a@1.0"}]}]}'
    ),
)
_ADVISORIES = (
    (
        b'{"id":"GHSA-1","modified":"2026-11-20T08:00:00Z","aliases":["CVE-2026-1"],"severity":[{"type":'
        b'"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":'
        b'{"ecosystem":"PyPI","name":"a"},"versions":["0.1"],"ranges":[{"type":"ECOSYSTEM","events":['
        b'{"introduced":"0"},{"fixed":"2.0"},{"introduced":"3.0"},{"last_affected":"3.1"}]}]}]}'
    ),
    (
        b'{"document":{"csaf_version":"2.0","tracking":{"id":"A-1"}},"product_tree":{"branches":[{"category":'
        b'"product_version_range","name":"vers:pypi/>=1|<2","product":{"product_id":"a",'
        b'"product_identification_helper":{"purl":"pkg:pypi/a"}}},{"category":"vendor","name":"v","branches":['
        b'{"category":"product_name","name":"g","product":{"product_id":"g","product_identification_helper":'
        b'{"cpe":"cpe:/o:x:y:8","purl":"pkg:generic/gw@1"}}}]}],"relationships":[{"full_product_name":'
        b'{"product_id":"a:g"},"product_reference":"a","relates_to_product_reference":"g"}]},'
        b'"vulnerabilities":[{"cve":"CVE-2026-1","product_status":{"known_affected":["a"],'
        b'"known_not_affected":["a:g"],"fixed":["g"]}}]}'
    ),
)
_TO_THE_SERVER = (
    (
        b'{"files":[{"name":"metadata/timestamp.json","sha256":"' + b"a" * 64 + b'","size_bytes":1},'
        b'{"name":"targets/gw/1.0.0/' + b"b" * 64 + b'.rootfs.data","sha256":"' + b"b" * 64 + b'",'
        b'"size_bytes":0}]}'
    ),
    (
        b'{"name":"spring","product":"gw","group":"all","version":"1.1.0","waves":[{"takes":"5%",'
        b'"soak_s":60}],"windows":["Mon-Fri 22:00-04:00 UTC"],"starts_at":"2026-11-22T08:00:00Z"}'
    ),
    (
        b'{"name":"hook","channel":"webhook","address":"https://[2001:db8::1]:443/x?y=%20","filter":'
        b'{"kinds":["device.fell-back"],"products":["gw"],"least_severity":"high","device_ids":"gw-*"}}'
    ),
    b"limit=50&after=x%20y&kind=a&kind=b&number=7",
    b"https://user@h:0/p#f",
    b"Mon-Fri 22:00-04:00 Europe/Berlin",
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
    # a TPM's answers: an error, a value behind a password session, a public area
    bytes.fromhex("80010000000a0000018b"),
    bytes.fromhex("80020000001d000000000000000a000800000000000000070000010000"),
    bytes.fromhex("000e01500016000b22060014000000080022000b" + "00" * 32),
    pack(_GRUB.to_variables()),
    pack({"ratchet_tries_of": "7", "ratchet_tries": "2"}),
    Autoboot(2, 3).to_bytes(),
    b"# by hand\r\n[all]\r\ntryboot_a_b=1\r\nboot_partition=2\r\n[none]\r\nboot_partition=9\r\n",
    b"BOOT_ORDER=B A\0BOOT_A_LEFT=3\0BOOT_B_LEFT=0\0ratchet_good=A\0bootcmd=run x\\;y\0\0\0",
    b"BOOT_ORDER=A B\0bootcount=1\0bootlimit=3\0upgrade_available=1\0=\0novalue\0\0",
    b"# comment\n/dev/mmcblk0 0x400000 0x4000\n/dev/mmcblk0 -0x440000 0x4000 0x200 4\n",
    _TEMPLATE.encode(),
    _ENTRY.pack(shown=True),
    _ENTRY.pack(shown=False),
    LoadOption(1, "ratchet-A", _END_OF_PATH, "ro".encode("utf-16-le")).to_bytes(),
    _TAR,
    b'hardware_id = v2 and version < 1.4.0 and (tag = beta or not attribute.a in (eu, "u s")) or all',
    b'device_id ~ "[!a]*[z-a]?" and rollback_index >= 3 and phase != idle',
    *_SBOMS,
    *_ADVISORIES,
    *_TO_THE_SERVER,
    b"\xff\xfe\x00",
    b"",
)
