"""Tar files, sound and evil, as Python's own tarfile writes them."""

import io
import tarfile


def tar(*members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes], form=tarfile.PAX_FORMAT) -> bytes:
    """A tar file of these members; a file's content stands beside it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for member in members:
            info, content = member if isinstance(member, tuple) else (member, b"")
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = kind, 0o755
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def file(name: str, content: bytes = b"content", **fields) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, size=len(content), **fields), content


def folder(name: str, **fields) -> tarfile.TarInfo:
    return member(name, tarfile.DIRTYPE, **fields)


def link(name: str, target: str, **fields) -> tarfile.TarInfo:
    return member(name, tarfile.SYMTYPE, linkname=target, **fields)


def hard_link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.LNKTYPE, linkname=target)
