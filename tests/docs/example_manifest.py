"""The manifest that docs/reference/manifest.md shows."""

from datetime import UTC, datetime

from ota_client import Advisory, ReleaseManifest, Severity, Version
from ota_client.manifest import PAYLOAD_FORMAT, Image, Payload, Sbom

EXAMPLE = ReleaseManifest(
    product="gateway",
    version=Version.parse("1.4.2"),
    rollback_index=3,
    hardware_ids=("gw-rev2", "gw-rev3"),
    min_version=Version.parse("1.2.0"),
    images=(
        Image(
            slot="rootfs",
            size_bytes=67_108_864,
            sha256="5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
            payload=Payload(
                format=PAYLOAD_FORMAT,
                index_bytes=4484,
                index_sha256="2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                data_bytes=21_807_104,
            ),
        ),
    ),
    advisories=(
        Advisory(
            id="CVE-2026-1234",
            severity=Severity.HIGH,
            summary="A web page could read the admin's session.",
            action="Log out of the admin page, and change its password.",
            fixed_in=Version.parse("1.4.1"),
        ),
    ),
    notes="Mends the clock after a power cut.",
    sbom=Sbom(
        file="sbom.spdx.json",
        size_bytes=18_204,
        sha256="fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9",
    ),
    created_at=datetime(2026, 11, 22, 8, tzinfo=UTC),
)
