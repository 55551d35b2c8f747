"""Publishing over the network: who may, and what is written down of it (B11).

Reading and writing files takes long, and no transaction is held meanwhile: ``ota_server.uploads`` does
that between these.
"""

import re
from collections.abc import Iterable
from typing import Final

from ota_server.errors import ForbiddenError
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.uploads.listing import UploadFile
from ota_server.uploads.verification import Verified

_ROLE: Final = re.compile(r"metadata/[0-9]+\.([^/]+)\.json", re.ASCII)
# who may sign, and for which products
_SHARED: Final = frozenset({"root", "targets"})
_ONLINE: Final = frozenset({"timestamp", "snapshot"})


def may_upload(desk: Desk) -> None:
    """Refuse who may publish nothing at all, before a byte is taken.

    Raises:
        ForbiddenError: the actor is no admin of any product.
    """
    if not any(role.covers(Role.ADMIN) for role in desk.actor.grants.values()):
        raise ForbiddenError("expected the role admin for a product, got less; an admin grants roles")


def may_send(desk: Desk, files: Iterable[UploadFile]) -> None:
    """Refuse files of products that the actor may not publish for.

    Raises:
        NotFoundError: a product that the actor must not even know.
        ForbiddenError: a product of which the actor is no admin, or keys or the list of products, which
            concern all.
    """
    may_upload(desk)
    roles = {_role_of(file.name) for file in files}
    for product in sorted(roles - _SHARED - _ONLINE):
        desk.need(Role.ADMIN, product)
    if roles & _SHARED:
        desk.need_everywhere(Role.ADMIN)


def may_publish(desk: Desk, verified: Verified) -> None:
    """Refuse what changes more than the actor may, and else write down that it is published.

    It is written down before it is done: nothing becomes public that the audit log does not have.

    Raises:
        NotFoundError: it changes a product that the actor must not even know.
        ForbiddenError: it changes a product of which the actor is no admin, or keys or the list of
            products, which concern all.
    """
    may_upload(desk)
    for product in verified.products:
        desk.need(Role.ADMIN, product)
    if verified.is_shared:
        desk.need_everywhere(Role.ADMIN)
    versions = dict(verified.state.versions)
    for product in verified.products or ("",):
        desk.note(
            "release.publish",
            f"timestamp {versions['timestamp']}",
            product=product,
            versions=versions,
            root_sha256=verified.root_sha256,
            files=len(verified.staged),
        )


def publish_failed(desk: Desk, verified: Verified, code: str) -> None:
    """Write down that what was to be published was not.

    Raises:
        NotFoundError, ForbiddenError: as ``may_publish``.
    """
    for product in verified.products:
        desk.need(Role.ADMIN, product)
    target = f"timestamp {verified.state.versions['timestamp']}"
    for product in verified.products or ("",):
        desk.note("release.publish-failed", target, product=product, code=code)


def _role_of(name: str) -> str:
    """Whose metadata or files they are, by the name: a product's, or one of the four roles above."""
    if name.startswith("targets/"):
        return name.split("/")[1]
    match = _ROLE.fullmatch(name)
    return match[1] if match else "timestamp"
