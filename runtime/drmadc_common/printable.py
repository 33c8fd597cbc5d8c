"""Foreign text, such as the name of a file, in a line of its own."""


def printable(text: str) -> str:
    """The text with what is not printable as an escape: line breaks, control characters, lone surrogates."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
