"""What a learner's source says where the exchange cannot see it: clients, callbacks, tidying up. Nothing is run."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from protocols.errors import SettingsError

CLIENT: Final = "WebSocketClient"

MAX_SOURCE_BYTES: Final = 1_000_000

_SUBSCRIBES: Final = {
    "subscribe_ticker": "ticker",
    "subscribe_orderbook": "orderbook",
    "subscribe_trade": "trade",
    "subscribe_candle": "candle",
    "subscribe_my_order": "myOrder",
    "subscribe_my_asset": "myAsset",
}
_PRIVATE: Final = frozenset({"myOrder", "myAsset"})
_QUEUES: Final = frozenset({"Queue", "LifoQueue", "PriorityQueue", "open_memory_channel", "deque"})
_TIDYING: Final = ("cleanup", "close", "stop", "shutdown")


class SubscribeCall(Struct, frozen=True):
    """One call of a subscribe method.

    Attributes:
        type: of the messages.
        symbols: the markets, where they stand in the source as a list of texts; None where they are made elsewhere.
        callback: the callback as it is written; empty for none.
        line: where it stands.
    """

    type: str
    symbols: tuple[str, ...] | None
    callback: str
    line: int


class QueueMade(Struct, frozen=True):
    """One queue: how it is written, where, and whether it has a limit."""

    text: str
    line: int
    is_bounded: bool


class SourceFacts(Struct, frozen=True):
    """What the source of one program says.

    Attributes:
        clients: names of the clients that are made, `""` for a name that is made elsewhere.
        subscriptions: the calls of subscribe methods, in order of lines.
        calls: names of everything that is called.
        cleans_up: whether `cleanup` is called, or a client is used by `async with`.
        is_guarded: whether that happens also after an error: in a `finally`, or by `async with`.
        handles_errors: whether there is a `try` with an `except` or a `finally`.
        queues: the queues that are made.
    """

    clients: tuple[str, ...] = ()
    subscriptions: tuple[SubscribeCall, ...] = ()
    calls: frozenset[str] = frozenset()
    cleans_up: bool = False
    is_guarded: bool = False
    handles_errors: bool = False
    queues: tuple[QueueMade, ...] = ()


def read_source(path: Path) -> str:
    """Read a program, and see that it is Python.

    Raises:
        SettingsError: there is no such file, it is a directory, or no Python; one line that says what to do.
    """
    if path.is_dir():
        raise SettingsError(f"{path} is a directory; name the file of your program")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SOURCE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {getattr(error, 'strerror', None) or error}; name your program") from None
    if len(content) > MAX_SOURCE_BYTES:
        raise SettingsError(f"{path}: more than {MAX_SOURCE_BYTES} bytes; name a program that you wrote")
    try:
        ast.parse(content, str(path))
        return content.decode("utf-8-sig")
    except SyntaxError as error:
        raise SettingsError(f"{path}, line {error.lineno or 1}: no Python: {error.msg}; correct it first") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SettingsError(f"{path}: no Python: {error}; name your program") from None


def facts_of(source: str) -> SourceFacts:
    """Find what the rules want to know.

    Args:
        source: a program, known to be Python.
    """
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    names = frozenset(_name_of(call.func) for call in calls)
    literals = _literal_lists(nodes)
    is_managed = "enter_async_context" in names or any(_is_managed(node, nodes) for node in nodes)
    subscriptions = sorted(_subscribe_calls(calls, literals), key=lambda call: call.line)
    return SourceFacts(
        clients=tuple(_client_name(call) for call in calls if _name_of(call.func) == CLIENT),
        subscriptions=tuple(subscriptions),
        calls=names,
        cleans_up=is_managed or any("cleanup" in name for name in names),
        is_guarded=is_managed or any(_tidies_finally(node) for node in nodes),
        handles_errors=is_managed or any(isinstance(node, ast.Try | ast.TryStar) for node in nodes),
        queues=tuple(_queue(call) for call in calls if _name_of(call.func) in _QUEUES),
    )


def _name_of(called: ast.expr) -> str:
    """The last part of a dotted name; empty for anything else."""
    if isinstance(called, ast.Attribute):
        return called.attr
    if isinstance(called, ast.Subscript):  # As in open_memory_channel[int](10).
        return _name_of(called.value)
    return called.id if isinstance(called, ast.Name) else ""


def _client_name(call: ast.Call) -> str:
    given = call.args[0] if call.args else next((word.value for word in call.keywords if word.arg == "name"), None)
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""


def _texts(node: ast.expr | None) -> tuple[str, ...] | None:
    """The texts of a list, tuple or set that holds nothing else."""
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return None
    texts = [item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return tuple(texts) if len(texts) == len(node.elts) else None


def _literal_lists(nodes: list[ast.AST]) -> dict[str, tuple[str, ...]]:
    """Names that are given a list of texts, and nothing else, in the whole program."""
    given: dict[str, tuple[str, ...]] = {}
    times: Counter[str] = Counter()
    for node in nodes:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                times[target.id] += 1
                texts = _texts(getattr(node, "value", None))
                if texts is not None:
                    given[target.id] = texts
    return {name: texts for name, texts in given.items() if times[name] == 1}


def _subscribe_calls(calls: list[ast.Call], literals: dict[str, tuple[str, ...]]) -> Iterator[SubscribeCall]:
    for call in calls:
        kind = _SUBSCRIBES.get(_name_of(call.func))
        if kind is None:
            continue
        words = {word.arg: word.value for word in call.keywords}
        given = list(call.args)
        symbols = None if kind in _PRIVATE else (given.pop(0) if given else words.get("symbols"))
        texts = literals.get(symbols.id) if isinstance(symbols, ast.Name) else _texts(symbols)
        callbacks = [words["callback"]] if "callback" in words else [arg for arg in given if _may_be_called(arg)]
        yield SubscribeCall(kind, texts, ast.unparse(callbacks[0]) if callbacks else "", call.lineno)


def _may_be_called(node: ast.expr) -> bool:
    """Whether an argument can be a callback: the unit of a candle, a text, may come before it."""
    return not isinstance(node, ast.Constant)


def _is_managed(node: ast.AST, nodes: list[ast.AST]) -> bool:
    """Whether this is `async with` of a client, made there or before."""
    if not isinstance(node, ast.AsyncWith):
        return False
    made = {
        target.id
        for other in nodes
        if isinstance(other, ast.Assign) and isinstance(other.value, ast.Call) and _name_of(other.value.func) == CLIENT
        for target in other.targets
        if isinstance(target, ast.Name)
    }
    managed = [item.context_expr for item in node.items]
    return any(
        (isinstance(what, ast.Call) and _name_of(what.func) == CLIENT)
        or (isinstance(what, ast.Name) and what.id in made)
        for what in managed
    )


def _tidies_finally(node: ast.AST) -> bool:
    """Whether a `finally` calls something whose name says that it tidies up."""
    if not isinstance(node, ast.Try | ast.TryStar):
        return False
    called = (
        _name_of(inner.func) for step in node.finalbody for inner in ast.walk(step) if isinstance(inner, ast.Call)
    )
    return any(word in name for name in called for word in _TIDYING)


def _queue(call: ast.Call) -> QueueMade:
    name = _name_of(call.func)
    word = {"deque": "maxlen", "open_memory_channel": "max_buffer_size"}.get(name, "maxsize")
    place = 1 if name == "deque" else 0
    limit = call.args[place] if len(call.args) > place else None
    limit = next((keyword.value for keyword in call.keywords if keyword.arg == word), limit)
    return QueueMade(ast.unparse(call), call.lineno, limit is not None and not _is_endless(limit))


def _is_endless(limit: ast.expr) -> bool:
    """Whether a limit is none: 0, None, or infinity."""
    return (isinstance(limit, ast.Constant) and not limit.value) or "inf" in ast.unparse(limit)
