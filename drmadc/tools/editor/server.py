"""The language server: what an editor asks over the Language Server Protocol, answered by the compiler. Needs pygls."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlparse

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

from drmadc.common.diagnostics.model import Bag, Diagnostic
from drmadc.common.source import COMMAND_LINE, SourceFile, Span
from drmadc.compiler.driver import Compilation, compile_source
from drmadc.syntax import ast
from drmadc.syntax.format import format_spec
from drmadc.syntax.parse import parse
from drmadc.tools.editor.complete import Kind, complete
from drmadc.tools.editor.lookup import definition, hover

KINDS: dict[Kind, lsp.CompletionItemKind] = {
    "keyword": lsp.CompletionItemKind.Keyword,
    "setting": lsp.CompletionItemKind.Property,
    "function": lsp.CompletionItemKind.Function,
    "hyperparameter": lsp.CompletionItemKind.Variable,
    "value": lsp.CompletionItemKind.Value,
    "type": lsp.CompletionItemKind.TypeParameter,
    "group": lsp.CompletionItemKind.Field,
    "rule": lsp.CompletionItemKind.Method,
}

server = LanguageServer("drmadc", version("drmadc"), text_document_sync_kind=lsp.TextDocumentSyncKind.Full)


def compiled(uri: str) -> Compilation:
    """A document as it stands in the editor, compiled; paths in it are relative to the folder of the server."""
    document = server.workspace.get_text_document(uri)
    return compile_source(SourceFile(_path(uri), document.source))


def _path(uri: str) -> str:
    return Path(unquote(urlparse(uri).path)).as_posix()


def _range(span: Span) -> lsp.Range:
    return lsp.Range(_position(span, span.start), _position(span, max(span.end, span.start + 1)))


def _position(span: Span, offset: int) -> lsp.Position:
    line, column = span.file.position(min(offset, len(span.file.text)))
    text = span.file.line(line)[: column - 1]
    return lsp.Position(line - 1, len(text.encode("utf-16-le")) // 2)


def _offset(text: str, position: lsp.Position) -> int:
    """The offset of a position, whose columns count units of UTF-16."""
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: position.line])
    line = lines[position.line] if position.line < len(lines) else ""
    return start + len(line.encode("utf-16-le")[: 2 * position.character].decode("utf-16-le", "ignore"))


def _uri(span: Span, uri: str) -> str:
    """The document of a place: the one that is open, or one that it imports."""
    return uri if span.file.name == _path(uri) else Path(span.file.name).absolute().as_uri()


def _shown(item: Diagnostic, uri: str, imports: Sequence[ast.Import]) -> lsp.Diagnostic:
    """A mistake as the editor shows it: one in an imported file at the import."""
    elsewhere = item.span.file.name != _path(uri) and bool(imports)
    parts = [
        f"{item.span.origin}: {item.message()}" if elsewhere else item.message(),
        *(f"{word}: {text}" for word, text in (("note", item.note()), ("help", item.help())) if text),
    ]
    return lsp.Diagnostic(
        _range(imports[0].span if elsewhere else item.span),
        "\n".join(parts),
        lsp.DiagnosticSeverity.Error if item.severity == "error" else lsp.DiagnosticSeverity.Warning,
        code=item.code,
        source="drmadc",
        related_information=[
            lsp.DiagnosticRelatedInformation(lsp.Location(_uri(span, uri), _range(span)), label)
            for span, label in item.others()
            if span.file.name != COMMAND_LINE
        ],
    )


def _publish(uri: str) -> None:
    compilation = compiled(uri)
    imports = parse(compilation.source, Bag()).imports
    shown = [_shown(item, uri, imports) for item in compilation.diagnostics]
    server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, shown))


@server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
def opened(params: lsp.DidOpenTextDocumentParams) -> None:
    """Diagnostics of a document that was opened."""
    _publish(params.text_document.uri)


@server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
def changed(params: lsp.DidChangeTextDocumentParams) -> None:
    """Diagnostics as you type."""
    _publish(params.text_document.uri)


@server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
def closed(params: lsp.DidCloseTextDocumentParams) -> None:
    """No diagnostics any more."""
    server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(params.text_document.uri, []))


@server.feature(lsp.TEXT_DOCUMENT_HOVER)
def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
    """Type, shape, axes and domain of what is under the cursor."""
    compilation = compiled(params.text_document.uri)
    text = compilation.source.text
    found = hover(compilation, _offset(text, params.position))
    if found is None:
        return None
    word, about = found
    at = _range(Span(compilation.source, word.start, word.end))
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, about), at)


@server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[".", "=", "["]))
def completed(params: lsp.CompletionParams) -> lsp.CompletionList:
    """Settings, layers, axes, strategies, rules, names and functions, by place."""
    compilation = compiled(params.text_document.uri)
    found = complete(compilation, _offset(compilation.source.text, params.position))
    items = [lsp.CompletionItem(c.word, kind=KINDS[c.kind], detail=c.about or None) for c in found]
    return lsp.CompletionList(False, items)


@server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
def defined(params: lsp.DefinitionParams) -> lsp.Location | None:
    """Where a name is declared."""
    uri = params.text_document.uri
    compilation = compiled(uri)
    span = definition(compilation, _offset(compilation.source.text, params.position))
    return None if span is None else lsp.Location(_uri(span, uri), _range(span))


@server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
def formatted(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
    """The canonical layout; nothing where the text cannot be read."""
    document = server.workspace.get_text_document(params.text_document.uri)
    bag = Bag()
    source = SourceFile(_path(params.text_document.uri), document.source)
    tree = parse(source, bag)
    if bag.failed:
        return []
    whole = Span(source, 0, len(source.text))
    return [lsp.TextEdit(_range(whole), format_spec(tree))]


def main() -> None:
    """Serve over standard input and output."""
    server.start_io()
