"""The releases of a believable maker of cameras, gateways and meters, signed and with SBOMs."""

import json
from datetime import timedelta
from functools import cache

from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from ota_server.errors import NotPublishedError, PublishedFolderError
from support.memory_repository import MemoryRepository, Release

HARDWARE = {"camera": ("cam-v2", "cam-v3"), "gateway": ("gw-rev2",), "meter": ("mtr-1",)}
IMAGE = (("rootfs", bytes(range(256)) * 64),)
# days before today, version, rollback index, and what it is made of
RELEASES = {
    "camera": (
        (58, "2.0.0", 4, {"busybox": "1.35.0", "openssl": "3.0.7", "libpng": "1.6.37"}),
        (44, "2.1.0", 4, {"busybox": "1.35.0", "openssl": "3.0.12", "libpng": "1.6.37"}),
        (23, "2.2.0", 5, {"busybox": "1.36.1", "openssl": "3.0.12", "libpng": "1.6.40"}),
        (2, "2.3.0", 6, {"busybox": "1.36.1", "openssl": "3.0.15", "libpng": "1.6.40", "zlib": "1.3.1"}),
    ),
    "gateway": (
        (57, "1.4.0", 2, {"busybox": "1.35.0", "dnsmasq": "2.86", "openssl": "3.0.7"}),
        (9, "1.5.0", 3, {"busybox": "1.36.1", "dnsmasq": "2.90", "openssl": "3.0.15"}),
    ),
    "meter": ((50, "0.9.2", 1, {"mbedtls": "3.4.0"}), (1, "1.0.0", 2, {"mbedtls": "3.6.1"})),
}


def _advisory(name, severity, summary, action, fixed_in):
    return Advisory(name, Severity(severity), summary, action, Version.parse(fixed_in))


ADVISORIES = {
    "camera": (
        _advisory(
            "ACME-2026-014",
            "critical",
            "The web interface's log-in could be bypassed by a crafted cookie.",
            "Install this update; cameras reachable from the internet first.",
            "2.3.0",
        ),
        _advisory(
            "ACME-2026-009",
            "medium",
            "Recordings were readable by every local account.",
            "Install this update.",
            "2.2.0",
        ),
    ),
    "gateway": (
        _advisory(
            "ACME-2026-011",
            "high",
            "A neighbour in the same network could fill the DNS cache with wrong names.",
            "Install this update, and restart devices behind the gateway.",
            "1.5.0",
        ),
    ),
    "meter": (),
}
NOTES = {
    "2.3.0": "Closes the log-in bypass ACME-2026-014. Night pictures are 30 % brighter.",
    "1.5.0": "New DNS resolver; the radio wakes up sooner.",
    "1.0.0": "The first release that is certified for billing.",
}


def osv(name, severity_vector, summary, package, fixed):
    """An OSV document (openssf.github.io/osv-schema) about one Debian package."""
    return json.dumps(
        {
            "schema_version": "1.6.0",
            "id": name,
            "modified": "2026-10-01T00:00:00Z",
            "summary": summary,
            "severity": [{"type": "CVSS_V3", "score": severity_vector}],
            "affected": [
                {
                    "package": {
                        "ecosystem": "Debian",
                        "name": package,
                        "purl": f"pkg:deb/debian/{package}",
                    },
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
                }
            ],
        }
    ).encode()


WEAKNESSES = (
    osv(
        "CVE-2026-20001",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "openssl: a crafted certificate makes the verifier write past its buffer",
        "openssl",
        "3.0.12",
    ),
    osv(
        "CVE-2026-20417",
        "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H",
        "busybox: wget does not end when a server never does",
        "busybox",
        "1.36.0",
    ),
    osv(
        "CVE-2026-21877",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
        "zlib: inflate reads beyond its window",
        "zlib",
        "1.3.2",
    ),
)


def sbom(product, version, components):
    """CycloneDX 1.6."""
    return json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": {"type": "firmware", "name": product, "version": version}},
            "components": [
                {
                    "type": "library",
                    "name": name,
                    "version": number,
                    "purl": f"pkg:deb/debian/{name}@{number}",
                    "licenses": [{"license": {"id": "Apache-2.0"}}],
                }
                for name, number in components.items()
            ],
        }
    ).encode()


def published(now):
    """A repository with all of them, as of now."""
    repository = MemoryRepository(now=now - timedelta(days=60), product="camera")
    for product in ("gateway", "meter"):
        repository.add_product(product)
    for days, product, version, index, components in _in_order():
        repository.now = now - timedelta(days=days)
        fixed = [a for a in ADVISORIES[product] if a.fixed_in <= Version.parse(version)]
        repository.add(
            Release(
                version,
                rollback_index=index,
                images=IMAGE,
                hardware_ids=HARDWARE[product],
                advisories=tuple(fixed),
                product=product,
                notes=NOTES.get(version, ""),
                sbom=sbom(product, version, components),
            )
        )
    repository.now = now - timedelta(minutes=5)
    repository.publish()
    return repository


def _in_order():
    found = [(days, p, *rest) for p, releases in RELEASES.items() for days, *rest in releases]
    return sorted(found, key=lambda one: -one[0])


class PublishedFiles:
    """A repository in memory, as a store of published files."""

    def __init__(self, repository):
        self.files = repository.files

    def read_small(self, name, most_bytes):
        if name not in self.files:
            raise NotPublishedError(name)
        if len(self.files[name]) > most_bytes:
            raise PublishedFolderError(f"{name} is longer than {most_bytes} bytes")
        return self.files[name]


@cache
def published_once(now):
    return published(now)


def write(repository, folder):
    """Put the files where a server finds them; the folder must be new."""
    for name, data in repository.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
