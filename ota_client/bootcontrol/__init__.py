"""Boot control: how the device tells its boot loader which slot to start. One file a boot loader."""

from ota_client.bootcontrol.control import BootControl, BootStatus, SlotBoot
from ota_client.bootcontrol.file import FileBootControl

__all__ = ["BootControl", "BootStatus", "FileBootControl", "SlotBoot"]
