"""Editors: the language server driven over its protocol, and the TextMate grammar over all specs."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from drmadc.common.diagnostics.model import Bag
from drmadc.common.source import SourceFile
from drmadc.compiler.check.blocks.retraining import RETRAIN
from drmadc.compiler.check.blocks.sweeps import SWEEP
from drmadc.compiler.check.blocks.training import TRAIN
from drmadc.compiler.check.blocks.tuning import EACH, FIRST
from drmadc.compiler.check.data.block import SETTINGS as DATA
from drmadc.compiler.driver import compile_source
from drmadc.ir import types
from drmadc.syntax.ast import KEYWORDS
from drmadc.syntax.parse import parse
from drmadc.tools.editor.complete import complete
from drmadc.tools.editor.lookup import definition, hover
from drmadc.tools.editor.texts import AXES, DECLARATIONS, DOMAINS, SETTINGS
from tests.conftest import CASES, ROOT

TEXT = (ROOT / "specs" / "drmad" / "l2.drm").read_text(encoding="utf-8")
COMPILATION = compile_source(SourceFile("mnist_l2.drm", TEXT))


def test_every_setting_keyword_domain_and_axis_has_a_line() -> None:
    allowed = {"data": DATA, "train": TRAIN, "tune": (*FIRST, *EACH), "sweep": SWEEP, "retrain": RETRAIN}
    assert {block: set(lines) for block, lines in SETTINGS.items()} == {b: set(names) for b, names in allowed.items()}
    assert tuple(DECLARATIONS) == KEYWORDS
    assert tuple(DOMAINS) == types.DOMAINS
    assert set(AXES) == {*types.AXES, "example"}


def about(path: str, within: str) -> str:
    found = hover(COMPILATION, TEXT.index(within) + within.index(path) + len(path))
    return "" if found is None else found[1]


@pytest.mark.parametrize(
    ("word", "within", "parts"),
    [
        ("l2", "hyper l2", ("hyper l2: positive[in_unit of mlp.weights]", "934 hyperparameters", "shape [934]")),
        ("mlp", "model mlp", ("model mlp: real[784] -> real[10]",)),
        ("mlp.weights", "* mlp.weights", ("group `mlp.weights`, 44,700 numbers", "mlp.h1.weight [784, 50]")),
        ("h2", "h2 = tanh", ("`h2`: real[50] per example",)),
        ("x", "x: real[784] = flat", ("feature `x`: real[784] per example",)),
        ("valid", "on valid", ("split `valid`: 5,000 examples of mnist",)),
        ("heavy_ball", "heavy_ball", ("update heavy_ball(rate: positive, momentum: unit)", "v' = momentum * v")),
        ("minimize", "minimize", ("setting of `tune`: the outer objective",)),
        ("drmad", "drmad(", ("reverse strategy: `drmad(knots: 16",)),
        ("knots", "knots", ("argument of `drmad()`: snapshots of the parameters",)),
        ("cross_entropy", "cross_entropy", ("loss: `cross_entropy(logits, label)",)),
        ("positive", "positive", ("above 0; the outer loop moves the logarithm",)),
        ("in_unit", "in_unit", ("one entry for each row of each weight",)),
    ],
)
def test_hover_gives_type_shape_axes_and_domain(word: str, within: str, parts: tuple[str, ...]) -> None:
    text = about(word, within)
    for part in parts:
        assert part in text


def test_nothing_is_said_of_comments() -> None:
    assert hover(COMPILATION, TEXT.index("# One") + 4) is None


def test_hover_without_types_shows_what_was_written() -> None:
    broken = compile_source(SourceFile("b.drm", TEXT.replace("steps  = 2000", "step  = 2000")))
    assert broken.ir is None
    found = hover(broken, TEXT.index("l2: positive"))
    assert found is not None
    assert "hyper l2: positive[in_unit of mlp.weights] = 0.0123" in found[1]


def words(line: str, within: str = "") -> set[str]:
    """Candidates at the end of a line that stands in a block, or between declarations."""
    head = f"{within} {{\n" if within else ""
    text = TEXT.replace("report {", f"{head}{line}\n" + ("}\n" if within else "") + "report {", 1)
    offset = text.index(f"{head}{line}\n") + len(head) + len(line)
    compilation = compile_source(SourceFile("c.drm", text))
    return {candidate.word for candidate in complete(compilation, offset)}


@pytest.mark.parametrize(
    ("line", "within", "some", "none"),
    [
        ("hy", "", {"hyper", "model", "train"}, {"l2", "steps"}),
        ("  st", "train", {"steps", "loss", "batch"}, {"minimize", "hyper"}),
        ("  mi", "tune", {"minimize", "reverse", "tie"}, {"batch"}),
        ("  reverse = drmad(knots: 16, c", "tune", {"curvature", "knots", "paper"}, {"l2", "segments"}),
        ("  reverse = dr", "tune", {"drmad", "exact", "auto"}, {"l2", "tanh"}),
        ("  update = he", "train", {"heavy_ball", "adam", "sgd"}, {"l2"}),
        ("hyper new: pos", "", {"positive", "unit", "real"}, {"l2"}),
        ("hyper new: positive[st", "", {"step", "layer", "in_unit"}, {"l2"}),
        ("hyper new: positive[layer of ", "", {"mlp.params", "mlp.weights"}, {"l2"}),
        ("  loss = sum(mlp.", "train", {"weights", "h1", "biases"}, {"l2", "tanh"}),
        ("  loss = cross_entropy(", "train", {"l2", "x", "y", "mlp", "tanh"}, {"steps"}),
        ("  minimize = error(mlp(x), y) on v", "tune", {"valid", "test"}, {"l2"}),
        ("  loss = 1  # he", "train", set(), {"heavy_ball", "l2"}),
    ],
)
def test_completion_suits_the_place(line: str, within: str, some: set[str], none: set[str]) -> None:
    found = words(line, within)
    assert some <= found
    assert not none & found


@pytest.mark.parametrize(
    ("word", "declared"),
    [
        ("l2 * mlp", "l2: positive"),
        ("mlp(x), y) on valid", "mlp(x: real"),
        ("mlp.h1, 28", "mlp(x: real"),
        ("h2, 50", "h2 = "),
    ],
)
def test_definitions_are_found(word: str, declared: str) -> None:
    span = definition(COMPILATION, TEXT.index(word) + 1)
    assert span is not None
    assert span.start == TEXT.index(declared)


def test_definition_of_a_layer() -> None:
    span = definition(COMPILATION, TEXT.index("mlp.h1") + len("mlp.h"))
    assert span is not None
    assert TEXT[span.start :].startswith("h1 = tanh")


class Client:
    """The other side of the protocol: headers, JSON, nothing else."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.to: IO[bytes] = process.stdin
        self.back: IO[bytes] = process.stdout
        self.number = 0
        self.notes: list[dict[str, Any]] = []

    def send(self, method: str, params: Any, **more: int) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.to.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.to.flush()

    def read(self) -> dict[str, Any]:
        length = 0
        while line := self.back.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message: dict[str, Any] = json.loads(self.back.read(length))
        return message

    def ask(self, method: str, params: Any) -> Any:
        self.number += 1
        self.send(method, params, id=self.number)
        while (message := self.read()).get("id") != self.number:
            self.notes.append(message)
        assert "error" not in message, message
        return message["result"]

    def diagnostics(self) -> list[dict[str, Any]]:
        while True:
            message = self.notes.pop(0) if self.notes else self.read()
            if message.get("method") == "textDocument/publishDiagnostics":
                found: list[dict[str, Any]] = message["params"]["diagnostics"]
                return found


