"""The ecosystems of OSV records, as types and namespaces of package URLs."""

import re
from typing import Final

from ota_server.security.purl import key_of

# the OSV schema's list, "Defined Ecosystems"; those without a type of package URL are not there
_TYPES: Final = {
    "AlmaLinux": ("rpm", "almalinux"),
    "Alpaquita": ("apk", "alpaquita"),
    "Alpine": ("apk", "alpine"),
    "Bitnami": ("bitnami", ""),
    "CRAN": ("cran", ""),
    "Chainguard": ("apk", "chainguard"),
    "ConanCenter": ("conan", ""),
    "Debian": ("deb", "debian"),
    "GitHub Actions": ("githubactions", ""),
    "Go": ("golang", ""),
    "Hackage": ("hackage", ""),
    "Hex": ("hex", ""),
    "Mageia": ("rpm", "mageia"),
    "Maven": ("maven", ""),
    "MinimOS": ("apk", "minimos"),
    "NuGet": ("nuget", ""),
    "Packagist": ("composer", ""),
    "Photon OS": ("rpm", "photon"),
    "Pub": ("pub", ""),
    "PyPI": ("pypi", ""),
    "Red Hat": ("rpm", "redhat"),
    "Rocky Linux": ("rpm", "rocky-linux"),
    "RubyGems": ("gem", ""),
    "SUSE": ("rpm", "suse"),
    "SwiftURL": ("swift", ""),
    "Ubuntu": ("deb", "ubuntu"),
    "Wolfi": ("apk", "wolfi"),
    "crates.io": ("cargo", ""),
    "npm": ("npm", ""),
    "openEuler": ("rpm", "openeuler"),
    "openSUSE": ("rpm", "opensuse"),
}
_RELEASE: Final = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)*)", re.ASCII)


def key_in(ecosystem: str, name: str) -> str:
    """The key of a package that an ecosystem calls so.

    Raises:
        LookupError: no package URL names packages of the ecosystem.
        ValueError: it is no name.
    """
    kind, namespace = _TYPES[ecosystem.partition(":")[0]]
    if not namespace:
        # Maven's group is divided off by a colon, all others' by the last slash
        namespace, _, name = name.rpartition(":" if kind == "maven" else "/")
    return key_of(kind, namespace, name)


def release_in(ecosystem: str) -> str:
    """The distribution's release, such as 12 of ``Debian:12``; empty if it is not said."""
    found = _RELEASE.search(ecosystem.partition(":")[2])
    return found[1] if found else ""
