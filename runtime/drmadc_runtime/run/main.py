"""`python emitted_module.py`: what `drmadc run` does, without the compiler."""

import argparse
import sys
from pathlib import Path

from drmadc_runtime.program.contract import Program


def main(program: Program, file: str) -> None:
    """Run the program of an emitted module from the module's own command line; exit code 3 when the run fails."""
    from drmadc_runtime.core.domains import OutsideDomain
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.program.failure import NotFinite
    from drmadc_runtime.run.reporting.choose import display
    from drmadc_runtime.run.run import Options, run
    from drmadc_runtime.run.signals import Stopped

    parser = argparse.ArgumentParser(description=f"Run {program.name} and record it in a folder.")
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/NAME/TIME-HASH)")
    parser.add_argument("--quiet", action="store_true", help="print warnings only")
    options = parser.parse_args()
    path = Path(file)
    try:
        texts = {f"{program.name}.py": path.read_text(encoding="utf-8")}
        run(program, texts, options.out, Options(display(options.quiet)))
    except FileExistsError as error:
        parser.error(str(error))
    except Stopped as error:
        print(error, file=sys.stderr)
        sys.exit(error.code)
    except (NotFinite, OutsideDomain, DataError, OSError) as error:
        sys.exit(_failed(str(error)))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def _failed(message: str) -> int:
    print(f"run failed: {message}", file=sys.stderr)
    return 3
