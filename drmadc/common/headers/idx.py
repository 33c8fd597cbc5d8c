"""Headers of IDX files."""

import gzip
import zlib
from pathlib import Path

from drmadc.common.headers import integers
from drmadc.common.headers.header import BadFile, Header
from drmadc_common.idx import is_gzip, open_idx, read_header, truncated


def idx(path: Path) -> Header:
    """The array of an IDX file, plain or compressed by gzip.

    Raises:
        BadFile: it is not there, has another magic number, or is cut off.
    """
    try:
        with open_idx(path) as file:
            header = read_header(file)
        found = path.stat().st_size - header.length
        whole = is_gzip(path) or found >= header.size
    except FileNotFoundError:
        raise BadFile("no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BadFile("it is truncated or corrupt") from None
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BadFile(str(error)) from error
    if not whole:
        raise BadFile(truncated(header, found))
    return Header(header.kind, header.shape)


def largest(path: Path) -> int:
    """The largest of the whole numbers of an IDX file; -1 as `integers` says.

    Raises:
        BadFile: it cannot be read.
    """
    try:
        with open_idx(path) as file:
            return integers.largest(file, read_header(file).kind, big_endian=True)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise BadFile(f"it cannot be read ({error})") from error
