"""What the code says of itself: signatures as they are written, and docstrings taken apart."""

import ast
import inspect
import re
import textwrap
from typing import Any, NamedTuple

WIDTH = 110

_SECTION = re.compile(r"^(Args|Attributes|Raises):$", re.MULTILINE)
_ENTRY = re.compile(r"^    (\S[^:]*): (.*)$")


class Docstring(NamedTuple):
    """A docstring's prose, and its sections: what each names, and what it says of that."""

    prose: str
    sections: dict[str, dict[str, str]]


def docstring_of(found: object) -> Docstring:
    """Take the docstring of a class or function apart."""
    prose, *rest = _SECTION.split(inspect.getdoc(found) or "")
    sections: dict[str, dict[str, str]] = {}
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        sections[name] = {}
        for line in text.strip("\n").splitlines():
            if entry := _ENTRY.match(line):
                key = entry[1]
                sections[name][key] = entry[2]
            elif line.startswith("        "):
                sections[name][key] += " " + line.strip()
            elif line:  # Prose goes on behind a section.
                prose += line + "\n"
    return Docstring(prose.strip(), sections)


def first_paragraph(found: object) -> str:
    """The beginning of a docstring, in one line."""
    return " ".join(docstring_of(found).prose.partition("\n\n")[0].split())


def signature_of(name: str, function: Any, *, returns: bool = True) -> str:
    """The signature as it stands in the code, without `self`; in several lines where one would be too long."""
    node = _node_of(function)
    arguments = _arguments(node.args, function.__globals__)
    before = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    behind = f" -> {_annotation(node.returns)}" if returns and node.returns else ""
    line = f"{before}{name}({', '.join(arguments)}){behind}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{before}{name}(", *(f"    {argument}," for argument in arguments), f"){behind}"])


def annotation_of(owner: type[Any], name: str) -> str:
    """How the type of a field or property is written in the class that defines it."""
    ours = [kind for kind in owner.__mro__ if kind.__module__.startswith(("actors", "protocols"))]
    for kind in ours:
        for node in _class_node(kind).body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                return _annotation(node.annotation)
            if isinstance(node, ast.FunctionDef) and node.name == name and node.returns:
                return _annotation(node.returns)
    raise AssertionError(f"{owner.__name__}.{name} has no type")


def _annotation(node: ast.expr) -> str:
    return ast.unparse(node).replace("'", "")


def _arguments(found: ast.arguments, names: dict[str, Any]) -> list[str]:
    missing = len(found.args) - len(found.defaults)
    defaults = [None] * missing + found.defaults
    both = [*zip(found.args, defaults, strict=True), *zip(found.kwonlyargs, found.kw_defaults, strict=True)]
    written = [_argument(argument, default, names) for argument, default in both]
    if found.kwonlyargs:
        written.insert(len(found.args), "*")
    return [text for text in written if text != "self"]


def _argument(found: ast.arg, default: ast.expr | None, names: dict[str, Any]) -> str:
    text = found.arg + (f": {_annotation(found.annotation)}" if found.annotation else "")
    return text if default is None else f"{text} = {_default(default, names)}"


def _default(default: ast.expr, names: dict[str, Any]) -> str:
    """A named number as the number; a private function as `...`: the text says what it is."""
    if isinstance(default, ast.Name) and default.id.isupper():
        return repr(names[default.id])
    return "..." if isinstance(default, ast.Name) and default.id.startswith("_") else ast.unparse(default)


def _node_of(function: Any) -> ast.FunctionDef | ast.AsyncFunctionDef:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return node


def _class_node(kind: type[Any]) -> ast.ClassDef:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(node, ast.ClassDef)
    return node
