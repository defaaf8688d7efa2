"""What a change of the settings means for a running tree: a plan that is shown, and carried out as it stands."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from actors.runtime.settings.hiding import hidden
from protocols.secrecy import MASK, is_secret
from supervisor.specs.layout import Layout
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.settings import Settings
from supervisor.specs.spec import ADJUSTABLE, ROOT, ChildSpec, GroupSpec, SupervisorFlags

NEXT_START: Final = frozenset(
    {"start_method", "spares", "preload", "crash_reports", "log_level", "heartbeat_s", "dead_man_s"}
)
"""Flags that take effect when processes are started next: the supervisor's own, or the children's."""

LONGEST_VALUE: Final = 60

Kind = Literal["add", "remove", "restart", "adjust", "keep"]
Spec = ChildSpec | GroupSpec

_SIGNS: Final[dict[Kind, str]] = {"add": "+", "remove": "-", "restart": "~", "adjust": "~", "keep": "="}


class Change(Struct, frozen=True):
    """What happens to one child or group, or to the flags of the tree (`supervisor`).

    Attributes:
        what: each difference, as `key: old -> new`; values of keys that say that they are secrets are `***`.
    """

    kind: Kind
    name: str
    what: tuple[str, ...] = ()

    def __str__(self) -> str:
        how = {"restart": " (restart)", "adjust": " (no restart)"}.get(self.kind, "")
        return f"{_SIGNS[self.kind]} {self.name}{how}" + (f": {'; '.join(self.what)}" if self.what else "")


class Plan(Struct, frozen=True):
    """All that happens, in the order in which it is carried out."""

    changes: tuple[Change, ...]

    def names(self, *kinds: Kind) -> list[str]:
        """Return the names that are changed in one of these ways."""
        return [change.name for change in self.changes if change.kind in kinds]

    def __str__(self) -> str:
        lines = [str(change) for change in self.changes if change.kind != "keep"]
        kept = len(self.names("keep"))
        return "\n".join([*lines, f"= {kept} unchanged"])


def make_plan(old: Settings, new: Settings) -> Plan:
    """Compare two settings of one tree.

    Raises:
        SettingsProblems: a name is a child's in the one and a group's in the other.
    """
    before, after = _specs(old), _specs(new)
    changed_kind = [name for name in after if name in before and type(before[name]) is not type(after[name])]
    if changed_kind:
        raise SettingsProblems(
            f"{name}: a child and a group cannot become one another; choose another name" for name in changed_kind
        )
    removed = [name for name in before if name not in after]
    changes = [Change("remove", name) for name in removed if before[name].group not in removed]
    changes += _flags_changes(old.flags, new.flags)
    # In start order: each waits for those before it, as it does at a start of the tree.
    layout = Layout(new.children, new.groups)
    changes += [Change("add", name) for name in layout.descendants() if name not in before]
    changes += [_change(name, before[name], after[name], old, new) for name in after if name in before]
    hosts = frozenset(_around(layout, after.keys() & before.keys()))
    return Plan(tuple(sorted(changes, key=lambda change: _step(change, hosts))))


def _step(change: Change, hosts: frozenset[str]) -> int:
    """Return when a change is carried out.

    New groups are there before members move into them, and old ones after. A new group that nobody moves into comes
    with its members: before them, it would be ready and let them start before its own turn.
    """
    if change.kind == "add":
        return 0 if change.name in hosts else 3
    return {"adjust": 1, "restart": 1, "remove": 2, "keep": 4}[change.kind]


def _around(layout: Layout, names: Iterable[str]) -> Iterator[str]:
    """Yield the groups around members."""
    for name in names:
        group = layout.group_of[name]
        while group != ROOT:
            yield group
            group = layout.group_of[group]


def _specs(settings: Settings) -> dict[str, Spec]:
    """Return groups before children and outer groups before inner ones.

    So each is there before its members, and none that moves ever holds itself: what is around its new place is as it
    will be already.
    """
    above = {group.name: group.group for group in settings.groups}

    def depth(group: GroupSpec) -> int:
        name, steps = group.name, 0
        while name in above:
            name, steps = above[name], steps + 1
        return steps

    specs: tuple[Spec, ...] = (*sorted(settings.groups, key=depth), *settings.children)
    return {spec.name: spec for spec in specs}


def _flags_changes(old: SupervisorFlags, new: SupervisorFlags) -> Iterator[Change]:
    differences = list(_differences(msgspec.structs.asdict(old), msgspec.structs.asdict(new)))
    if differences:
        notes = [f"{text} (from the next start on)" if key in NEXT_START else text for key, text in differences]
        yield Change("adjust", "supervisor", tuple(notes))


def _change(name: str, old: Spec, new: Spec, old_settings: Settings, new_settings: Settings) -> Change:
    differences = list(_differences(msgspec.structs.asdict(old), msgspec.structs.asdict(new)))
    needs_restart = isinstance(new, ChildSpec) and any(key not in ADJUSTABLE for key, _text in differences)
    what = [text for _key, text in differences]
    if _secrets_differ(old, new, old_settings, new_settings):
        what.append("its secrets are others")
        needs_restart = True
    if not what:
        return Change("keep", name)
    return Change("restart" if needs_restart else "adjust", name, tuple(what))


def _secrets_differ(old: Spec, new: Spec, before: Settings, after: Settings) -> bool:
    if not isinstance(old, ChildSpec) or not isinstance(new, ChildSpec):
        return False
    return before.secrets_of(old) != after.secrets_of(new)


def _differences(old: dict[str, Any], new: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the outermost key of each difference, and the difference for people."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if _is_same(before, after):
            continue
        if isinstance(before, dict) and isinstance(after, dict) and not is_secret(key):
            for _inner, text in _differences(before, after, f"{path}{key}."):
                yield key, text
        else:
            yield key, f"{path}{key}: {_shown(key, before)} -> {_shown(key, after)}"


def _is_same(one: object, other: object) -> bool:
    """Compare values of TOML: in Python, `1` equals `true`, and `nan` is not even itself."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _shown(key: str, value: object) -> str:
    """Spell a value for people; plans go to the log and onto screens, so a secret is hidden already here."""
    if value is None:
        return "not set"
    text = MASK if is_secret(key) else msgspec.json.encode(hidden(value)).decode()
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
