"""What docs/settings.md says of limits is what the code refuses."""

import ast
import inspect
import re

import msgspec
import pytest

from actors.exchange.settings import RANGES, SimulatorSettings
from supervisor.specs import rules
from tests.docs.settings_reference import TABLES, allowed_for
from tests.docs.settings_rules import BETWEEN, OTHERS, Rule, of_the_simulator

RULES = [pytest.param(rule, id=f"{rule.where} {rule.text}") for rule in (*BETWEEN, *OTHERS)]


@pytest.mark.parametrize("rule", RULES)
def test_settings_that_break_a_rule_of_the_document_are_refused_for_that_alone(rule: Rule) -> None:
    (problem,) = rule.problems(rule.breaks)
    if rule.problems is not of_the_simulator:  # That one says it in sentences.
        assert all(key in problem for key in re.findall(r"`(\w+)`$", rule.where)), problem
    assert rule.problems(rule.keeps) == []


def test_every_rule_between_settings_is_in_the_document() -> None:
    told = [node for node in ast.walk(ast.parse(inspect.getsource(rules))) if isinstance(node, ast.Yield)]
    assert len(told) == len(BETWEEN), "each `yield` of rules.py is a rule; write it into tests/docs/settings_rules.py"


def test_the_rules_between_settings_are_all_different_ones() -> None:
    said = [rule.problems(rule.breaks)[0] for rule in BETWEEN]
    assert len(set(said)) == len(BETWEEN)


@pytest.mark.parametrize(("name", "edges"), RANGES.items())
def test_the_numbers_of_the_simulated_exchange_end_where_the_document_says(
    name: str, edges: tuple[float, float]
) -> None:
    beyond = (edges[0] - 1, edges[1] + 1)
    refused = [[line for line in of_the_simulator({name: value}) if "choose a number" in line] for value in beyond]
    fits = [[line for line in of_the_simulator({name: value}) if "choose a number" in line] for value in edges]
    assert (list(map(len, refused)), fits) == ([1, 1], [[], []])


def test_every_setting_has_words_for_what_it_may_be() -> None:
    for struct in TABLES.values():
        for setting in msgspec.structs.fields(struct):
            if setting.name not in {"exchange", "settings", "accounts", "quirks"}:
                assert allowed_for(struct, setting), (struct, setting.name)
    port = next(setting for setting in msgspec.structs.fields(SimulatorSettings) if setting.name == "port")
    assert allowed_for(SimulatorSettings, port) == "whole number, 0 to 65,535"
