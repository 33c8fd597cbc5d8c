"""Folders of images, one folder for each class; the classes are numbered in the order of the folders' names."""

from pathlib import Path

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


def images_by_class(folder: Path) -> dict[str, list[Path]]:
    """The images of each class by the name of its folder, both sorted; hidden folders are left out.

    Raises:
        OSError: a folder cannot be read.
    """
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {path.name: sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES) for path in classes}
