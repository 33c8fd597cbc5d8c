"""Archives and compressed files of strangers: none is unpacked to more than it plausibly holds."""

import io
import zipfile
from typing import IO, cast

PLAUSIBLE = 100
"""How many times its size a compressed file of data may expand to; text and labels reach 20."""
HARMLESS = 1 << 27  # bytes that are unpacked whatever the ratio is
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def check_archive(archive: zipfile.ZipFile) -> None:
    """See that an archive can be read and does not expand without bounds.

    Raises:
        ValueError: a member is encrypted, compressed by another method, or they expand to implausibly much.
    """
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise ValueError(f"its member `{info.filename}` is encrypted")
        if info.compress_type not in METHODS:
            raise ValueError(f"its member `{info.filename}` is compressed by an unknown method")
    packed = sum(info.compress_size for info in archive.infolist())
    whole = sum(info.file_size for info in archive.infolist())
    if whole > max(HARMLESS, PLAUSIBLE * packed):
        raise ValueError(expands(packed))


def expands(packed: int) -> str:
    """What to say of a file that expands to too much."""
    most = max(HARMLESS, PLAUSIBLE * packed)
    return f"its {packed / 1e6:.2g} MB expand to more than {most / 1e6:,.0f} MB; decompress it yourself if you trust it"


def bounded(file: IO[bytes], packed: int) -> IO[bytes]:
    """What a compressed stream expands to; reading more than is plausible of `packed` bytes raises ValueError."""
    return cast("IO[bytes]", io.BufferedReader(_Bounded(file, packed), 1 << 16))


class _Bounded(io.RawIOBase):
    def __init__(self, file: IO[bytes], packed: int) -> None:
        self._file = file
        self._packed = packed
        self._left = max(HARMLESS, PLAUSIBLE * packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(expands(self._packed))
        buffer[: len(data)] = data
        return len(data)
