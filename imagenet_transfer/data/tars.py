"""Reading tar archives of strangers: whole, uncompressed, and without anything to be followed."""

import contextlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from imagenet_transfer.data.layouts.listing import printable
from imagenet_transfer.errors import UserError

END = bytes(tarfile.BLOCKSIZE)  # a whole tar ends in empty blocks


class NameAndSize(tarfile.TarInfo):
    """What is asked of a plain file in an archive; owner, mode and times take most of the time."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
        """Return the member of a header; of anything but a plain file with a short name, all."""
        plain = len(buf) == tarfile.BLOCKSIZE and buf[156:157] == tarfile.REGTYPE and not buf[345]
        if not plain or tarfile.nti(buf[148:156]) != sum(buf[:148]) + sum(buf[156:]) + 256:
            return super().frombuf(buf, encoding, errors)
        member = cls(tarfile.nts(buf[:100], encoding, errors))
        member.size = tarfile.nti(buf[124:136])
        return member


@contextlib.contextmanager
def opened_tar(
    file: IO[bytes], path: Path, members: type[tarfile.TarInfo] = tarfile.TarInfo
) -> Iterator[tarfile.TarFile]:
    """Open an uncompressed tar; any error of reading it becomes a UserError that names `path`."""
    try:
        with tarfile.open(fileobj=file, mode="r:", tarinfo=members) as tar:
            yield tar
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise damaged_tar(path, error) from error


def damaged_tar(path: Path, error: Exception) -> UserError:
    """Return the error for an archive that cannot be read to its end."""
    return UserError(f"{path} is not a whole archive ({printable(str(error))}): fetch it again.")


def check_end(tar: tarfile.TarFile, empty: bool) -> None:
    """Raise tarfile.ReadError unless a tar ends where tarfile stopped; it stops at damage too."""
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(len(END)) != END:
        raise tarfile.ReadError("it is cut off or damaged" if not empty else "it is empty")


def is_plain(name: str) -> bool:
    """Return whether a member's name stays inside the folder of the archive."""
    return not name.startswith("/") and ".." not in name.split("/")


def kind_of(member: tarfile.TarInfo) -> str:
    """Return what a member is."""
    if member.size < 0:
        return f"a file of {member.size:,} bytes"
    if member.issparse():
        return "a file with holes"
    if member.islnk() or member.issym():
        return "a link"
    return "a file" if member.isreg() else "neither file nor folder"
