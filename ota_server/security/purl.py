"""Package URLs (ECMA-427): which of them name the same package."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from packageurl import PackageURL

_KEY_LONGEST: Final = 255
_SAME_NAMESPACE: Final = {("rpm", "rhel"): "redhat"}
# there a package of the system says its distribution, and belongs to no product but that
SYSTEM_TYPES: Final = frozenset({"deb", "rpm", "apk", "alpm"})


@dataclass(frozen=True, slots=True)
class Package:
    """A package, and which version of it.

    Attributes:
        key: type, namespace and name, such as ``deb/debian/openssl``.
        version: empty for any.
        release: of the distribution that it is in, such as 12; empty if it is not said.
    """

    key: str
    version: str = ""
    release: str = ""

    @property
    def kind(self) -> str:
        """The type, such as ``deb``."""
        return self.key.partition("/")[0]


def read_purl(text: str) -> Package:
    """Read a package URL.

    Raises:
        ValueError: it is none, or its names are too long.
    """
    return _own(PackageURL.from_string(text))


def _own(url: PackageURL) -> Package:
    return Package(_key(url.type, url.namespace, url.name), _version(url), _release(url))


def key_of(kind: str, namespace: str, name: str) -> str:
    """The key of a package, in the one spelling that its type has.

    Raises:
        ValueError: it is none, or its names are too long.
    """
    url = PackageURL(kind, namespace or None, name)
    return _key(url.type, url.namespace, url.name)


# a product's releases are made of much the same
@lru_cache(maxsize=20_000)
def packages_of(text: str) -> tuple[Package, ...]:
    """What a component's package URL names: the package, and the one that it was built from.

    Distributions' advisories name source packages; the generators of SBOMs give those of a binary
    package as the qualifier ``upstream``.

    Raises:
        ValueError: as ``read_purl``.
    """
    url = PackageURL.from_string(text)
    own = _own(url)
    upstream = _qualifiers(url).get("upstream", "")
    if not upstream or own.kind not in SYSTEM_TYPES:
        return (own,)
    name, version = _upstream(own.kind, upstream)
    source = Package(_key(url.type, url.namespace, name), version or own.version, own.release)
    return (own,) if source == own else (own, source)


def _key(kind: str, namespace: str | None, name: str) -> str:
    spelled = _SAME_NAMESPACE.get((kind, namespace or ""), namespace)
    key = "/".join(part for part in (kind, spelled, name) if part)
    if len(key) > _KEY_LONGEST:
        raise ValueError(f"expected a package's names of at most {_KEY_LONGEST} characters")
    return key


def _version(url: PackageURL) -> str:
    epoch = _qualifiers(url).get("epoch", "")
    version = url.version or ""
    return f"{epoch}:{version}" if epoch.isdecimal() and version and ":" not in version else version


def _release(url: PackageURL) -> str:
    """Of ``distro=debian-12`` it is 12; a code name alone says nothing that can be compared."""
    release = _qualifiers(url).get("distro", "").rpartition("-")[2]
    return release if release[:1].isdecimal() else ""


def _qualifiers(url: PackageURL) -> dict[str, str]:
    return dict(url.qualifiers)


def _upstream(kind: str, text: str) -> tuple[str, str]:
    """``openssl``, ``gcc-12@12.2.0-14``, or the file name of a source RPM."""
    if kind == "rpm" and text.endswith(".src.rpm"):
        parts = text.removesuffix(".src.rpm").rsplit("-", 2)
        # its version has no epoch: the binary's is the one to compare
        return parts[0], ""
    name, _, version = text.partition("@")
    return name, version
