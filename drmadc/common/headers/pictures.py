"""Folders of pictures, one folder for each class."""

from pathlib import Path

from drmadc.common.headers.header import BadFile, Header
from drmadc_common.image_folder import SUFFIXES, images_by_class


def classes_of(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class, by the names of the folders in `folder`, in order.

    Raises:
        BadFile: the folder does not exist, it has no folders, or one of them has no pictures.
    """
    if not folder.is_dir():
        raise BadFile("no such folder")
    try:
        found = images_by_class(folder)
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
    if not found:
        raise BadFile("it has no subfolders; make one for each class")
    empty = [name for name, paths in found.items() if not paths]
    if empty:
        raise BadFile(f"the class folder `{empty[0]}` has no images ({', '.join(SUFFIXES[:4])}, ...)")
    return found


def pictures(folder: Path, size: tuple[int, int] | None) -> dict[str, Header]:
    """`image`: bytes [n, rows, columns] or [n, rows, columns, 3], as the first picture is, and `label`.

    Raises:
        BadFile: as `classes_of`, or the first picture is none.
    """
    from PIL import Image, UnidentifiedImageError

    classes = classes_of(folder)
    first = next(iter(classes.values()))[0]
    try:
        with Image.open(first) as picture:
            (columns, rows), grey = picture.size, picture.mode in ("1", "L", "LA", "F") or picture.mode.startswith("I")
    except Image.DecompressionBombError as error:
        raise BadFile(f"{first.relative_to(folder)} has too many pixels for a picture of data") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise BadFile(f"{first.relative_to(folder)} is not an image") from error
    if size is not None:
        rows, columns = size
    count = sum(len(paths) for paths in classes.values())
    shape = (count, rows, columns) if grey else (count, rows, columns, 3)
    return {"image": Header("u1", shape), "label": Header("i4", (count,))}
