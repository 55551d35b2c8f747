"""Every page of the dashboard; docs/reference/pages.md lists the same, and a test compares."""

from typing import Final

from ota_server.web.pages import (
    account_pages,
    advisory_pages,
    audit_pages,
    device_actions,
    device_pages,
    door_pages,
    enrolment_pages,
    group_pages,
    notification_pages,
    oidc_pages,
    operator_pages,
    overview_page,
    product_pages,
    release_pages,
    rollout_actions,
    rollout_form,
    rollout_pages,
)
from ota_server.web.pages.page import OpenPage, Page

PAGES: Final[tuple[Page, ...]] = (
    *overview_page.PAGES,
    *device_pages.PAGES,
    *device_actions.PAGES,
    *group_pages.PAGES,
    *enrolment_pages.PAGES,
    *release_pages.PAGES,
    *product_pages.PAGES,
    # "new" before any number
    *rollout_form.PAGES,
    *rollout_pages.PAGES,
    *rollout_actions.PAGES,
    *advisory_pages.PAGES,
    *notification_pages.PAGES,
    *audit_pages.PAGES,
    *operator_pages.PAGES,
    *account_pages.PAGES,
)
OPEN_PAGES: Final[tuple[OpenPage, ...]] = (
    *door_pages.PAGES,
    *oidc_pages.PAGES,
    *account_pages.OPEN_PAGES,
)
LIVE: Final = "/live"
# the first parts of paths, for metrics
PAGE_NAMES: Final = frozenset(
    path.split("/", 2)[1] for path in (*(p.path for p in PAGES), *(p.path for p in OPEN_PAGES))
) | {"live", "static"}
STATIC: Final = "/static/{name}"
