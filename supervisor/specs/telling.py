"""Where what is wrong with settings is to be changed: in a line of the file, or in what was added to the tree."""

from collections.abc import Collection
from pathlib import Path

from supervisor.specs.places import Places
from supervisor.specs.reading import place
from supervisor.specs.toml_text import Tables


def tell_added(line: str, added: Collection[str]) -> str:
    """Say of a problem of a child or group that no file has how it came there, and how to be rid of it."""
    first = line.partition(":")[0].removeprefix("child ").removeprefix("group ").partition(".")[0]
    return f"{line}; {first} was added while the tree ran: `upbitd remove {first}`" if first in added else line


def with_place(line: str, file: Path, places: Places, tables: Tables) -> str:
    """Put file and line before a problem that is about something in the file."""
    if line.startswith(f"{file}:"):
        return line
    path = path_of(line, tables)
    number = places.line_of(*path)
    if number is not None:
        return f"{file}:{number}: {line}"
    # Without any child there is no line to point at, but only a file can have children.
    return f"{file}: {line}" if path == ("child",) else line


def path_of(line: str, tables: Tables) -> tuple[str | int, ...]:
    """Return where in the file a problem is, read off the path that it begins with."""
    subject = line.partition(":")[0]
    for kind in ("child", "group"):
        found = tables.get(kind, [])
        for index, table in enumerate(found if isinstance(found, list) else []):
            name = table.get("name") if isinstance(table, dict) else None
            for prefix in (f"{kind} {name}", str(name)):
                if subject == prefix or subject.startswith(f"{prefix}."):
                    keys = [key for key in subject[len(prefix) :].split(".") if key]
                    inner = keys if keys[:1] and keys[0] in table else ["settings", *keys]
                    return (kind, index, *inner)
            if line.startswith(place(index + 1, kind)):
                return kind, index
    return tuple(subject.split("."))
