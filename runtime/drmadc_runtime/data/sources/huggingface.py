"""Data sets of the Hugging Face hub, by the `datasets` package: fetched once, said before, and never when offline."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from drmadc_common.amounts import bytes_text
from drmadc_common.parts import PARTS
from drmadc_runtime.data.sources.downloads import offline
from drmadc_runtime.data.sources.files import in_bytes
from drmadc_runtime.data.sources.request import Array, DataError, Raw, Request, sized


def huggingface(request: Request) -> Raw:
    """A data set that is in the cache of `datasets`, or a folder of files; pictures become bytes as declared.

    Raises:
        DataError: it is not here, or has not what the spec says.
    """
    name, configuration = str(request.options["name"]), request.options.get("configuration")
    with _without_network():
        there = _loaded(name, configuration)
    raw: dict[str, dict[str, Array]] = {}
    for part in PARTS:
        if part not in request.options:
            continue
        found = "validation" if part == "valid" and part not in there else part
        if found not in there:
            raise DataError(f"huggingface({name}): no split `{found}`; splits: {', '.join(there)}")
        rows = there[found]
        missing = [field for field in request.fields if field not in rows.column_names]
        if missing:
            columns = ", ".join(rows.column_names)
            raise DataError(f"huggingface({name}): no column `{missing[0]}`; columns: {columns}")
        raw[part] = {field: _column(rows[field], request.fields[field]) for field in request.fields}
    return sized(raw, request)


def class_names(name: str, configuration: str | None, fields: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The names of the classes of fields that the data set itself names; it is in the cache or a folder.

    Raises:
        DataError: it is not here.
    """
    with _without_network():
        features = _loaded(name, configuration)["train"].features
    return {field: tuple(features[field].names) for field in fields if hasattr(features.get(field), "names")}


def fetch(name: str, configuration: str | None, info: Callable[[str], None]) -> None:
    """Bring a data set from the hub, unless it is a folder or in the cache already; `info` is told before.

    Raises:
        DataError: the hub cannot be reached or has no such data set, or fetching is forbidden.
    """
    datasets = _datasets()
    if Path(name).exists() or _is_here(name, configuration):
        return
    if offline():
        raise DataError(f"{name} is not downloaded, and DRMADC_OFFLINE or --offline forbids downloads")
    with _told(name):
        size = datasets.load_dataset_builder(name, configuration).info.download_size
    amount = bytes_text(size) if size else "a data set of unknown size"
    info(f"huggingface({name}): downloading {amount} from {_address()} to {datasets.config.HF_DATASETS_CACHE}")
    _loaded(name, configuration)


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise DataError('huggingface(...) needs datasets: pip install "drmadc[huggingface]"') from error
    return datasets


def _address() -> str:
    import huggingface_hub.constants

    return str(huggingface_hub.constants.ENDPOINT).partition("//")[2]


def _is_here(name: str, configuration: str | None) -> bool:
    with _without_network():
        try:
            _datasets().load_dataset_builder(name, configuration)
        except Exception:  # whatever it raises, there is nothing that could be read
            return False
        return True


def _loaded(name: str, configuration: str | None) -> Any:
    datasets = _datasets()
    with _told(name):
        return datasets.load_dataset(name, configuration)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What the package and its transports raise, as one message."""
    try:
        yield
    except Exception as error:
        hint = ""
        if type(error).__name__ in ("ConnectionError", "OfflineModeIsEnabled"):
            hint = "; `drmadc run` downloads it"
        raise DataError(f"huggingface({name}): {type(error).__name__}: {str(error).splitlines()[0]}{hint}") from error


@contextmanager
def _without_network() -> Iterator[None]:
    """As under HF_HUB_OFFLINE: only what is in the cache."""
    import logging

    import huggingface_hub.constants as constants

    config = _datasets().config
    before = constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE
    logger = logging.getLogger("datasets")
    level = logger.level
    try:
        constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
        logger.setLevel(logging.ERROR)  # it would warn that the cache is used
        yield
    finally:
        constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE = before
        logger.setLevel(level)


def _column(values: Any, declared: str) -> Array:
    if declared.startswith("byte["):
        mode = "L" if declared.count(",") == 1 else "RGB"
        values = [in_bytes(value).convert(mode) if hasattr(value, "convert") else value for value in values]
        return np.stack([np.asarray(value, np.uint8) for value in values])
    return np.asarray(list(values))
