"""A setting that gives an option its value has the option's range, unit, meaning and default."""

import pytest

from common.errors import SettingsError
from common.options import OPTIONS
from common.settings import load, merge, settings_classes
from denoise_worker.settings import DenoiseSettings
from gateway.settings import GatewaySettings

GIVEN = {each.setting: each for each in OPTIONS.values() if each.setting}


@pytest.mark.parametrize("name", GIVEN)
def test_a_setting_agrees_with_its_option(name):
    option, found = GIVEN[name], merge(settings_classes().values())[name]
    assert found.help.startswith(option.meaning)
    assert found.help.endswith(", unless a call says otherwise")
    assert found.unit == option.unit
    ranged = option.high > option.low
    assert (found.minimum, found.maximum) == ((option.low, option.high) if ranged else (None, None))
    if option.default not in (None, ()):  # an empty list is no text, either
        assert found.default == option.default


@pytest.mark.parametrize("cls", [GatewaySettings, DenoiseSettings], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(("end", "beyond"), [("low", -1), ("high", 1)])
def test_a_setting_takes_the_ends_of_the_range_and_nothing_beyond(cls, end, beyond):
    ranged = {n: o for n, o in GIVEN.items() if n in merge([cls]) and o.high > o.low}
    assert ranged
    for name, option in ranged.items():
        flag, limit = f"--{name.replace('_', '-')}", getattr(option, end)
        roomy = ["--max-utterance", "300"] if name == "min_speech_duration" else []
        assert getattr(load(cls, [*roomy, flag, str(limit)], {}), name) == limit
        with pytest.raises(SettingsError, match=flag):
            load(cls, [flag, str(limit + beyond)], {})
