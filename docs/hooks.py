"""What the site shows beside the pages in this folder: specs and grammar, at the places that their pages link to."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that the gallery and the language reference link to."""
    for folder, pattern in (("specs", "**/*.drm"), ("specs", "*.png"), ("grammar", "drmadc_grammar/*.*")):
        for path in sorted((ROOT / folder).glob(pattern)):
            if path.suffix != ".py":
                files.append(File.generated(config, path.relative_to(ROOT / folder).as_posix(), abs_src_path=str(path)))
    return files
