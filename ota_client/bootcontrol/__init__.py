"""Boot control: how the device tells its boot loader which slot to start. One file a boot loader."""

from ota_client.bootcontrol.control import BootControl, BootStatus, SlotBoot

__all__ = ["BootControl", "BootStatus", "SlotBoot"]
