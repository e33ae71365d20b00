import dataclasses

import pytest

from callscribe.client.options import Options
from callscribe.commands.option_flags import add_option_flags, flag_of, options_of
from common.errors import SettingsError
from common.options import OPTIONS, Kind
from common.settings import FlagParser

GIVEN: dict[Kind, tuple[list[str], object]] = {
    Kind.INT: (["1"], 1),
    Kind.FLOAT: (["1"], 1.0),
    Kind.TEXT: (["some words"], "some words"),
    Kind.TEXTS: (["some words"], ("some words",)),
    Kind.LANGUAGE: (["en"], "en"),
    Kind.LANGUAGES: (["en"], ("English",)),
    Kind.BOOL: ([], True),
}


def parsed(*argv):
    parser = FlagParser(prog="test", allow_abbrev=False)
    add_option_flags(parser)
    arguments = parser.parse_args(argv)
    options = options_of(arguments)
    assert vars(arguments) == {}
    return options


def test_without_flags_all_is_left_to_the_server():
    wire = parsed().to_wire()
    assert set(wire) == {"encoding", "sample_rate", "channels", "events"}


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_every_option_has_a_flag(option):
    last = option.choices[-1:]
    choices = {Kind.CHOICE: ([*last], "".join(last)), Kind.CHOICES: ([*last], last)}
    texts, value = choices.get(option.kind) or GIVEN[option.kind]
    if option.low > 1:
        texts, value = [str(option.low)], float(option.low)
    options = parsed(flag_of(option), *texts)
    assert getattr(options, option.name) == value
    others = [each for each in OPTIONS if each != option.name]
    assert [each for each in others if getattr(options, each) is not None] == []


@pytest.mark.parametrize(
    "option", [each for each in OPTIONS.values() if each.kind is Kind.BOOL], ids=lambda o: o.name
)
def test_a_switch_can_be_off(option):
    assert getattr(parsed(flag_of(option).replace("--", "--no-", 1)), option.name) is False


def test_texts_are_given_one_by_one_and_language_can_be_detected():
    assert parsed("--keyword", "a b", "--keyword", "c").keywords == ("a b", "c")
    assert parsed("--language", "auto").language == "auto"


def test_names_of_the_call():
    options = parsed(
        "--labels", "agent,customer", "--conversation-id", "7", "--webhook", "http://a"
    )
    assert options.channel_labels == ("agent", "customer")
    assert (options.conversation_id, options.webhook) == ("7", "http://a")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--silence-threshold", "100"], "--silence-threshold must be a number from 0.01 to 60"),
        (["--keyword-distance", "3"], "--keyword-distance must be a whole number from 0 to 2"),
        (["--keyword-distance", "x"], "--keyword-distance: invalid int value: 'x'"),
        (["--vad-threshold", "nan"], "--vad-threshold must be a number from 0 to 1"),
        (["--language", "klingon"], "--language: unknown language 'klingon'"),
        (["--keyword", ""], "--keyword must be a list of at most 100 strings"),
    ],
)
def test_a_value_that_is_not_allowed_names_its_flag(argv, line):
    with pytest.raises(SettingsError) as caught:
        parsed(*argv)
    assert str(caught.value).startswith(line)


def test_the_clients_options_are_those_of_the_table_and_of_the_audio():
    fields = {each.name for each in dataclasses.fields(Options)}
    audio = {"encoding", "sample_rate", "channels"}
    names = {"channel_labels", "conversation_id", "webhook"}
    assert fields - audio - names - {"events"} == set(OPTIONS)
