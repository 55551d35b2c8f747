"""Every public function of ``ota_server/operations``, and how to call it about a product's things."""

import inspect
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pkgutil import iter_modules

from ota_client.formats.version import Version
from ota_server import operations
from ota_server.devices.device_list import DeviceFilter
from ota_server.journal.audit_page import AuditFilter
from ota_server.notify.filter import Filter
from ota_server.notify.subscription import Channel
from ota_server.operations.desk import Desk
from ota_server.operators.role import Grant, Role
from ota_server.rollouts.product_rules import ProductRules
from ota_server.rollouts.states import DeviceState
from ota_server.security.importing import Document
from ota_server.uploads.listing import UploadFile
from ota_server.uploads.named import State
from ota_server.uploads.verification import Verified
from support import security_files
from support.office import MEANS, handle, plan
from support.people import SESSIONS


@dataclass(frozen=True)
class Ask:
    """About which product's things; those of ``gamma`` do not exist."""

    product: str

    @property
    def number(self):
        return {"alpha": 1, "beta": 2}.get(self.product, 9901)


def _operations():
    for module in iter_modules(operations.__path__):
        namespace = import_module(f"ota_server.operations.{module.name}")
        for name, function in vars(namespace).items():
            if not inspect.isfunction(function) or function.__module__ != namespace.__name__:
                continue
            first = next(iter(inspect.signature(function).parameters.values()), None)
            if not name.startswith("_") and first is not None and first.annotation in {Desk, "Desk"}:
                yield f"{module.name}.{name}", function


FUNCTIONS = dict(_operations())
OPERATIONS = sorted(FUNCTIONS)


def call(desk, name, office, ask):
    """Call one; what it iterates over is read to its end."""
    module = name.partition(".")[0]
    values = {}
    for parameter in list(inspect.signature(FUNCTIONS[name]).parameters.values())[1:]:
        known = {parameter.name, f"{module}.{parameter.name}", f"{name}.{parameter.name}"}
        found = [key for key in known if key in _ARGUMENTS]
        if found:
            values[parameter.name] = _ARGUMENTS[max(found, key=len)](office, ask)
        elif parameter.default is parameter.empty:
            raise AssertionError(
                f"operations/{name}: say in tests/support/every_operation.py what its argument "
                f"{parameter.name} is for the things of a product"
            )
    answer = FUNCTIONS[name](desk, **values)
    return tuple(answer) if inspect.isgenerator(answer) else answer


def _verified(_, ask):
    state = State({"timestamp": 2}, {}, {}, frozenset())
    return Verified(None, state, {}, (ask.product,), is_shared=False, root_sha256="0" * 64)


def _named(kind):
    return lambda _, ask: f"{ask.product}-{kind}"


def _always(value):
    return lambda _, __: value


# by argument; one that means something else in a module, or a function, stands with its name
_ARGUMENTS = {
    "add": _always(["new"]),
    "address": lambda _, ask: f"https://{ask.product}.example/new",
    "audit.entry_id": lambda _, ask: {"alpha": 3, "beta": 8}.get(ask.product, 9901),
    "before": _always(Version.parse("1.0.0")),
    "channel": _always(Channel.WEBHOOK),
    "code": _always("upload-refused"),
    "device_id": _named(1),
    "device_ids": lambda _, ask: [f"{ask.product}-1"],
    "enrolment_tokens.device_ids": _always("*"),
    "event_id": lambda _, ask: ask.number,
    "files": lambda _, ask: [UploadFile(f"targets/{ask.product}/1.1.0/manifest.json", 1, "0" * 64)],
    "given": lambda _, ask: Grant(Role.VIEWER, ask.product),
    "grants": lambda _, ask: [Grant(Role.VIEWER, ask.product)],
    "handle": lambda office, ask: handle(office, ask.product),
    "issuer": _always("https://id.example"),
    "lifetime": _always(timedelta(days=1)),
    "means": _always(MEANS),
    "name": _named("group"),
    "api_tokens.issue.name": _always("new-token"),
    "notifications.name": _named("hook"),
    "notifications.subscribe.name": _always("new-hook"),
    "people.name": _named("guest"),
    "people.invite.name": _always("new-guest"),
    "rollouts.name": _named("spring"),
    "plan": lambda _, ask: plan(ask.product),
    "position": _always(0),
    "product": lambda _, ask: ask.product,
    "query": _always("tag = beta"),
    "removed": _always({"events": 2}),
    "rollout_id": lambda _, ask: ask.number,
    "rules": _always(ProductRules(needs_approval=True)),
    "people.rules": _always(SESSIONS),
    "security.difference.after": _always(Version.parse("1.1.0")),
    "security.files": _always([Document.read("osv", security_files.osv())]),
    "states": _always([DeviceState.FAILED]),
    "rollouts.listed.states": _always([]),
    "subject": _always("4711"),
    # whoever holds another's is that other
    "token": lambda office, _: office.tokens["beta"],
    "token_id": lambda _, ask: ask.number,
    "verified": _verified,
    "version": _always(Version.parse("1.1.0")),
    "wanted": lambda _, ask: DeviceFilter(product=ask.product),
    "audit.wanted": lambda _, ask: AuditFilter(product=ask.product),
    "devices.set_tags.wanted": _always(["new"]),
    "notifications.wanted": lambda _, ask: Filter(products=frozenset({ask.product})),
    "weakness_id": lambda _, ask: f"{ask.product.upper()}-2026-1",
}
