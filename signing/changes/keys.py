"""Changes of keys, thresholds and delegations, in words."""

from collections.abc import Iterator

from tuf.api.metadata import DelegatedRole, Key, Role, Root, Signed, Targets

from signing.storage import metadata


def root_changes(before: Root, after: Root, names: dict[str, str]) -> list[str]:
    """What changes from one root to the next; ``names`` are what people here call the keys."""
    keys = {**before.keys, **after.keys}
    lines = [
        line
        for name in ("root", "targets", "snapshot", "timestamp")
        for line in _role_changes(name, before.roles[name], after.roles[name], keys, names)
    ]
    used = {key_id for role in after.roles.values() for key_id in role.keyids}
    lines += [f"UNUSUAL: key {key_id} belongs to no role" for key_id in after.keys if key_id not in used]
    if not after.consistent_snapshot:
        lines.append("UNUSUAL: consistent_snapshot is off")
    return lines + list(_other_fields(before, after))


def targets_changes(before: Targets, after: Targets, names: dict[str, str]) -> list[str]:
    """What changes in the delegations to products."""
    old, new = metadata.delegated(before), metadata.delegated(after)
    keys = {**_delegation_keys(before), **_delegation_keys(after)}
    lines: list[str] = []
    for product in sorted(old.keys() | new.keys()):
        if product not in new:
            lines.append(f"- product {product} is removed")
            continue
        lines += _product_changes(product, old.get(product), new[product], keys, names)
    lines += [f"UNUSUAL: file {path} in the top-level targets" for path in after.targets]
    return lines + list(_other_fields(before, after))


def _product_changes(
    product: str,
    old: DelegatedRole | None,
    new: DelegatedRole,
    keys: dict[str, Key],
    names: dict[str, str],
) -> Iterator[str]:
    if old is None:
        yield f"+ product {product}"
    before = metadata.hardware_ids(old) if old else ()
    after = metadata.hardware_ids(new)
    yield from (f"+ hardware id {item} for product {product}" for item in after if item not in before)
    yield from (f"- hardware id {item} of product {product}" for item in before if item not in after)
    yield from _role_changes(product, old or Role([], 1), new, keys, names)
    if new.paths != [f"{product}/*/*"] or not new.terminating:
        yield f"UNUSUAL: role {product} may sign {new.paths}, terminating: {new.terminating}"
    others = sorted(set(new.unrecognized_fields) - {"x-hardware-ids"})
    yield from (f"UNUSUAL: role {product} carries the field {name}" for name in others)


def _role_changes(
    role: str, old: Role, new: Role, keys: dict[str, Key], names: dict[str, str]
) -> Iterator[str]:
    for key_id in new.keyids:
        if key_id not in old.keyids:
            yield f"+ key {_describe(keys[key_id], names)} may sign {role}"
    for key_id in old.keyids:
        if key_id not in new.keyids:
            yield f"- key {_describe(keys[key_id], names)} may no longer sign {role}"
    if old.threshold != new.threshold or not old.keyids:
        change = f"{old.threshold} -> {new.threshold}" if old.keyids else f"{new.threshold}"
        yield f"  {role} needs signatures: {change} (of {len(new.keyids)} keys)"


def _describe(key: Key, names: dict[str, str]) -> str:
    return f"{names.get(key.keyid, '(unnamed here)')} ({key.scheme}, id {key.keyid})"


def _delegation_keys(targets: Targets) -> dict[str, Key]:
    return dict(targets.delegations.keys) if targets.delegations else {}


def _other_fields(before: Signed, after: Signed) -> Iterator[str]:
    """A change that no words above cover must not slip past the reviewer (C10)."""
    old, new = before.unrecognized_fields, after.unrecognized_fields
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"UNUSUAL: field {name}: {old.get(name)} -> {new.get(name)}"
