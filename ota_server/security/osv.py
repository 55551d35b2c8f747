"""OSV records (ossf.github.io/osv-schema, 1.x): weaknesses by package and range of versions."""

import re
from collections.abc import Iterator
from functools import cmp_to_key
from typing import Final

from ota_client.manifest import Severity
from ota_server.errors import InvalidError
from ota_server.security import ecosystems
from ota_server.security.document_fields import ID, link, seconds
from ota_server.security.foreign import Foreign
from ota_server.security.purl import Package, read_purl
from ota_server.security.severity import VECTOR_LONGEST, of_vector, of_word, worst
from ota_server.security.versions import Interval, compare, is_version
from ota_server.security.weakness import SUMMARY_LONGEST, Source, Statement, Status, Weakness

_AFFECTED_MOST: Final = 5000
_RANGES_MOST: Final = 2000
_EVENTS_MOST: Final = 2000
_VERSIONS_MOST: Final = 20_000
_ALIASES_MOST: Final = 500
_VERSION_LONGEST: Final = 128
# of one version in this order: what was mended may come back there, and one version may be all
_EVENTS: Final = ("fixed", "introduced", "last_affected")
_CVE: Final = re.compile(r"CVE-\d{4}-\d{1,19}", re.ASCII)


def read(record: Foreign) -> tuple[Weakness, ...]:
    """The weaknesses that a record speaks of: mostly one, a distribution's may have several CVE ids.

    Raises:
        InvalidError: a field is not what the schema says, or too large.
    """
    notices: dict[str, None] = {}
    document = _document(record)
    withdrawn = record.has("withdrawn")
    statements = () if withdrawn else tuple(_statements(record, notices))
    return tuple(
        Weakness(
            id=weakness_id,
            source=Source.OSV,
            document=document,
            severity=_severity(record),
            summary=_summary(record),
            action="",
            url=_url(record),
            modified_at=seconds(record, "modified"),
            statements=statements,
            withdrawn=withdrawn,
            notices=tuple(notices),
        )
        for weakness_id in _ids(record, document)
    )


def _document(record: Foreign) -> str:
    document = record.text("id", longest=64)
    if not ID.fullmatch(document):
        record.fail("id", "the id of an advisory, such as CVE-2026-1234 or GHSA-...", document)
    return document


def _ids(record: Foreign, document: str) -> tuple[str, ...]:
    """The CVE ids, so that all sources meet; a record without one stands under its own."""
    for names in (
        (document, *record.texts("aliases", most=_ALIASES_MOST, longest=200)),
        # what a distribution's record was derived from
        record.texts("upstream", most=_ALIASES_MOST, longest=200),
    ):
        if found := tuple(dict.fromkeys(name for name in names if _CVE.fullmatch(name))):
            return found
    return (document,)


def _summary(record: Foreign) -> str:
    return record.words("summary", longest=SUMMARY_LONGEST) or record.words("details", longest=300)


def _severity(record: Foreign) -> Severity | None:
    owners = (record, *record.tables("affected", most=_AFFECTED_MOST))
    found = [
        of_vector(one.text("score", longest=VECTOR_LONGEST))
        for owner in owners
        for one in owner.tables("severity", most=100)
    ]
    # GitHub's and others' own word
    own = record.table("database_specific")
    return worst(found) or of_word(own.words("severity", longest=32) if own.is_text("severity") else "")


def _url(record: Foreign) -> str:
    found = list(record.tables("references", most=1000))
    found.sort(key=lambda one: one.text("type", longest=64) != "ADVISORY")
    return next((target for one in found if (target := link(one, "url"))), "")


def _statements(record: Foreign, notices: dict[str, None]) -> Iterator[Statement]:
    for affected in record.tables("affected", most=_AFFECTED_MOST):
        package = _package(affected, notices)
        ranges = list(affected.tables("ranges", most=_RANGES_MOST))
        versions = affected.texts("versions", most=_VERSIONS_MOST, longest=_VERSION_LONGEST)
        intervals: list[Interval] = []
        for one in ranges:
            if one.text("type", longest=32) == "GIT":
                notices["ranges of Git commits are not read: components have versions"] = None
            elif package is not None:
                intervals += _intervals(one, package.kind, notices)
        if package is not None:
            yield Statement(
                package.key,
                Status.AFFECTED,
                package.release,
                every=not ranges and not versions,
                versions=versions,
                intervals=tuple(intervals),
            )


def _package(affected: Foreign, notices: dict[str, None]) -> Package | None:
    named = affected.table("package")
    ecosystem, name = (named.text(key, longest=255) for key in ("ecosystem", "name"))
    release = ecosystems.release_in(ecosystem)
    try:
        if purl := named.text("purl", longest=2048):
            package = read_purl(purl)
            return Package(package.key, release=release or package.release)
        if ecosystem:
            return Package(ecosystems.key_in(ecosystem, name), release=release)
    except ValueError as e:
        raise InvalidError(f"OSV record: package: {e}") from e
    except LookupError:
        notices[f"packages of {ecosystem[:40]!r} are not read: no package URL names them"] = None
        return None
    if affected.has("ranges") or affected.has("versions"):
        notices["what has no package is not read: there is nothing to match it with"] = None
    return None


def _intervals(one: Foreign, kind: str, notices: dict[str, None]) -> Iterator[Interval]:
    """Between events, in the order of their versions (OSV schema, "Evaluation")."""
    start: str | None = None
    for name, version in _ordered(one, kind, notices):
        if name == "introduced":
            start = version if start is None else start
        elif start is not None:
            yield Interval(start, version, up_to=name == "last_affected")
            start = None
    if start is not None:
        yield Interval(start)


def _ordered(one: Foreign, kind: str, notices: dict[str, None]) -> list[tuple[str, str]]:
    """Events by version. One that has no order is taken for the worst: from the first, without end."""
    found: list[tuple[str, str]] = []
    for event in one.tables("events", most=_EVENTS_MOST):
        for name in _EVENTS:
            version = event.text(name, longest=_VERSION_LONGEST)
            # 0 is below all versions
            if version in {"", "0"} or not is_version(kind, version):
                if version not in {"", "0"}:
                    notices[
                        f"{kind} version {version[:40]!r} has no order: it is taken for the worst"
                    ] = None
                found += [("introduced", "")] if version and name == "introduced" else []
            else:
                found.append((name, version))

    def order(first: tuple[str, str], second: tuple[str, str]) -> int:
        if not first[1] or not second[1]:
            return bool(first[1]) - bool(second[1])
        by_version = compare(kind, first[1], second[1]) or 0
        return by_version or _EVENTS.index(first[0]) - _EVENTS.index(second[0])

    return sorted(found, key=cmp_to_key(order))
