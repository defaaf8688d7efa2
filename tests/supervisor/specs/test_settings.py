import os
import re
from pathlib import Path

import pytest

from supervisor.specs.overrides import parse_value, take_environment
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.settings import Settings, load_settings, settings_from

IDLE = "tests.tree.sample_actors:idle"
CONFIGURED = "tests.tree.sample_actors:configured"
SHARED = "tests.tree.sample_actors:with_shared_table"

TREE = f"""
[supervisor]
intensity = 3
[exchange]
url = "ws://127.0.0.1:1"
[[child]]
name = "first"
start = "{SHARED}"
[[child]]
name = "second"
start = "{CONFIGURED}"
settings = {{ code = 4 }}
"""


def load(
    tmp_path: Path, text: str, variables: dict[str, str] | None = None, overrides: tuple[str, ...] = ()
) -> Settings:
    file = tmp_path / "upbitd.toml"
    file.write_text(text)
    return load_settings(file, variables=variables or {}, overrides=overrides)


def problems(tmp_path: Path, text: str, **given: object) -> tuple[str, ...]:
    """What is wrong, without where in the file it is."""
    with pytest.raises(SettingsProblems) as caught:
        load(tmp_path, text, **given)  # type: ignore[arg-type]  # passed through
    file = re.escape(str(tmp_path / "upbitd.toml"))
    return tuple(re.sub(rf"^{file}:\d+: ", "", line) for line in caught.value.lines)


def test_flags_children_and_shared_tables_are_read(tmp_path: Path) -> None:
    settings = load(tmp_path, TREE)
    assert settings.flags.intensity == 3
    assert [child.name for child in settings.children] == ["first", "second"]
    assert settings.children[0].settings == {"exchange": {"url": "ws://127.0.0.1:1"}}
    assert settings.children[1].settings == {"code": 4}


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    variables = {"UPBITD_SECOND__CODE": "5", "UPBITD_SUPERVISOR__INTENSITY": "7", "UPBITD_EXCHANGE__URL": "ws://x"}
    settings = load(tmp_path, TREE, variables, ("second.code=6", "first.restart=temporary"))
    assert settings.flags.intensity == 7
    assert settings.children[0].settings["exchange"] == {"url": "ws://x"}
    assert settings.children[0].restart == "temporary"
    assert settings.children[1].settings == {"code": 6}


def test_all_problems_are_found_at_once(tmp_path: Path) -> None:
    text = f"""
    [supervisor]
    intensitty = 3
    period_s = "long"
    [[child]]
    name = "Bad Name"
    start = "{IDLE}"
    [[child]]
    name = "twice"
    start = "{IDLE}"
    restart = "sometimes"
    [[child]]
    name = "twice"
    secrets = ["HOME"]
    """
    lines = problems(tmp_path, text)
    for expected in (
        "supervisor.intensitty: unknown setting; did you mean 'intensity'?",
        "supervisor.period_s: Expected float, got str",
        "child Bad Name.name: Expected str matching regex",
        "child twice.restart: Invalid enum value 'sometimes'",
        "child twice.name: used twice",
        "child twice.start: missing",
        "child twice.secrets: 'HOME' does not begin with UPBITD_",
    ):
        assert any(line.startswith(expected) for line in lines), (expected, lines)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("no_such_module:run", "no module named 'no_such_module'"),
        ("tests.tree.sample_actors:nothing", "module tests.tree.sample_actors has no 'nothing'"),
        ("tests.tree.sample_actors:not_async", "is not an `async def` function"),
        ("tests.tree.sample_actors", "expected package.module:function"),
        ("../mine:works", "an import path is no path of a file"),
        ("/home/me/mine:works", "an import path is no path of a file"),
        (".mine:works", "an import path is no path of a file"),
        ("tests.tree.broken_import:run", "import failed: ZeroDivisionError"),
        ("tests.supervisor.specs.ends_while_imported:run", "the import ended its process (exit code 3)"),
    ],
)
def test_an_import_path_that_cannot_work_is_one_line(tmp_path: Path, start: str, expected: str) -> None:
    (line,) = problems(tmp_path, f'[[child]]\nname = "a"\nstart = "{start}"\n')
    assert line.startswith("child a: start = ")
    assert expected in line


def test_settings_of_children_are_checked_by_their_own_types(tmp_path: Path) -> None:
    text = TREE.replace("{ code = 4 }", '{ code = "x", colour = 1 }')
    lines = problems(tmp_path, text)
    assert "second.colour: unknown setting; known here: after_s, code, file, text" in lines
    assert "second.code: Expected int, got str" in lines


