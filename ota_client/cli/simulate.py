"""``ota-client simulate``: a device in a folder, to play with and to test against."""

import shutil
from pathlib import Path

import click

from ota_client.cli.group import json_option, report
from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import ConfigError

_MIB = 1024 * 1024
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=SummaryGroup)
def simulate() -> None:
    """Make and drive a simulated device: slots are files, the boot loader is this command."""


@simulate.command()
@json_option
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--root", type=_FILE, required=True, help="The TUF root to pin (root.json).")
@click.option("--url", "urls", multiple=True, required=True, help="Repository; mirrors in turn.")
@click.option("--product", required=True, help="As in 'ota-sign product add'.")
@click.option("--hardware-id", required=True, help="The board that is simulated.")
@click.option("--channel", default="stable", show_default=True)
@click.option("--version", default="0.0.0", show_default=True, help="What the factory installed.")
@click.option("--rollback-index", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--slot-mib", type=click.IntRange(min=1), default=128, show_default=True)
@click.option(
    "--image",
    "images",
    multiple=True,
    default=("rootfs",),
    show_default=True,
    help="Name, or NAME=FILE with what slot A holds.",
)
@click.option("--ca-file", type=_FILE, help="The authority of the server's certificate, PEM.")
@click.option("--insecure-http", is_flag=True, help="Allow plain HTTP addresses.")
def init(
    *,
    folder: Path,
    root: Path,
    urls: tuple[str, ...],
    product: str,
    hardware_id: str,
    channel: str,
    version: str,
    rollback_index: int,
    slot_mib: int,
    images: tuple[str, ...],
    ca_file: Path | None,
    insecure_http: bool,
) -> None:
    """Make a simulated device in DIR: slot A runs, slot B is empty."""
    from ota_client.testing.simulator import (  # noqa: PLC0415 a device does not simulate
        SETTINGS,
        SimulatedDeviceFolder,
        settings_text,
    )

    named = dict(image.partition("=")[::2] for image in images)
    network = f"insecure_http = {str(insecure_http).lower()}\n"
    if ca_file is not None:
        network += f'ca_file = "{ca_file.absolute()}"\n'
    text = settings_text(
        product=product,
        hardware_id=hardware_id,
        channel=channel,
        urls=urls,
        version=version,
        rollback_index=rollback_index,
        images=tuple(named),
        network=network,
    )
    factory = {name: Path(file) for name, file in named.items() if file}
    device = SimulatedDeviceFolder(folder)
    device.check(text)
    _pin(root, folder)
    device.create(text, slot_bytes=slot_mib * _MIB, factory=factory)
    report(
        f"a simulated {product} is in {folder}; try: ota-client --config {folder / SETTINGS} status",
        {"config": str(folder / SETTINGS)},
    )


@simulate.command()
@json_option
@click.argument("folder", type=_FOLDER, metavar="DIR")
def boot(folder: Path) -> None:
    """Restart the device in DIR as its boot loader would."""
    from ota_client.testing.simulator import SimulatedDeviceFolder  # noqa: PLC0415 a device does not simulate

    slot = SimulatedDeviceFolder(folder).boot()
    report(f"slot {slot} runs", {"booted": slot})


@simulate.command("fail-boot")
@json_option
@click.argument("folder", type=_FOLDER, metavar="DIR")
def fail_boot(folder: Path) -> None:
    """Restart the device in DIR with its next slot never coming up, until another one runs."""
    from ota_client.testing.simulator import SimulatedDeviceFolder  # noqa: PLC0415 a device does not simulate

    *failed, slot = SimulatedDeviceFolder(folder).fail_boot()
    text = f"slot {failed[0]} failed {len(failed)} times; slot {slot} runs"
    report(text, {"failed": failed, "booted": slot})


def _pin(root: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root, folder / "root.json")
    except OSError as e:
        raise ConfigError(f"--root: {e.filename}: {e.strerror}") from e
