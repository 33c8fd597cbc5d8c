"""`python emitted_module.py`: what `drmadc run` does, without the compiler."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def main(module: Mapping[str, Any]) -> None:
    """Run an emitted module from its own command line; exit code 3 when the run fails."""
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.program.failure import NotFinite
    from drmadc_runtime.run.reporting.plain import display
    from drmadc_runtime.run.run import Options, run
    from drmadc_runtime.run.signals import Stopped

    parser = argparse.ArgumentParser(description=str(module.get("__doc__") or module["NAME"]).split("\n")[0])
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/NAME/TIME-HASH)")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings")
    options = parser.parse_args()
    path = Path(module["__file__"])
    try:
        texts = {f"{module['NAME']}.py": path.read_text(encoding="utf-8")}
        run(module, texts, options.out, Options(display(options.quiet)))
    except FileExistsError as error:
        parser.error(str(error))
    except Stopped as error:
        print(error, file=sys.stderr)
        sys.exit(error.code)
    except (NotFinite, DataError, OSError) as error:
        sys.exit(_failed(str(error)))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def _failed(message: str) -> int:
    print(f"the run failed: {message}", file=sys.stderr)
    return 3
