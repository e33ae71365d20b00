import json

import pytest

from common.errors import SettingsError
from common.options import RANGES, SessionOptions
from common.settings import definitions, load
from gateway.protocols.api import ClientError, Request
from gateway.protocols.native import NativeCodec
from gateway.settings import GatewaySettings


@pytest.mark.parametrize("option", RANGES)
@pytest.mark.parametrize("end", ["low", "high"])
def test_a_default_has_the_limits_of_the_option(option, end):
    limit = getattr(RANGES[option], end)
    definition = definitions(GatewaySettings)[option]
    assert getattr(definition, {"low": "minimum", "high": "maximum"}[end]) == limit
    beyond = limit + (1 if end == "high" else -1)
    codec = NativeCodec(SessionOptions(max_utterance=300, min_speech_duration=0.001), Request())
    with pytest.raises(ClientError) as caught:
        codec.receive_text(json.dumps({"type": "config", option: beyond}))
    assert caught.value.code == "invalid_option"
    codec.receive_text(json.dumps({"type": "config", option: limit}))


def test_an_utterance_that_would_be_cut_before_it_begins_is_refused():
    flags = ["--min-speech-duration", "5", "--max-utterance", "5"]
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings, flags, {})
    expected = "--min-speech-duration: 5 s is not less than --max-utterance (5 s)"
    assert str(caught.value) == expected
