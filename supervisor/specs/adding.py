"""Children and groups that are added to a running tree: checked like those of the settings file."""

import msgspec

from supervisor.specs.problems import SettingsProblems
from supervisor.specs.reading import check_entries, check_shape, read_groups_and_children
from supervisor.specs.rules import check_rules
from supervisor.specs.settings import Settings, with_shared
from supervisor.specs.spec import ROOT, ChildSpec, GroupSpec, TreeSpec
from supervisor.specs.toml_text import parse_toml


def add_to(running: Settings, text: str, *, group: str = ROOT) -> Settings:
    """Return the settings of a tree with the children and groups of a TOML text added.

    Args:
        running: the tree as it is.
        text: `[[child]]` and `[[group]]` tables.
        group: where those belong that do not say it themselves.

    Raises:
        SettingsProblems: something in the text cannot be used, or does not fit the tree.
    """
    tables = parse_toml(text)
    problems = check_shape(tables) + [
        f"{name}: only [[child]] and [[group]] can be added; change the settings file and reload for others"
        for name in tables
        if name not in {"child", "group"}
    ]
    if problems:
        raise SettingsProblems(problems)
    for table in (*tables["child"], *tables.get("group", [])):
        table.setdefault("group", group)
    taken = {child.name for child in running.children} | {known.name for known in running.groups}
    names = [table.get("name") for table in (*tables["child"], *tables.get("group", []))]
    problems = [
        f"name: there is a child or group named {name!r} already"
        for name in names
        if isinstance(name, str) and name in taken
    ]
    problems += read_groups_and_children(tables)
    answer = check_entries(tables["child"], running.shared, is_whole_tree=False)
    if problems or answer.problems:
        raise SettingsProblems([*problems, *answer.problems])
    groups = tuple(msgspec.convert(table, GroupSpec) for table in tables.get("group", []))
    children = tuple(
        with_shared(msgspec.convert(table, ChildSpec), running.shared, answer.takes) for table in tables["child"]
    )
    whole = TreeSpec(flags=running.flags, children=running.children + children, groups=running.groups + groups)
    # What the tree has broken already, as a group whose last member was removed, is no business of what is added.
    before = set(check_rules(running.flags, running.children, running.groups))
    rules = check_rules(whole.flags, whole.children, whole.groups)
    broken = [f"{kind} {name}.{problem}" for kind, name, problem in rules if (kind, name, problem) not in before]
    if broken:
        raise SettingsProblems(broken)
    return msgspec.structs.replace(
        running,
        tree=whole,
        added=running.added | {str(name) for name in names},
        takes=running.takes | {name: tuple(tables) for name, tables in answer.takes.items()},
    )
