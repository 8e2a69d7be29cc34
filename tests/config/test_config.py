"""Configurations: what is read, and one helpful line for whatever cannot be meant."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.config import (
    Config,
    ConservativeTable,
    CoverageTable,
    DriftTable,
    EngineTable,
    ExplorationTable,
    QuarantineTable,
    SafetyTable,
    load,
    parse,
)
from poolwise.engine import Exploration, Safety, Settings
from poolwise.errors import ConfigError
from poolwise.policy.constraints import change_detection, conservative, coverage_guarantee, quarantine

WRONG = {
    "[run]\npolcy = 'x'": "unknown key 'polcy' in [run] of F: did you mean 'policy'?",
    "[run]\nsede = 1": "unknown key 'sede' in [run] of F: did you mean 'seed'?",
    "polcy = 1": "unknown key 'polcy' in F: did you mean 'policy'?",
    "seed = 1": "unknown key 'seed' in F: it belongs into [run]",
    "[engine]\nhorizn = 3": "unknown key 'horizn' in [engine] of F: did you mean 'horizon'?",
    "[run]\nseed = 'x'": "seed = 'x' in [run] of F is wrong: input should be a valid integer",
    "[run]\nseed = -1": "seed = -1 in [run] of F is wrong: input should be greater than or equal to 0",
    "[run]\ndecisions = 0": "decisions = 0 in [run] of F is wrong",
    "[engine]\nsurface = 'on'": "surface = 'on' in [engine] of F is wrong: input should be 'auto', 'always' or 'never'",
    "[engine]\nhorizon = inf": "horizon = inf in [engine] of F is wrong: input should be a finite number",
    "[space]\nbaseline = 'a'": "key 'families' is missing in [space] of F: add it",
    "[space]\nbaseline = 'a'\n[space.families.a]\nparmeters = {}": "did you mean 'parameters'?",
    "[engine.domain_priors]\na = [1]": "give two counts above 0",
    "[engine.domain_priors]\na = [1, -2]": "give two counts above 0",
    "[engine.utility_priors]\na = [0.1]": "a = [0.1] in [engine.utility_priors] of F: give [mean, standard deviation]",
    "[engine.utility_priors]\na = [0.1, 0.0]": "the second above 0",
    "[engine.utility_priors]\na = [nan, 0.1]": "input should be a finite number",
    "[policy.params]\nx = nan": "input should be a finite number",
    "[safety]\ndleta = 0.1": "unknown key 'dleta' in [safety] of F: did you mean 'delta'?",
    "[safety.quarantine]\nwindw = 9": "unknown key 'windw' in [safety.quarantine] of F: did you mean 'window'?",
    "[safety]\ndelta = nan": "delta = nan in [safety] of F is wrong: input should be a finite number",
    "[exploration.coverage]\ntrials = 0.5": "trials = 0.5 in [exploration.coverage] of F is wrong",
    "[run": "F is not valid TOML",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_what_is_wrong_is_said_in_one_line(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text, "F")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match="poolwise init"):
        load(tmp_path / "none.toml")


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "x.toml")


def test_the_empty_text_gives_the_defaults():
    assert parse("") == Config()


def test_arms_from_a_file():
    space = parse(
        "[space]\nbaseline = 'a'\n[space.families.a]\n[space.families.b.parameters]\n"
        "x = {type = 'integer', low = 1, high = 4}\ny = {type = 'choice', values = ['p', 'q']}\n"
        "[[space.families.b.forbidden]]\nx = 4\ny = 'q'"
    ).space.build()
    assert space.baseline == "a"
    assert len(space.arms) == 1 + 7


def test_every_setting_of_the_engine_can_be_configured():
    assert {*EngineTable.model_fields, "safety", "exploration"} == set(Settings._fields)


TABLES = {
    SafetyTable: Safety,
    ExplorationTable: Exploration,
    QuarantineTable: quarantine.Settings,
    ConservativeTable: conservative.Settings,
    CoverageTable: coverage_guarantee.Guarantee,
    DriftTable: change_detection.Settings,
}


@pytest.mark.parametrize(("table", "settings"), TABLES.items())
def test_every_setting_of_safety_and_exploration_can_be_configured(table, settings):
    assert set(table.model_fields) - {"off", "estimated"} == set(settings._fields)


def test_settings_arrive_as_the_engine_wants_them():
    priors = "[engine.domain_priors]\na = [1, 2]\n[engine.utility_priors]\na = [-0.1, 0.2]"
    table = parse("[engine]\nreestimate_every = [[10, 5]]\nhorizon = 9\n" + priors).engine
    settings = Settings(**table.given()).checked()
    assert settings.reestimate_every == ((10, 5),)
    assert settings.domain_priors == (("a", 1.0, 2.0),)
    assert settings.utility_priors == (("a", -0.1, 0.2),)
    assert settings.horizon == 9
    assert settings.failure_utility == Settings().failure_utility


@given(st.text())
def test_any_text_is_a_configuration_or_a_config_error(text):
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(text, "F"), Config)
