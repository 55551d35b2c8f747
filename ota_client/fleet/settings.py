"""The ``[server]`` table: which update server the device belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from ota_client.formats.strict import NAME_RULE, Fields, is_name
from ota_client.protocol import ATTRIBUTE_LONGEST, ATTRIBUTES_MOST

DAY_S: Final = 86_400
_SERVER_URL: Final = "one https:// address such as https://fleet.example.com"

Attributes = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the device speaks to its update server.

    Attributes:
        url: without a slash at its end.
        device_id: as which the device enrols; its certificate says so from then on.
        check_in_s: between two check-ins while the server cannot be heard.
        check_in_least_s: no more often than this, whatever the server says.
        follow_channel: where the server assigns nothing, or cannot be reached, follow the channel.
        attributes: what operators select and look at the device by.
    """

    url: str
    device_id: str | None = None
    check_in_s: int = 300
    check_in_least_s: int = 30
    follow_channel: bool = False
    attributes: Attributes = field(default_factory=dict)

    @classmethod
    def read(cls, table: Fields, *, insecure_http: bool) -> Self:
        """Take the settings from the ``[server]`` table."""
        settings = cls(
            url=_url(table, insecure_http=insecure_http),
            device_id=table.given("device_id", table.name, None),
            check_in_s=table.count("check_in_s", 300, most=DAY_S),
            check_in_least_s=table.count("check_in_least_s", 30, most=DAY_S),
            follow_channel=table.given("follow_channel", table.flag, default=False),
            attributes=table.given("attributes", lambda name: read_attributes(table.table(name)), {}),
        )
        table.finish()
        return settings


def read_attributes(table: Fields) -> dict[str, str | int | bool]:
    """Take attributes, in the form that the server takes."""
    names = table.names()
    if len(names) > ATTRIBUTES_MOST:
        table.fail("attributes", f"at most {ATTRIBUTES_MOST} of them", len(names))
    return {name: _attribute(table, name) for name in names}


def _attribute(table: Fields, name: str) -> str | int | bool:
    if not is_name(name):
        table.fail(name, f"a name of {NAME_RULE}", name)
    value = table.plain(name, longest=ATTRIBUTE_LONGEST)
    if isinstance(value, str) and not value.isprintable():
        table.fail(name, "one printable line", value)
    return value


def _url(table: Fields, *, insecure_http: bool) -> str:
    url = table.text("url", longest=2048)
    if not url.startswith("https://") and not (insecure_http and url.startswith("http://")):
        table.fail("url", f"{_SERVER_URL} (network.insecure_http = true allows plain HTTP)", url)
    if set(url) & set("?#") or not url.isprintable():
        table.fail("url", f"{_SERVER_URL}, without '?' and '#'", url)
    return url.rstrip("/")
