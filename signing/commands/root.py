"""``ota-sign init``, ``root`` and ``renew``: the repository and its keys."""

from collections.abc import Callable
from pathlib import Path

import click

from ota_client.cli.summaries import SummaryGroup
from signing.commands.desk import Desk, json_option, repository_options, secret_options


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--with-keys", is_flag=True, help="Make one Ed25519 key for each role, and use them.")
@json_option
@secret_options
@click.pass_obj
def init_command(desk: Desk, *, folder: Path, with_keys: bool) -> None:
    """Make a repository folder DIR, and stage its first root."""
    repository = desk.create_repository(folder, with_keys=with_keys)
    following = "product add" if with_keys else "key generate and root add-key, for each role"
    desk.say(f"made {folder}; its policy is in {folder / 'ota-sign.toml'}; next: {following}")
    desk.report({"repository": folder, "keys": repository.keys.names()})


@click.group("root", cls=SummaryGroup)
def root_group() -> None:
    """Decide which keys speak for a role: root, targets, snapshot, timestamp, or a product."""


def _command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    def decorate(function: Callable[..., None]) -> click.Command:
        return root_group.command(name)(repository_options(click.pass_obj(function)))

    return decorate


@_command("add-key")
@click.argument("role")
@click.argument("key")
def add_key(desk: Desk, *, role: str, key: str) -> None:
    """Let KEY sign for ROLE."""
    from signing import root  # noqa: PLC0415 (help must start fast)

    root.add_key(desk.repository(), role, key, now=desk.now)
    desk.staged(f"key {key} may sign {role}")


@_command("remove-key")
@click.argument("role")
@click.argument("key")
def remove_key(desk: Desk, *, role: str, key: str) -> None:
    """Take ROLE away from KEY (a name, or the head of its id)."""
    from signing import root  # noqa: PLC0415 (help must start fast)

    root.remove_key(desk.repository(), role, key, now=desk.now)
    desk.staged(f"key {key} may no longer sign {role}")


@_command("set-threshold")
@click.argument("role")
@click.argument("number", type=click.IntRange(1, 255))
def set_threshold(desk: Desk, *, role: str, number: int) -> None:
    """Demand NUMBER signatures for ROLE."""
    from signing import root  # noqa: PLC0415 (help must start fast)

    root.set_threshold(desk.repository(), role, number, now=desk.now)
    desk.staged(f"{role} needs {number} signature(s)")


@_command("rotate")
@click.argument("role")
@click.argument("old")
@click.argument("new")
def rotate(desk: Desk, *, role: str, old: str, new: str) -> None:
    """Put key NEW in the place of key OLD for ROLE."""
    from signing import root  # noqa: PLC0415 (help must start fast)

    root.rotate(desk.repository(), role, old, new, now=desk.now)
    desk.staged(f"key {new} signs {role} in the place of {old}")


@_command("show")
def show(desk: Desk) -> None:
    """Show who signs what, as staged or else published."""
    from signing.status import status  # noqa: PLC0415 (help must start fast)

    roles = status(desk.repository(), now=desk.now)
    for role in roles:
        desk.say(f"{role.role}: {role.threshold} of {', '.join(role.keys) or 'no keys yet'}")
    desk.report({role.role: {"threshold": role.threshold, "keys": role.keys} for role in roles})


@click.command("renew")
@click.argument("roles", metavar="ROLE...", nargs=-1, required=True)
@repository_options
@click.pass_obj
def renew_command(desk: Desk, *, roles: tuple[str, ...]) -> None:
    """Stage root, targets or a product as it is, with a new expiry."""
    from signing import root  # noqa: PLC0415 (help must start fast)

    repository = desk.repository()
    for role in roles:
        root.renew(repository, role, now=desk.now)
    desk.staged(f"new expiry of {', '.join(roles)}")