def test_settings_for_a_child_that_takes_none_are_refused(tmp_path: Path) -> None:
    lines = problems(tmp_path, f'[[child]]\nname = "a"\nstart = "{IDLE}"\nsettings = {{ x = 1 }}\n')
    assert lines == (f"a.x: {IDLE} takes no settings",)


def test_a_problem_in_a_shared_table_is_named_once_under_the_table(tmp_path: Path) -> None:
    lines = problems(tmp_path, TREE.replace("url =", "urll ="))
    assert sorted(lines) == ["exchange.url: missing", "exchange.urll: unknown setting; did you mean 'url'?"]


def test_a_table_that_no_child_takes_is_a_problem(tmp_path: Path) -> None:
    lines = problems(tmp_path, TREE, variables={"UPBITD_EXCHNAGE__URL": "ws://x"})
    (line,) = lines
    assert line.startswith("UPBITD_EXCHNAGE__URL: exchnage: no child takes this table; ")
    assert line.endswith("; change or unset this environment variable")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "child: nothing to start"),
        ("supervisor = 1", "supervisor: expected a table"),
        ("child = 1", "child: expected a list of tables"),
        ("[supervisor", "not TOML"),
        ('[[child]]\nname = "supervisor"\nstart = "m:run"', "is a word of the settings"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in line for line in problems(tmp_path, text))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblems, match="No such file or directory; name a settings file with -c"):
        load_settings(tmp_path / "none.toml", variables={})


def test_a_settings_file_whose_path_is_not_utf_8_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"s\xff.toml")
    file.write_text(TREE)
    with pytest.raises(SettingsProblems) as caught:
        load_settings(file, variables={})
    path = f"{tmp_path}/s\\xff.toml"
    assert caught.value.lines == (f"the path of settings file {path} is not UTF-8; name a settings file with -c",)


NOT_UTF_8 = os.fsdecode(b"s3cret\xff")
UNSET = "change or unset this environment variable"


@pytest.mark.parametrize("start", [False, True], ids=["at a reload", "at the start"])
@pytest.mark.parametrize(
    "name", ["UPBITD_ACCESS_KEY", "UPBITD_MINE", "UPBITD_EXCHANGE__URL", "UPBITD_NEW__TABLE", "UPBITD_TYPO"]
)
def test_a_variable_that_is_not_utf_8_is_refused_by_its_name_whoever_takes_it(
    tmp_path: Path, name: str, *, start: bool
) -> None:
    (tmp_path / "upbitd.toml").write_text(TREE + 'secrets = ["UPBITD_MINE"]\n')
    of_start = None if start else settings_from({"child": [{"name": "first", "start": IDLE}]}, variables={})
    with pytest.raises(SettingsProblems) as caught:
        load_settings(tmp_path / "upbitd.toml", variables={name: NOT_UTF_8}, of_start=of_start)
    assert caught.value.lines == (f"{name}: not UTF-8; {UNSET}",)


def test_overrides_whose_names_are_not_utf_8_are_shown_so_that_they_can_be_found(tmp_path: Path) -> None:
    key = os.fsdecode(b"co\xffde")
    lines = problems(tmp_path, TREE, variables={f"UPBITD_SECOND__{key}": "1"}, overrides=(f"second.{key}=1",))
    assert lines == (
        f"UPBITD_SECOND__co\\xffde: not UTF-8; {UNSET}",
        "--set second.co\\xffde: not UTF-8; write it in UTF-8",
    )


def test_an_option_that_is_not_utf_8_is_refused_without_its_value(tmp_path: Path) -> None:
    lines = problems(tmp_path, TREE, overrides=(f"second.code={NOT_UTF_8}",))
    assert lines == ("--set second.code: not UTF-8; write it in UTF-8",)


@pytest.mark.parametrize("name", ["UPBITD_RUN_DIR", "UPBITD_TREE", "UPBITD_AUTOSTART"])
def test_a_variable_that_is_no_setting_and_no_secret_may_hold_any_bytes(tmp_path: Path, name: str) -> None:
    assert len(load(tmp_path, TREE, {name: NOT_UTF_8}).children) == 2


