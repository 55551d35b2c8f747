"""``ota-sign.toml``: how long signatures hold, when to warn, where the keys are."""

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ota_client.errors import ConfigError
from ota_client.formats.strict import Fields

FILE: Final = "ota-sign.toml"
_DAYS_MOST: Final = 3650

TEMPLATE: Final = """\
# Policy of this update repository (docs/reference/ota-sign.md). All fields are optional.

[expiry]
# Days that new metadata is valid. Long for roles signed by people, short for the online ones:
# the timestamp bounds how long a mirror can hide an update.
root_days = 365
targets_days = 365
product_days = 180
snapshot_days = 14
timestamp_days = 3

[warn]
# `ota-sign status` warns when less than this part of the validity is left.
percent_left = 25

[keys]
# Below this folder, or absolute: a removable drive, say.
dir = "keys"
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of a repository.

    Attributes:
        days: of validity, by role; ``product`` stands for all products.
        warn_percent: warn when less than this part of the validity is left.
        keys_dir: relative to the repository folder, or absolute.
    """

    days: dict[str, int]
    warn_percent: int
    keys_dir: Path

    def validity(self, role: str) -> timedelta:
        """How long new metadata of ``role`` is valid."""
        return timedelta(days=self.days.get(role, self.days["product"]))

    def is_due(self, role: str, *, expires_at: datetime, now: datetime) -> bool:
        """Whether half of the validity is over."""
        return expires_at - now <= self.validity(role) / 2

    def warns(self, role: str, *, expires_at: datetime, now: datetime) -> bool:
        """Whether ``status`` should warn of the coming expiry."""
        return expires_at - now < self.validity(role) * self.warn_percent / 100


def read_policy(path: Path) -> Policy:
    """Read a policy file strictly.

    Raises:
        ConfigError: it cannot be read, is no TOML, or a field is unknown, of a wrong type or range.
    """
    try:
        value = tomllib.loads(path.read_text())
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else e
        raise ConfigError(f"{path}: expected the policy in TOML, got: {reason}") from e
    return _policy(value, str(path))


def _policy(value: dict[str, object], where: str) -> Policy:
    defaults = tomllib.loads(TEMPLATE)
    Fields({name: None for name in value if name not in defaults}, where, ConfigError).finish()
    expiry, warn, keys = (
        Fields(_merged(defaults[name], value.get(name, {})), f"{where}: {name}", ConfigError)
        for name in ("expiry", "warn", "keys")
    )
    policy = Policy(
        {
            name.removesuffix("_days"): expiry.integer(name, lowest=1, highest=_DAYS_MOST)
            for name in defaults["expiry"]
        },
        warn.integer("percent_left", highest=100),
        Path(keys.text("dir")),
    )
    for section in (expiry, warn, keys):
        section.finish()
    return policy


def _merged(defaults: dict[str, object], given: object) -> object:
    return {**defaults, **given} if isinstance(given, dict) else given
