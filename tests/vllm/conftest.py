"""Fixtures of the suite that needs vLLM, which lives in an environment of its own."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.vllm import tiny

HERE = Path(__file__).parent

# Before anything imports transformers, which reads some of it only then.
os.environ.update(tiny.ENVIRONMENT)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    missing = pytest.mark.skip(reason="vLLM is not installed here: make test-vllm")
    for item in items:
        if HERE in item.path.parents:
            # What vLLM and its dependencies warn of is not ours to mend.
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            item.add_marker(pytest.mark.timeout(300))
            if find_spec("vllm") is None:
                item.add_marker(missing)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser of random weights."""
    return tiny.write_recogniser(tmp_path_factory.mktemp("tiny"))