@pytest.mark.parametrize(
    ("variables", "overrides", "expected"),
    [
        ({"UPBITD_TYPO": "1"}, (), "UPBITD_TYPO: unknown variable"),
        ({}, ("second",), "--set second: expected table.key=value"),
        ({}, ("second.code",), "--set second.code: expected table.key=value"),
        ({}, ("child.name=x",), "--set child.name: name the child itself"),
        ({}, ("second.code.deeper=1",), "--set second.code.deeper: code is not a table"),
    ],
)
def test_an_override_that_means_nothing_is_named(
    tmp_path: Path, variables: dict[str, str], overrides: tuple[str, ...], expected: str
) -> None:
    lines = problems(tmp_path, TREE, variables=variables, overrides=overrides)
    assert any(line.startswith(expected) for line in lines), lines


@pytest.mark.parametrize(
    ("variable", "value", "subject"),
    [
        ("UPBITD_SUPERVISOR__INTENSITY", "many", "supervisor.intensity: Expected int, got str"),
        ("UPBITD_SUPERVISOR__INTENSITTY", "1", "supervisor.intensitty: unknown setting; did you mean 'intensity'?"),
        ("UPBITD_EXCHANGE__URL", "1", "exchange.url: Expected str, got int"),
        ("UPBITD_FIRST__RESTART", "often", "child first.restart: Invalid enum value 'often'; choose from: "),
        ("UPBITD_SECOND__CODE", "x", "second.code: Expected int, got str"),
        ("UPBITD_SUPERVISOR__PRELOAD", "[1]", "supervisor.preload[0]: Expected str, got int"),
        ("UPBITD_SUPERVISOR__BACKOFF_FIRST_S", "31", "supervisor.backoff_first_s: 31 is more than backoff_cap_s = 30"),
        ("UPBITD_SECOND__SHUTDOWN_S", "5", "child second.shutdown_s: 5 is more than the whole tree has (4)"),
    ],
)
def test_a_problem_of_a_variable_is_told_at_the_variable_and_not_at_a_line_of_the_file(
    tmp_path: Path, variable: str, value: str, subject: str
) -> None:
    with pytest.raises(SettingsProblems) as caught:
        load(tmp_path, TREE, {variable: value})
    (line,) = caught.value.lines
    assert line.startswith(f"{variable}: {subject}")
    assert line.endswith("; change or unset this environment variable")


MONITOR = """
[supervisor]
backoff_first_s = 2.0
[[child]]
name = "monitor"
start = "actors.consumers.price_monitor:run"
settings = { hysteresis = 0.005, source = "hysteresis" }
"""


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ('monitor.markets=["krw-btc"]', "monitor: markets: 'krw-btc' is not a market; "),
        ("monitor.threshold=0.001", "monitor: hysteresis 0.005 must be less than threshold 0.001"),
        ("monitor.start=nowhere", "child monitor: start = 'nowhere': "),
        ("supervisor.backoff_cap_s=1", "supervisor.backoff_first_s: 2 is more than backoff_cap_s = 1"),
        ("supervisor.heartbeat_s=5", "child monitor.stall_timeout_s: 10 does not fit supervisor.heartbeat_s = 5; "),
    ],
)
def test_a_problem_between_settings_is_told_at_the_override_that_it_names(
    tmp_path: Path, override: str, told: str
) -> None:
    with pytest.raises(SettingsProblems) as caught:
        load(tmp_path, MONITOR, {"UPBITD_MONITOR__HISTORY": "5"}, (override,))
    (line,) = (line for line in caught.value.lines if told in line)
    assert line.startswith(f"--set {override.partition('=')[0]}: {told}")


@pytest.mark.parametrize(
    ("text", "override", "told"),
    [
        (MONITOR.replace("{ hy", '{ markets = ["threshold"], hy'), "monitor.threshold=0.1", "monitor: markets: "),
        (MONITOR.replace("{ hy", "{ thresold = 1, hy"), "monitor.threshold=0.1", "monitor.thresold: unknown setting"),
        (MONITOR.replace("[[ch", "extra = 1\n[[ch"), "supervisor.intensity=2", "supervisor.extra: unknown setting"),
    ],
)
def test_a_problem_that_only_quotes_or_suggests_a_key_keeps_its_line_of_the_file(
    tmp_path: Path, text: str, override: str, told: str
) -> None:
    with pytest.raises(SettingsProblems) as caught:
        load(tmp_path, text, {}, (override,))
    (line,) = caught.value.lines
    assert re.match(rf"{re.escape(str(tmp_path))}/upbitd.toml:\d+: {told}", line)


def test_of_a_setting_that_was_overridden_twice_the_last_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblems) as caught:
        load(tmp_path, TREE, {"UPBITD_SECOND__CODE": "x"}, ("second.code=y",))
    assert caught.value.lines == ("--set second.code: second.code: Expected int, got str",)


