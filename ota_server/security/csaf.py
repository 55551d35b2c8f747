"""CSAF documents (OASIS CSAF 2.0 and 2.1), also as VEX: what has a weakness, and what has it not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ota_client.manifest import Severity
from ota_server.security import vers
from ota_server.security.csaf_products import ID_LONGEST, PRODUCTS_MOST, Product, products
from ota_server.security.document_fields import ID, link, seconds
from ota_server.security.foreign import Foreign
from ota_server.security.severity import VECTOR_LONGEST, of_vector, of_word, worst
from ota_server.security.versions import Interval
from ota_server.security.weakness import SUMMARY_LONGEST, Source, Statement, Status, Weakness

VERSIONS: Final = ("2.0", "2.1")
_WEAKNESSES_MOST: Final = 2000
# section 3.2.3.9; what is recommended or still looked into says neither
_STATUSES: Final = {
    "known_affected": Status.AFFECTED,
    "first_affected": Status.AFFECTED,
    "last_affected": Status.AFFECTED,
    "fixed": Status.FIXED,
    "first_fixed": Status.FIXED,
    "known_not_affected": Status.NOT_AFFECTED,
}
_SCORES: Final = ("cvss_v4", "cvss_v3", "cvss_v2")


def read(document: Foreign) -> tuple[Weakness, ...]:
    """The weaknesses that a document speaks of.

    Raises:
        InvalidError: a field is not what CSAF says, or too large.
    """
    about = document.table("document")
    version = about.text("csaf_version", longest=16)
    if version not in VERSIONS:
        about.fail("csaf_version", f"one of {', '.join(VERSIONS)}", version)
    tracking = about.table("tracking")
    name = tracking.text("id", longest=200)
    if not name or not name.isprintable():
        tracking.fail("id", "the document's id", name)
    known = products(document.table("product_tree"))
    found = document.tables("vulnerabilities", most=_WEAKNESSES_MOST)
    return tuple(_weakness(one, about, number, known) for number, one in enumerate(found, start=1))


def _weakness(one: Foreign, about: Foreign, number: int, known: dict[str, Product]) -> Weakness:
    tracking = about.table("tracking")
    statements = _Statements(known, _reasons(one))
    status = one.table("product_status")
    for key, meaning in _STATUSES.items():
        for product_id in status.texts(key, most=PRODUCTS_MOST, longest=ID_LONGEST):
            statements.add(product_id, meaning)
    return Weakness(
        id=_id(one, tracking, number),
        source=Source.CSAF,
        document=tracking.text("id", longest=200),
        severity=_severity(one, about),
        summary=_summary(one, about),
        action=_action(one),
        url=next((url for r in about.tables("references", most=1000) if (url := link(r, "url"))), ""),
        modified_at=seconds(tracking, "current_release_date"),
        statements=tuple(statements.made()),
        notices=tuple(statements.notices),
    )


def _id(one: Foreign, tracking: Foreign, number: int) -> str:
    other = (entry.text("text", longest=200) for entry in one.tables("ids", most=1000))
    names = (one.text("cve", longest=64), *other, f"{tracking.text('id', longest=200)}.{number}")
    for name in names:
        if ID.fullmatch(name):
            return name
    return one.fail("cve", "a CVE id, or another id of a weakness", names[0])


def _severity(one: Foreign, about: Foreign) -> Severity | None:
    scores = [
        *one.tables("scores", most=PRODUCTS_MOST),
        *(metric.table("content") for metric in one.tables("metrics", most=PRODUCTS_MOST)),
    ]
    found: list[Severity | None] = []
    for score in scores:
        for key in _SCORES:
            cvss = score.table(key)
            word = of_word(cvss.words("baseSeverity", longest=32))
            found.append(word or of_vector(cvss.text("vectorString", longest=VECTOR_LONGEST)))
    return worst(found) or of_word(about.table("aggregate_severity").words("text", longest=100))


def _summary(one: Foreign, about: Foreign) -> str:
    notes = {
        note.text("category", longest=64): note.words("text", longest=SUMMARY_LONGEST)
        for note in one.tables("notes", most=1000)
    }
    titles = (
        one.words("title", longest=SUMMARY_LONGEST),
        notes.get("summary"),
        notes.get("description"),
    )
    return next(filter(None, titles), about.words("title", longest=SUMMARY_LONGEST))


def _action(one: Foreign) -> str:
    remedies = list(one.tables("remediations", most=PRODUCTS_MOST))
    remedies.sort(key=lambda remedy: remedy.text("category", longest=64) != "vendor_fix")
    return remedies[0].words("details", longest=SUMMARY_LONGEST) if remedies else ""


def _reasons(one: Foreign) -> dict[str, str]:
    """Why a product has the weakness not, such as ``vulnerable_code_not_present``."""
    return {
        product_id: flag.words("label", longest=100)
        for flag in one.tables("flags", most=PRODUCTS_MOST)
        for product_id in flag.texts("product_ids", most=PRODUCTS_MOST, longest=ID_LONGEST)
    }


@dataclass(slots=True)
class _Versions:
    """Of one package, all that is said alike."""

    every: bool = False
    single: dict[str, None] = field(default_factory=dict)
    intervals: dict[Interval, None] = field(default_factory=dict)


class _Statements:
    """What is said of products, gathered by package."""

    def __init__(self, known: dict[str, Product], reasons: dict[str, str]) -> None:
        self._known = known
        self._reasons = reasons
        self._found: dict[tuple[str, Status, str, str, str], _Versions] = {}
        self.notices: dict[str, None] = {}

    def add(self, product_id: str, status: Status) -> None:
        """A product has this status."""
        product = self._known.get(product_id)
        if product is None or product.package is None:
            self.notices["products without a package URL are not read"] = None
            return
        if product.platform and status is not Status.AFFECTED:
            # it may be another product than ours
            self.notices["what is mended in a product without a package URL is not read"] = None
            return
        package, reason = product.package, self._reasons.get(product_id, "")
        key = (package.key, status, package.release, product.within, reason)
        self._note(self._found.setdefault(key, _Versions()), product, status)

    def _note(self, versions: _Versions, product: Product, status: Status) -> None:
        package = product.package
        if package and package.version:
            versions.single[package.version] = None
        elif package and product.versions:
            try:
                single, intervals = vers.read(product.versions, package.kind)
            except ValueError as e:
                self.notices[f"taken for the worst: {e}"] = None
                versions.every |= status is Status.AFFECTED
            else:
                versions.single.update(dict.fromkeys(single))
                versions.intervals.update(dict.fromkeys(intervals))
        else:
            versions.every = True

    def made(self) -> Iterator[Statement]:
        """The statements."""
        for (package, status, release, within, reason), versions in self._found.items():
            yield Statement(
                package,
                status,
                release,
                versions.every,
                tuple(versions.single),
                tuple(versions.intervals),
                within,
                reason,
            )