@pytest.fixture
def client() -> Iterator[Client]:
    command = [sys.executable, "-m", "drmadc", "lsp"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    there = Client(process)
    there.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    there.send("initialized", {})
    yield there
    there.ask("shutdown", None)
    there.send("exit", None)
    assert process.wait(20) == 0
    there.to.close()
    there.back.close()


URI = "file:///somewhere/mnist_l2.drm"


def test_the_editor_knows_clip() -> None:
    text = TEXT.replace("heavy_ball(rate", "clip(norm: 1, heavy_ball(rate").replace("0.95)", "0.95))")
    compilation = compile_source(SourceFile("c.drm", text))
    assert compilation.ok
    found = hover(compilation, text.index("clip(") + 1)
    assert found is not None
    assert "clip(norm: 1, adam(rate: 0.1))" in found[1]
    assert "clip" in {c.word for c in complete(compilation, text.index("clip(") + 2)}


def position(text: str, part: str, ahead: int = 1) -> dict[str, Any]:
    before = text[: text.index(part) + ahead]
    line = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2].encode("utf-16-le")) // 2}
    return {"textDocument": {"uri": URI}, "position": line}


def test_the_server_over_its_protocol(client: Client) -> None:
    document = {
        "uri": URI,
        "languageId": "drm",
        "version": 1,
        "text": TEXT.replace("rate: 0.05", "rate: 0.05, beta: 3"),
    }
    client.send("textDocument/didOpen", {"textDocument": document})
    (wrong,) = client.diagnostics()
    assert wrong["severity"] == 1
    assert "beta" in wrong["message"]
    assert wrong["range"]["start"]["line"] == TEXT[: TEXT.index("rate: 0.05")].count("\n")
    text = TEXT.replace("# One", "# \U0001d6fc One").replace("  batch  = 50", "  batch = 50")
    change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": text}]}
    client.send("textDocument/didChange", change)
    assert client.diagnostics() == []
    found = client.ask("textDocument/hover", position(text, "l2 * mlp"))
    assert "934 hyperparameters" in found["contents"]["value"]
    items = client.ask("textDocument/completion", position(text, "drmad(knots", 3))["items"]
    assert {"drmad", "exact"} <= {item["label"] for item in items}
    place = client.ask("textDocument/definition", position(text, "l2 * mlp"))
    assert place["range"]["start"]["line"] == text[: text.index("hyper l2")].count("\n")
    (edit,) = client.ask(
        "textDocument/formatting",
        {"textDocument": {"uri": URI}, "options": {"tabSize": 2, "insertSpaces": True}},
    )
    assert edit["newText"] == text.replace("  batch = 50", "  batch  = 50")
    client.send("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.diagnostics() == []


def test_an_import_over_the_protocol(client: Client, tmp_path: Path) -> None:
    base = tmp_path / "base.drm"
    base.write_text(TEXT)
    text = '# Short.\nimport "base.drm"\n\ntrain {\n  steps = 100\n  loss = 3 * l2\n}\n'
    uri = (tmp_path / "short.drm").as_uri()

    def ask(method: str, part: str) -> Any:
        return client.ask(f"textDocument/{method}", position(text, part) | {"textDocument": {"uri": uri}})

    document = {"uri": uri, "languageId": "drm", "version": 1, "text": text.replace("3 * l2", "sum(l2 * mlp.weights)")}
    client.send("textDocument/didOpen", {"textDocument": document})
    assert client.diagnostics() == []
    base.write_text(TEXT.replace("momentum: 0.95", "beta: 0.95"))
    change = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": text}]}
    client.send("textDocument/didChange", change)
    found = client.diagnostics()
    (there,) = [item for item in found if "beta" in item["message"]]
    assert there["message"].startswith("base.drm:")
    assert there["range"]["start"] == {"line": 1, "character": 0}
    assert any(item["range"]["start"]["line"] == 5 for item in found)
    assert ask("definition", "l2")["uri"] == base.as_uri()


GRAMMAR = json.loads((ROOT / "grammar" / "drm.tmLanguage.json").read_text(encoding="utf-8"))
PATTERNS = {name: re.compile(rule["match"], re.MULTILINE) for name, rule in GRAMMAR["repository"].items()}


def test_the_grammar_knows_every_word_of_the_language() -> None:
    for word in KEYWORDS:
        named = {"train": " {", "tune": " {", "sweep": " {", "retrain": " {", "report": " {", "import": ' "base.drm"'}
        assert PATTERNS["declaration"].match(f"{word}{named.get(word, ' name {')}"), word
    for lines in SETTINGS.values():
        for word in lines:
            assert PATTERNS["setting"].search(f"  {word} = 1"), word
    for word in (*DOMAINS, *AXES):
        assert PATTERNS["type"].search(f"[{word}]"), word


@pytest.mark.parametrize("path", sorted((CASES / "ok").glob("*.drm")), ids=lambda path: path.stem)
def test_the_grammar_marks_declarations_and_comments(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    marked = [match[1] or match[3] or match[4] or match[8] for match in PATTERNS["declaration"].finditer(text)]
    spec = parse(SourceFile("p", text), Bag())
    kinds = [type(decl).__name__.removesuffix("Decl").lower() for decl in (*spec.imports, *spec.decls)]
    assert marked == kinds
    assert {rule["include"] for rule in GRAMMAR["patterns"]} == {f"#{name}" for name in GRAMMAR["repository"]}
