"""What of this machine matters to a run: Python, packages, device, memory, folders, data; what is missing, the cure."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from drmadc_common.amounts import bytes_text

Verdict = Literal["ok", "note", "BAD"]
EXTRAS = {
    "tables": ("pyarrow", ".parquet files"),
    "huggingface": ("datasets", "Hugging Face data sets"),
    "safetensors": ("safetensors", "export --to safetensors"),
    "lsp": ("pygls", "the language server"),
    "tensorboard": ("tensorboardX", "run --log tensorboard"),
    "wandb": ("wandb", "run --log wandb"),
}


@dataclass(frozen=True)
class Finding:
    """One line: whether it is well, what was looked at, what was found, and what to do."""

    verdict: Verdict
    what: str
    found: str
    cure: str = ""

    @property
    def text(self) -> str:
        """The line, the cure below it."""
        line = f"{self.verdict:<4}  {self.what:<12} {self.found}"
        return f"{line}\n      {'':<12} {self.cure}" if self.cure else line


def examine() -> list[Finding]:
    """Everything, in the order in which a run needs it."""
    python = Finding("ok", "Python", f"{sys.version.split()[0]} at {sys.executable}")
    return [python, *_packages(), _device(), _memory(), *_folders(), _data(), *_extras()]


def _packages() -> list[Finding]:
    from drmadc_runtime.core.versions import environment

    packages = environment().packages
    out = []
    for name, found in packages.items():
        missing = found == "not installed"
        out.append(Finding("BAD" if missing else "ok", name, found, f"pip install {name}" if missing else ""))
    return out


def _device() -> Finding:
    import jax

    try:
        devices = jax.devices()
    except RuntimeError as error:
        return Finding("BAD", "device", "JAX finds no device", str(error).splitlines()[0])
    kinds = ", ".join(device.device_kind for device in devices)
    if devices[0].platform == "cpu" and shutil.which("nvidia-smi"):
        cure = "an NVIDIA driver is installed, but JAX does not use it: pip install 'drmadc[cuda12]' (or cuda13)"
        return Finding("note", "device", kinds, cure)
    return Finding("ok", "device", f"{kinds}, {os.cpu_count()} cores")


def _memory() -> Finding:
    from drmadc_runtime.core.device import free_memory

    free = free_memory()
    if free is None:
        return Finding("note", "memory", "unknown")
    few = free < 1e9
    cure = "drmadc plan shows what each reverse strategy needs" if few else ""
    return Finding("note" if few else "ok", "memory", f"{bytes_text(free)} free", cure)


def _folders() -> list[Finding]:
    from drmadc_runtime.core.compilation_cache import compilation_cache
    from drmadc_runtime.data.sources.downloads import cache_folder

    out = []
    for what, path in (("cache", compilation_cache()), ("data folder", cache_folder()), ("runs", Path("runs"))):
        there = next(p for p in (path, *path.parents, Path()) if p.exists())
        if not os.access(there, os.W_OK):
            cure = {
                "cache": "the compilation cache is not writable; every run will recompile; set XDG_CACHE_HOME",
                "data folder": "data cannot be downloaded; set DRMADC_DATA",
                "runs": "runs cannot be recorded here; change the folder, or use --out",
            }[what]
            out.append(Finding("BAD" if what == "runs" else "note", what, f"{path} is not writable", cure))
            continue
        free = shutil.disk_usage(there).free
        few = free < 1e9
        cure = "less than 1 GB of disk space is left" if few else ""
        out.append(Finding("note" if few else "ok", what, f"{path}, {bytes_text(free)} free", cure))
    return out


def _data() -> Finding:
    from drmadc_runtime.data.sources.downloads import is_here
    from drmadc_runtime.data.sources.registry import REGISTRY

    here = ["mnist", "omniglot", "digits", *(name for name in REGISTRY if is_here(name))]
    missing = [name for name in REGISTRY if not is_here(name)]
    cure = f"not downloaded yet: {', '.join(missing)}; drmadc data fetch NAME" if missing else ""
    return Finding("ok", "data", ", ".join(here), cure)


def _extras() -> list[Finding]:
    out = []
    for extra, (package, use) in EXTRAS.items():
        if find_spec(package) is not None:
            out.append(Finding("ok", extra, f"{package} is installed, for {use}"))
        else:
            out.append(Finding("note", extra, f"not installed; needed for {use}", f"pip install 'drmadc[{extra}]'"))
    return out
