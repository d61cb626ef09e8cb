"""Archives for tests: honest ones, and every kind of hostile one."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping


def a_zip(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name.replace("\x00", "\x7f")), content, method)
    # The library cuts a name at its first NUL; whoever means harm does not.
    return out.getvalue().replace(b"\x7f.md", b"\x00.md")


def a_tar(files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            for kind, at in ((tarfile.SYMTYPE, name), (tarfile.LNKTYPE, f"hard-{name}")):
                entry = tarfile.TarInfo(at)
                entry.type, entry.linkname = kind, target
                archive.addfile(entry)
    return out.getvalue()


def a_tar_gz(files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> bytes:
    return gzip.compress(a_tar(files, links=links), 6)


def with_symlink(name: str, target: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo(name)
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)
    return out.getvalue()


def encrypted(packed: bytes) -> bytes:
    """The zip with every entry marked as encrypted, in the local headers and in the directory."""
    return _with_flag(_with_flag(packed, b"PK\x03\x04", 6), b"PK\x01\x02", 8)


def _with_flag(packed: bytes, signature: bytes, at: int) -> bytes:
    out, place = bytearray(packed), packed.find(signature)
    while place >= 0:
        out[place + at] |= 1
        place = packed.find(signature, place + 4)
    return bytes(out)


def with_wrong_crc(packed: bytes) -> bytes:
    """The zip with a checksum in its directory that is not its content's."""
    out = bytearray(packed)
    out[packed.find(b"PK\x01\x02") + 16] ^= 0xFF
    return bytes(out)


def a_bomb(name: str = "bomb.md", *, size: int = 40_000_000) -> bytes:
    """A zip of one file of zeros, a thousand times its own size."""
    out = io.BytesIO()
    zeros = bytes(1_000_000)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as file:
        for _ in range(size // len(zeros)):
            file.write(zeros)
    return out.getvalue()


def a_gzip_bomb(*, size: int = 40_000_000) -> bytes:
    """A gzip of zeros, whatever its name says that it holds."""
    out = io.BytesIO()
    zeros = bytes(1_000_000)
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6) as file:
        for _ in range(size // len(zeros)):
            file.write(zeros)
    return out.getvalue()


def a_tar_with_a_long_header(*, size: int = 6_000_000) -> bytes:
    """A .tar.gz whose first extended header says that it is so long, and is."""
    entry = tarfile.TarInfo("././@PaxHeader")
    entry.type, entry.size = tarfile.XHDTYPE, size
    import random

    noise = random.Random(7).randbytes(1_000_000)  # noqa: S311  incompressible, so that the ratio does not stop it
    return gzip.compress(entry.tobuf() + (noise * (size // len(noise) + 1))[: size + 512], 1)


def many_entries(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(f"{number}.md"), b"x")
    return out.getvalue()
