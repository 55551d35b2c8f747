"""Products: each has a role of its own, with its own keys, and the hardware that it runs on."""

from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import DelegatedRole, Targets

from ota_client.errors import ConfigError
from ota_client.formats.strict import NAME_RULE, is_name
from ota_client.formats.version import Version
from signing.errors import NothingToDoError, RuleError
from signing.keys import NamedKey
from signing.repository import Repository
from signing.root import check_new_key
from signing.storage import metadata
from signing.storage.catalog import read_catalog


def add_product(
    repository: Repository,
    name: str,
    hardware_ids: tuple[str, ...],
    *,
    now: datetime,
    keys: tuple[str, ...] = (),
    threshold: int = 1,
) -> None:
    """Stage a new product, or more hardware ids for one that exists.

    Args:
        repository: the folder.
        name: of the product, and of its role.
        hardware_ids: the boards that it runs on (Uptane's term).
        now: the time that the expiries count from.
        keys: of its release engineers; by default the key named as the product, which is made if it
            is missing.
        threshold: how many of them must sign a release.

    Raises:
        ConfigError: a name breaks the rule, a key is unknown, or an existing product was given keys.
        NothingToDoError: the product has these hardware ids already.
        RuleError: the threshold cannot be reached, or a key is named twice.
    """
    _check_names(name, hardware_ids)
    with repository.lock():
        if name in metadata.delegated(repository.current("targets", Targets).signed):
            if keys:
                raise ConfigError(f"product {name} exists; `root add-key {name} KEY` gives it keys")
            _add_hardware(repository, name, hardware_ids, now)
            return
        role = DelegatedRole(
            name,
            [],
            threshold,
            terminating=True,
            paths=[f"{name}/*/*"],
            unrecognized_fields={"x-hardware-ids": sorted(set(hardware_ids))},
        )
        count = len(keys) or 1
        if not 1 <= threshold <= count:
            raise RuleError(f"product {name}: expected a threshold from 1 to {count}, got {threshold}")
        named = [_key(repository, key, default=not keys) for key in keys or (name,)]
        with repository.edit("targets", Targets, now) as targets, repository.edit(name, Targets, now):
            metadata.delegate(targets, role)
            for key in named:
                check_new_key(key.key, metadata.keys_of(targets, name), name)
                targets.add_key(key.key, name)


def delegation(repository: Repository, name: str) -> DelegatedRole:
    """The role of a product.

    Raises:
        ConfigError: there is no such product.
    """
    products = metadata.delegated(repository.current("targets", Targets).signed)
    if name not in products:
        known = ", ".join(products) or "none yet; `product add` makes one"
        raise ConfigError(f"product {name[:80]!r}: expected one of: {known}")
    return products[name]


def _check_names(name: str, hardware_ids: tuple[str, ...]) -> None:
    if not is_name(name) or name in metadata.TOP_LEVEL_ROLES:
        raise ConfigError(f"product: expected {NAME_RULE}, and no TUF role, got {name[:80]!r}")
    for hardware_id in hardware_ids:
        if not is_name(hardware_id):
            raise ConfigError(f"hardware id: expected {NAME_RULE}, got {hardware_id[:80]!r}")


def _add_hardware(repository: Repository, name: str, ids: tuple[str, ...], now: datetime) -> None:
    known = set(metadata.hardware_ids(delegation(repository, name)))
    if known.issuperset(ids):
        raise NothingToDoError(f"product {name} runs on {', '.join(ids)} already")
    with repository.edit("targets", Targets, now) as targets:
        role = metadata.delegated(targets)[name]
        role.unrecognized_fields["x-hardware-ids"] = sorted(known.union(ids))


def _key(repository: Repository, name: str, *, default: bool) -> NamedKey:
    if default and name not in repository.keys.names():
        repository.notice(f"key {name}: made for the product of this name")
        return repository.keys.generate(name)
    return repository.keys.read(name)


@dataclass(frozen=True, slots=True)
class ProductSummary:
    """A product as it is staged, or else published."""

    name: str
    hardware_ids: tuple[str, ...]
    keys: tuple[str, ...]
    threshold: int
    channels: dict[str, Version]

    def channels_text(self) -> str:
        """The channels in words."""
        return ", ".join(f"{name} ({version})" for name, version in self.channels.items()) or "none"


def list_products(repository: Repository) -> list[ProductSummary]:
    """All products."""
    names = repository.keys.by_id()
    products = metadata.delegated(repository.current("targets", Targets).signed)
    return [
        ProductSummary(
            name,
            metadata.hardware_ids(role),
            tuple(names.get(key_id, key_id[:12]) for key_id in role.keyids),
            role.threshold,
            read_catalog(name, repository.current(name, Targets).signed).channels,
        )
        for name, role in products.items()
    ]
