"""Published releases, and what they are made of."""

from typing import Final

from ota_client.formats.version import Version
from ota_server.operations import releases, security
from ota_server.web.api.paging import given
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.groups import OfProduct
from ota_server.web.api.shapes.releases import (
    BillAnswer,
    DifferenceAnswer,
    DifferenceQuery,
    ReleaseAnswer,
    ReleaseDetailsAnswer,
    ReleasesAnswer,
    ReleaseSecurityAnswer,
)

_ALL: Final = f"{PREFIX}/releases"
_ONE: Final = f"{_ALL}/{{product}}/{{version}}"


def _listed(call: Call[OfProduct, None]) -> ReleasesAnswer:
    found = releases.listed(call.desk, product=given(call.query.product))
    items = [ReleaseAnswer.told(one.release, devices=one.devices) for one in found]
    return ReleasesAnswer(items, len(items), None)


def _shown(call: Call[None, None]) -> ReleaseDetailsAnswer:
    return ReleaseDetailsAnswer.told(releases.find(call.desk, *_named(call)))


def _bill(call: Call[None, None]) -> BillAnswer:
    return BillAnswer.told(security.bill(call.desk, *_named(call)))


def _security(call: Call[None, None]) -> ReleaseSecurityAnswer:
    return ReleaseSecurityAnswer.told(security.release(call.desk, *_named(call)))


def _difference(call: Call[DifferenceQuery, None]) -> DifferenceAnswer:
    product, after = call.text("product"), Version.parse(call.text("version"))
    before = Version.parse(call.query.before)
    return DifferenceAnswer.told(security.difference(call.desk, product, before, after))


def _named(call: Call[None, None]) -> tuple[str, Version]:
    return call.text("product"), Version.parse(call.text("version"))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_releases",
        "Published releases by product, the newest first.",
        query=OfProduct,
        answer=ReleasesAnswer,
        reads_releases=True,
        do=_listed,
    ),
    Route(
        "GET",
        _ONE,
        "show_release",
        "A release: hardware, advisories, rollback index, whose keys signed it.",
        answer=ReleaseDetailsAnswer,
        reads_releases=True,
        do=_shown,
    ),
    Route(
        "GET",
        f"{_ONE}/sbom",
        "show_release_sbom",
        "What a release is made of.",
        answer=BillAnswer,
        reads_releases=True,
        do=_bill,
    ),
    Route(
        "GET",
        f"{_ONE}/difference",
        "show_release_difference",
        "What a release has other than one before: components and weaknesses.",
        query=DifferenceQuery,
        answer=DifferenceAnswer,
        reads_releases=True,
        do=_difference,
    ),
    Route(
        "GET",
        f"{_ONE}/security",
        "show_release_security",
        "What a release mends, brings in, and still contains.",
        answer=ReleaseSecurityAnswer,
        reads_releases=True,
        do=_security,
    ),
)