def test_what_is_wrong_beside_an_overridden_setting_keeps_its_line_of_the_file(tmp_path: Path) -> None:
    text = TREE.replace("{ code = 4 }", "{ code = 4, colour = 1 }").replace("intensity = 3", "intensity = -3")
    with pytest.raises(SettingsProblems) as caught:
        load(tmp_path, text, {"UPBITD_SECOND__CODE": "5", "UPBITD_SUPERVISOR__PERIOD_S": "5"})
    file = tmp_path / "upbitd.toml"
    assert [line.partition(": ")[0] for line in caught.value.lines] == [f"{file}:3", f"{file}:12"]


def test_secrets_go_to_the_child_that_names_them_and_are_not_printed() -> None:
    tables = {
        "child": [
            {"name": "private", "start": IDLE, "secrets": ["UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"]},
            {"name": "public", "start": IDLE},
        ]
    }
    settings = settings_from(tables, variables={"UPBITD_ACCESS_KEY": "hidden-access-key"})
    private, public = settings.children
    assert settings.secrets_of(private) == {"UPBITD_ACCESS_KEY": "hidden-access-key"}
    assert settings.secrets_of(public) == {}
    assert "hidden-access-key" not in repr(settings)


def test_taking_the_environment_leaves_nothing_for_children() -> None:
    environment = {"UPBITD_ACCESS_KEY": "k", "UPBITD_X__Y": "1", "HOME": "/root"}
    assert take_environment(environment) == {"UPBITD_ACCESS_KEY": "k", "UPBITD_X__Y": "1"}
    assert environment == {"HOME": "/root"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("true", True), ('["a"]', ["a"]), ("wss://x/y", "wss://x/y"), ('"5"', "5"), ("1.5", 1.5)],
)
def test_values_of_overrides_are_toml_or_text(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_the_check_looks_where_the_children_will_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_actor.py").write_text("async def run(actor): ...\n")
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    assert settings_from({"child": [{"name": "own", "start": "own_actor:run"}]}, variables={}).children


def test_what_is_wrong_with_one_child_hides_nothing_about_another(tmp_path: Path) -> None:
    text = f"""
    [exchange]
    url = "ws://x"
    [[child]]
    start = "no_such_module:run"
    [[child]]
    name = "a"
    start = "{IDLE}"
    restart = "sometimes"
    [[child]]
    name = "b"
    start = "tests.tree.sample_actors:nothing"
    [[child]]
    name = "c"
    start = "{CONFIGURED}"
    settings = {{ code = "x" }}
    [[child]]
    name = "a"
    """
    lines = problems(tmp_path, text)
    for expected in (
        "the 1st [[child]]: name: missing",
        "the 1st [[child]]: start = 'no_such_module:run'",
        "child a.restart: Invalid enum value 'sometimes'; choose from: permanent, temporary, transient",
        "child b: start = 'tests.tree.sample_actors:nothing'",
        "c.code: Expected int, got str",
        "child a.name: used twice, by the 2nd [[child]] and the 5th [[child]]; rename one of them",
        "child a.start: missing",
    ):
        assert any(line.startswith(expected) for line in lines), (expected, lines)
    assert len(lines) == 7, lines


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_time_without_end_is_refused_with_what_was_written(tmp_path: Path, value: str) -> None:
    overrides = (f"supervisor.period_s={value}", f"first.shutdown_s={value}")
    assert problems(tmp_path, TREE, overrides=overrides) == (
        f"--set supervisor.period_s: supervisor.period_s: {value} is no number that can be used here",
        f"--set first.shutdown_s: child first.shutdown_s: {value} is no number that can be used here",
    )


def test_a_word_that_is_not_known_is_answered_with_those_that_are(tmp_path: Path) -> None:
    overrides = ("supervisor.strategy=x", "supervisor.log_level=loud")
    invalid = "Invalid enum value"
    strategy, level = problems(tmp_path, TREE, overrides=overrides)
    assert strategy.endswith(f"supervisor.strategy: {invalid} 'x'; choose from: one_for_all, one_for_one, rest_for_one")
    assert level.endswith(f"supervisor.log_level: {invalid} 'loud'; choose from: debug, error, info, warning")
    public = '[[child]]\nname = "public"\nstart = "actors.connections.public:run"\n'
    (line,) = problems(tmp_path, public, overrides=("exchange.format=XXX",))
    assert line.startswith("--set exchange.format: exchange.format: Invalid enum value 'XXX'; choose from: DEFAULT, ")
