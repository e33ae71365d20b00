"""What is no Moonshine is refused; that the network is right: test_moonshine.py, with the model."""

import pytest

from asr_worker.moonshine.weights import weights


def test_another_model_is_refused_by_what_it_lacks():
    with pytest.raises(ValueError, match="not Moonshine base: no '/conv2/Conv'"):
        weights({}, {}, 1)
