"""OWASP's IoT Top 10 (2018): what of each item an update client can see on its own device."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ota_client.doctor.finding import Code, Finding


class Sight(StrEnum):
    """How much of an item can be seen from here."""

    SEEN = "seen"
    IN_PART = "seen in part"
    HIDDEN = "cannot be seen from here"


@dataclass(frozen=True, slots=True)
class Item:
    """One of the ten.

    Attributes:
        what: what of it is looked at, and what is not.
        codes: the findings that belong to it.
    """

    number: int
    title: str
    sight: Sight
    what: str
    codes: frozenset[Code] = frozenset()

    def to_fields(self, findings: tuple[Finding, ...]) -> dict[str, object]:
        """The item as JSON fields, with those of its findings that were made."""
        return {
            "item": self.number,
            "title": self.title,
            "sight": self.sight.value,
            "what": self.what,
            "findings": sorted({f.code.value for f in findings if f.code in self.codes}),
        }


def _codes(*prefixes: str) -> frozenset[Code]:
    return frozenset(code for code in Code if code.value.startswith(prefixes))


ITEMS: Final = (
    Item(
        1,
        "Weak, guessable or hardcoded passwords",
        Sight.IN_PART,
        "empty passwords, weak hashes, accounts that everybody tries; not whether a password is known",
        _codes("password-", "default-account", "ssh-"),
    ),
    Item(
        2,
        "Insecure network services",
        Sight.IN_PART,
        "open ports and who opened them; not what the services do",
        _codes("open-port", "insecure-service"),
    ),
    Item(
        3,
        "Insecure ecosystem interfaces",
        Sight.HIDDEN,
        "web, cloud and app interfaces are not on the device; the update server is never trusted",
    ),
    Item(
        4,
        "Lack of secure update mechanism",
        Sight.SEEN,
        "validation, delivery, anti-rollback and notification are Ratchet's own; the set-up is examined",
        _codes("slot", "running-slot", "boot-", "root-", "clock-", "built-at", "state-", "counter-")
        | _codes("tpm-", "plain-http", "certificate-", "repository-", "server-", "hook-", "file-"),
    ),
    Item(
        5,
        "Use of insecure or outdated components",
        Sight.HIDDEN,
        "the release's SBOM and advisories tell; 'ota-client status' shows what the offered one mends",
    ),
    Item(
        6,
        "Insufficient privacy protection",
        Sight.HIDDEN,
        "what applications store and send is theirs",
    ),
    Item(
        7,
        "Insecure data transfer and storage",
        Sight.IN_PART,
        "the client's own connections, keys and state; not the applications'",
        _codes("plain-http", "certificate-", "key-", "state-mode", "state-owner"),
    ),
    Item(
        8,
        "Lack of device management",
        Sight.HIDDEN,
        "the fleet is the update server's; the device only reports",
    ),
    Item(
        9,
        "Insecure default settings",
        Sight.IN_PART,
        "Ratchet's settings, ssh's and the accounts; not the applications'",
        _codes("ssh-", "default-account", "file-", "plain-http"),
    ),
    Item(
        10,
        "Lack of physical hardening",
        Sight.IN_PART,
        "kernel arguments, secure boot, the TPM's owner; not the case, nor debug connectors",
        _codes("boot-to-shell", "serial-", "secure-boot", "tpm-"),
    ),
)
