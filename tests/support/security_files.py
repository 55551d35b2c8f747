"""SBOMs and advisories in the shapes that generators and databases write, with made-up contents."""

import json

OPENSSL = "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=arm64&distro=debian-12&upstream=openssl"
BUSYBOX = "pkg:generic/busybox@1.36.0"
FLASK = "pkg:pypi/flask@2.3.1"
FIRMWARE = "pkg:generic/acme/gateway@1.0.0"


def as_json(value) -> bytes:
    return json.dumps(value).encode()


def component(purl, **more):
    """A component of CycloneDX by its package URL."""
    name, _, rest = purl.rpartition("/")[2].partition("@")
    return {"type": "library", "name": name, "version": rest.partition("?")[0], "purl": purl, **more}


def cyclonedx(*purls, version="1.6", subject=FIRMWARE, **more):
    """A bill of materials of CycloneDX."""
    metadata = {"metadata": {"component": component(subject, type="firmware")}} if subject else {}
    parts = [component(purl) for purl in purls]
    head = {"bomFormat": "CycloneDX", "specVersion": version, "version": 1}
    return as_json({**head, **metadata, "components": parts, **more})


def spdx(*purls, version="SPDX-2.3", **more):
    """A bill of materials of SPDX: a package that contains the others."""
    packages = [{"SPDXID": "SPDXRef-root", "name": "gateway", "versionInfo": "1.0.0"}]
    packages += [
        {
            "SPDXID": f"SPDXRef-{number}",
            "name": component(purl)["name"],
            "versionInfo": component(purl)["version"],
            "supplier": "Organization: Acme",
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "MIT",
            "externalRefs": [
                {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "x"},
                {
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": purl,
                },
            ],
        }
        for number, purl in enumerate(purls)
    ]
    relationship = {
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": "SPDXRef-root",
    }
    head = {"spdxVersion": version, "SPDXID": "SPDXRef-DOCUMENT", "relationships": [relationship]}
    return as_json({**head, "packages": packages, **more})


def events(*pairs):
    return [{name: version} for name, version in pairs]


def affected(name="flask", ecosystem="PyPI", *, ranges=None, versions=None, purl=None):
    """One entry of an OSV record's ``affected``."""
    package = {"ecosystem": ecosystem, "name": name, **({"purl": purl} if purl else {})}
    value = {"package": package}
    if ranges is not None:
        value["ranges"] = [{"type": "ECOSYSTEM", "events": events(*one)} for one in ranges]
    if versions is not None:
        value["versions"] = versions
    return value


FLASK_RANGE = [[("introduced", "0"), ("fixed", "2.3.2")]]
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def osv(*entries, osv_id="GHSA-aaaa-bbbb-cccc", cve="CVE-2026-1", **more):
    """An OSV record."""
    return as_json(
        {
            "schema_version": "1.7.0",
            "id": osv_id,
            "modified": "2026-11-20T08:00:00.123456Z",
            "aliases": [cve] if cve else [],
            "summary": "Sessions can be read by others",
            "details": "Long text.",
            "severity": [{"type": "CVSS_V3", "score": CRITICAL}],
            "affected": list(entries) or [affected(ranges=FLASK_RANGE)],
            "references": [
                {"type": "WEB", "url": "http://example.org"},
                {"type": "ADVISORY", "url": "https://example.org/a"},
            ],
            "database_specific": {"score": 9.8},
            **more,
        }
    )


def product(product_id, purl=None, *, category="product_version", name="", cpe=None):
    """A branch of a CSAF product tree with a product in it."""
    helper = {key: value for key, value in (("purl", purl), ("cpe", cpe)) if value}
    described = {"product_id": product_id, "name": product_id}
    if helper:
        described["product_identification_helper"] = helper
    return {"category": category, "name": name or product_id, "product": described}


def csaf(branches, status, *, cve="CVE-2026-2", relationships=(), vulnerability=None, **document):
    """A CSAF document of one weakness."""
    return as_json(
        {
            "document": {
                "category": "csaf_vex",
                "csaf_version": "2.0",
                "title": "Acme advisory",
                "aggregate_severity": {"text": "Important"},
                "tracking": {
                    "id": "ACME-2026-1",
                    "current_release_date": "2026-11-21T08:00:00Z",
                    "status": "final",
                    "version": "1",
                },
                **document,
            },
            "product_tree": {
                "branches": [{"category": "vendor", "name": "Acme", "branches": list(branches)}],
                "relationships": list(relationships),
            },
            "vulnerabilities": [
                {
                    "cve": cve,
                    "notes": [{"category": "description", "text": "A web page\nreads too much."}],
                    "product_status": status,
                    "remediations": [
                        {"category": "workaround", "details": "Unplug it."},
                        {"category": "vendor_fix", "details": "Install the update."},
                    ],
                    **(vulnerability or {}),
                }
            ],
        }
    )


def part_of(product_id, part, whole):
    """A relationship of CSAF: a component in a product."""
    return {
        "category": "default_component_of",
        "full_product_name": {"product_id": product_id, "name": product_id},
        "product_reference": part,
        "relates_to_product_reference": whole,
    }
