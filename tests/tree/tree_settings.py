"""Settings of small trees with groups, in few words."""

from tests.tree.running_tree import RunningTree

SAMPLES = "tests.tree.sample_actors"


def flags(**values: object) -> str:
    return "[supervisor]\n" + _keys(values)


def group(name: str, **values: object) -> str:
    return "\n[[group]]\n" + _keys({"name": name, **values})


def child(name: str, entry: str = "idle", **values: object) -> str:
    own = {key: values.pop(key) for key in list(values) if key in {"code", "after_s", "text", "file", "limit"}}
    text = "\n[[child]]\n" + _keys({"name": name, "start": f"{SAMPLES}:{entry}", **values})
    return text + ("[child.settings]\n" + _keys(own) if own else "")


def _keys(values: dict[str, object]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def pids(tree: RunningTree) -> dict[str, int]:
    """The process of each child as it is now."""
    return {name: child["pid"] for name, child in tree.status().items()}


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    """Children whose process is another one."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def history(tree: RunningTree, *events: str) -> list[tuple[str, str]]:
    """What happened so far of these kinds, in order."""
    return [(event["event"], event["child"]) for event in tree.events if event["event"] in events]
