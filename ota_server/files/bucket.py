"""A bucket of an S3-compatible store: objects by name, and the store's errors as ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from ota_client.errors import ConfigError
from ota_server.errors import ConflictError, NotPublishedError, PublishedFolderError
from ota_server.files.name import cache_control, media_type
from ota_server.files.settings import BucketSettings

if TYPE_CHECKING:
    from obstore import Attributes, GetOptions, ObjectMeta, PutMode
    from obstore.store import ClientConfig, RetryConfig, S3Config

# Also what an interrupted upload sends again of one file at most, times the parts under way.
PART_BYTES = 16 * 1024 * 1024
_PARTS_AT_ONCE = 4
_REASONS = (
    re.compile(r"<Code>(\w{1,64})</Code>"),
    re.compile(r"status code: (\d{3})"),
    re.compile(r"\b(InvalidCertificate)\b"),
    re.compile(r"HttpError \{\s*kind: (\w+)"),
)
# A device waits meanwhile: what does not come within seconds is a 503, and it asks again.
_RETRIES: "RetryConfig" = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=15),
    "backoff": {
        "base": 2,
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=2),
    },
}


@dataclass(frozen=True, slots=True)
class BucketObject:
    """What the store says of an object.

    Attributes:
        name: without the prefix.
        size_bytes: exact.
        etag: as the store has it, with its quotes.
        modified_s: seconds since 1970.
    """

    name: str
    size_bytes: int
    etag: str
    modified_s: float

    @classmethod
    def of(cls, meta: "ObjectMeta") -> Self:
        """Take what obstore says."""
        return cls(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"].timestamp())


class Bucket:
    """Objects by name.

    Credentials are taken by the library from the environment or the machine's role; they are not seen
    here.

    Raises:
        ConfigError: the settings cannot be used.
    """

    def __init__(self, settings: BucketSettings) -> None:
        self.settings = settings
        client: ClientConfig = {
            "allow_http": settings.insecure_http_endpoint,
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=30),
        }
        try:
            self._store = S3Store(
                settings.bucket,
                prefix=settings.prefix or None,
                config=_config(settings),
                client_options=client,
                retry_config=_RETRIES,
            )
        except (BaseError, ValueError) as e:
            raise ConfigError(f"[files]: the bucket cannot be used: {_reason(e)}") from e

    async def look(self, name: str, most_bytes: int) -> tuple[BucketObject, bytes | None]:
        """Read an object whole if it has at most ``most_bytes``, else only look at it.

        Raises:
            NotPublishedError: there is no such object.
            PublishedFolderError: the store failed.
        """
        with _translated(name):
            answer = await obstore.get_async(self._store, name)
            found = BucketObject.of(answer.meta)
            if found.size_bytes > most_bytes:
                return found, None
            return found, bytes(await answer.bytes_async())

    async def read(self, found: BucketObject, start: int, stop: int) -> bytes:
        """Read a part of an object, if it is still the one that was found.

        Raises:
            NotPublishedError: it is gone.
            PublishedFolderError: it was replaced, or the store failed.
        """
        options: GetOptions = {"range": (start, stop), "if_match": found.etag or None}
        with _translated(found.name):
            answer = await obstore.get_async(self._store, found.name, options=options)
            return bytes(await answer.bytes_async())

    def read_whole(self, name: str, most_bytes: int) -> bytes:
        """Read an object in a thread that may wait.

        Raises:
            NotPublishedError: there is no such object.
            PublishedFolderError: the store failed, or the object has more than ``most_bytes``.
        """
        with _translated(name):
            answer = obstore.get(self._store, name)
            if answer.meta["size"] > most_bytes:
                raise PublishedFolderError(
                    f"{name}: expected at most {most_bytes} bytes, got {answer.meta['size']}"
                )
            return bytes(answer.bytes())

    async def signed_address(self, name: str, valid: timedelta) -> str:
        """An address that lets whoever has it read the object, and nothing else, for so long.

        Raises:
            PublishedFolderError: there are no credentials.
        """
        with _translated(name):
            return await obstore.sign_async(self._store, "GET", name, valid)

    def objects(self, below: str) -> Iterator[BucketObject]:
        """All objects below a folder such as ``targets``.

        Raises:
            PublishedFolderError: the store failed.
        """
        with _translated(below):
            for chunk in obstore.list(self._store, below):
                yield from map(BucketObject.of, chunk)

    def put(self, name: str, path: Path) -> None:
        """Send a file, whole or not at all, in place of what is there.

        Raises:
            NotPublishedError: the file is gone.
            PublishedFolderError: the store failed, or the file cannot be read.
        """
        with _translated(name):
            obstore.put(
                self._store,
                name,
                path,
                attributes=_attributes(name),
                chunk_size=PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )

    def replace(self, name: str, content: bytes, over: BucketObject | None) -> None:
        """Send a small file in place of the one that was found there, or of none.

        Raises:
            ConflictError: someone else was quicker.
            PublishedFolderError: the store failed.
        """
        mode: PutMode = {"e_tag": over.etag} if over else "create"
        with _translated(name):
            try:
                obstore.put(self._store, name, content, attributes=_attributes(name), mode=mode)
            except (AlreadyExistsError, PreconditionError) as e:
                raise ConflictError(
                    f"{name} in the bucket was replaced by someone else meanwhile: run it again"
                ) from e


def _config(settings: BucketSettings) -> "S3Config":
    config: S3Config = {}
    if settings.region is not None:
        config["region"] = settings.region
    if settings.endpoint is not None:
        config["endpoint"] = settings.endpoint
        # or a variable of the environment would come before the setting
        config["aws_endpoint_url_s3"] = settings.endpoint
    elif "." not in settings.bucket:
        # The bucket's own host name: a device that follows redirects there can name it (C04).
        config["virtual_hosted_style_request"] = True
    return config


def _attributes(name: str) -> "Attributes":
    # for those who read the bucket without this server
    return {"Content-Type": media_type(name), "Cache-Control": cache_control(name)}


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    # the library raises Python's own class, and not its NotFoundError
    except FileNotFoundError as e:
        if "NoSuchBucket" in _reason(e):
            raise PublishedFolderError("the bucket does not answer as it should: NoSuchBucket") from e
        raise NotPublishedError(f"{name} is not published") from e
    except (BaseError, OSError) as e:
        raise PublishedFolderError(f"the bucket does not answer as it should: {_reason(e)}") from e


def _reason(e: BaseException) -> str:
    """The store's own word for it: the whole text has addresses and names of the inside."""
    found = (pattern.search(str(e)) for pattern in _REASONS)
    return next((match[1] for match in found if match), type(e).__name__)
