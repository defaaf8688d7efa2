import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.specs.places import Places

Path = tuple[str | int, ...]

TREE = """\
# A comment first.
title = "outermost"

[supervisor]
strategy = "one_for_all"   # = [
  intensity = 3

[[child]]
name = "first"
settings = { code = 4, text = "[x]" }

[[child]]  # the second one
name = "second"

[child.settings]
code = 5
limits.most = 6

[child.settings.deeper]
way = "down"

[[child]]
name = "third"
[[child.routes]]
to = "a"
[[child.routes]]
to = "b"

[exchange]
url = "ws://x"
"key with spaces" = 1
'single' = 2
"dotted.name".inner = 3
spaced . out = 4
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("supervisor",), 4),
        (("supervisor", "strategy"), 5),
        (("supervisor", "intensity"), 6),
        (("child", 0), 8),
        (("child", 0, "name"), 9),
        (("child", 0, "settings"), 10),
        (("child", 1), 12),
        (("child", 1, "name"), 13),
        (("child", 1, "settings"), 15),
        (("child", 1, "settings", "code"), 16),
        (("child", 1, "settings", "limits", "most"), 17),
        (("child", 1, "settings", "deeper"), 19),
        (("child", 1, "settings", "deeper", "way"), 20),
        (("child", 2), 22),
        (("child", 2, "routes", 0), 24),
        (("child", 2, "routes", 1, "to"), 27),
        (("exchange", "url"), 30),
        (("exchange", "key with spaces"), 31),
        (("exchange", "single"), 32),
        (("exchange", "dotted.name", "inner"), 33),
        (("exchange", "spaced", "out"), 34),
    ],
)
def test_each_table_and_key_is_found_on_its_line(path: Path, line: int) -> None:
    assert Places(TREE).line_of(*path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("child", 0, "settings", "code"), 10),
        (("child", 0, "restart"), 8),
        (("child", 1, "settings", "colour"), 15),
        (("exchange", "url", "port"), 30),
        (("child", 2, "routes", 1, "via"), 26),
    ],
)
def test_what_has_no_line_of_its_own_stands_where_the_innermost_part_around_it_does(path: Path, line: int) -> None:
    assert Places(TREE).line_of(*path) == line


@pytest.mark.parametrize("path", [(), ("nothing",), ("group", 0, "name"), ("child", 7), ("code",)])
def test_a_path_of_which_the_file_has_nothing_has_no_line(path: Path) -> None:
    assert Places(TREE).line_of(*path) is None


def test_an_empty_text_has_no_lines() -> None:
    assert Places("").line_of("supervisor") is None


@pytest.mark.parametrize(
    "value",
    [
        '"""\n[fake]\nreal = 1\n"""',
        "'''\n[[fake]]\nreal = 1\n'''",
        '"""on one line [ {"""',
        '"""a quote \\" and one " more\n[fake]\n"""',
        "'''it ends with \"\"\" inside\n[fake]\n'''",
        '[\n  "a", # ]\n  ["b"],\n]',
        '[\n  """\n]\n[fake]\n""",\n]',
        "[{ x = 1 },\n { x = 2 }]",
        '{ x = [1, 2], y = "}" }',
        '"# no comment [ "',
        "'back\\slash'",
        '"a \\" quote ["',
        '"""ends with a quote [""""',
        "'''ends with a quote [''''",
        '""',
        '""""""',
        "1 # [ comment {",
        '1 # it\'s a "comment"',
    ],
)
def test_text_within_a_value_or_comment_is_no_table_and_hides_none(value: str) -> None:
    text = f"[first]\nkey = {value}\n[real]\nreal = 2\n"
    assert set(tomllib.loads(text)) == {"first", "real"}
    places = Places(text)
    after = 2 + len(value.splitlines())
    assert places.line_of("first", "key") == 2
    assert places.line_of("real") == after
    assert places.line_of("real", "real") == after + 1
    assert places.line_of("fake") is None


def test_a_line_that_is_a_comment_holds_neither_table_nor_key() -> None:
    places = Places("# [table]\n#key = 1\n  # other = 2\n[table]\nkey = 3\n")
    assert places.line_of("table") == 4
    assert places.line_of("table", "key") == 5
    assert places.line_of("other") is None


def test_spaces_and_quotes_in_a_header_do_not_matter() -> None:
    places = Places('  [ spaced ]\nkey = 1\n["quoted.name"]\n[ a . b ] # c\nkey = 2\n')
    assert places.line_of("spaced", "key") == 2
    assert places.line_of("quoted.name") == 3
    assert places.line_of("a", "b", "key") == 5


def test_windows_line_ends_count_once() -> None:
    assert Places("[a]\r\nkey = 1\r\n[b]\r\nkey = 2\r\n").line_of("b", "key") == 4


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        pytest.param("# a\u2028b\nkey = 1\n", ("key",), 2, id="line separator in a comment"),
        pytest.param('x = "a\x85b"\nkey = 1\n', ("key",), 2, id="next line character in a string"),
        pytest.param('x = """\n\\"""\n[fake]\n"""\n[real]\n', ("real",), 5, id="escaped quotes of three"),
        pytest.param('["a[b]"]\nkey = 1\n', ("a[b]", "key"), 2, id="brackets in the name of a table"),
        pytest.param('a . "b.c" = 1\n', ("a", "b.c"), 1, id="spaces before a quoted name"),
        pytest.param('"a\\"b" = 1\n', ('a"b',), 1, id="an escaped quote in a name"),
    ],
)
def test_odd_but_valid_toml_is_found_too(text: str, path: Path, line: int) -> None:
    assert tomllib.loads(text)
    assert Places(text).line_of(*path) == line


VALUES = st.sampled_from(
    [
        "1",
        '"[x]" # [y]',
        "'# ['",
        '"""\n[fake]\nkey = 1\n"""',
        "'''\n[[child]]\n'''",
        "[\n  1, # ]\n  [2],\n]",
        '{ a = [1], b = "}" }',
        "2026-09-23",
    ]
)
BETWEEN = st.sampled_from(["", "\n", "# [comment]\n", "   # key = 1\n\n"])
SPELLINGS = st.sampled_from(["key_{}", '"key {}"', "'key.{}'", "way.key_{}", 'way."key {}"'])
TABLES = st.lists(
    st.tuples(st.booleans(), BETWEEN, st.lists(st.tuples(SPELLINGS, VALUES, BETWEEN), max_size=4)), max_size=6
)


def _names(spelling: str) -> list[str]:
    """Read a key as TOML does."""
    names: list[str] = []
    table: object = tomllib.loads(f"{spelling} = 0")
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return names


@given(TABLES)
def test_every_key_of_any_file_is_found_where_it_was_written(
    tables: list[tuple[bool, str, list[tuple[str, str, str]]]],
) -> None:
    text, expected, children = "", dict[Path, int](), 0
    for number, (is_child, between, keys) in enumerate(tables):
        table: Path = ("child", children) if is_child else (f"table_{number}",)
        children += is_child
        expected[table] = text.count("\n") + 1
        text += ("[[child]]\n" if is_child else f"[table_{number}]\n") + between
        for position, (spelling, value, between_keys) in enumerate(keys):
            key = spelling.format(position)
            expected[(*table, *_names(key))] = text.count("\n") + 1
            text += f"{key} = {value}\n{between_keys}"
    tomllib.loads(text)
    places = Places(text)
    assert {path: places.line_of(*path) for path in expected} == expected
