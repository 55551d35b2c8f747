"""Throwing away what is staged."""

from ota_client.errors import ConfigError
from signing.errors import NothingToDoError
from signing.repository import Repository


def discard(repository: Repository) -> list[str]:
    """Throw away all staged roles, with their signatures and files.

    Returns:
        The roles that were staged.

    Raises:
        NothingToDoError: nothing is staged.
        ConfigError: nothing is published yet, so nothing would be left.
    """
    with repository.lock():
        roles = repository.staged_roles()
        if not roles:
            raise NothingToDoError("nothing is staged")
        if repository.published() is None:
            raise ConfigError(
                f"{repository.folder}: nothing is published yet, so nothing would be left; remove the "
                "folder and `init` again"
            )
        repository.clear_staged()
        return roles
