"""The names of settings without their services."""

import ast
import subprocess
import sys

import pytest

from common import setting_names
from common.errors import SettingsError
from common.settings import (
    StageSettings,
    check_variables,
    definitions,
    merge,
    settings_classes,
)
from denoise_worker.settings import DenoiseSettings
from tests.conftest import ROOT

ENTRIES = {each.name: each for each in setting_names.entries()}
GROUND = {"common", "callscribe"}
"""`callscribe.errors` is the root of `common.errors`."""


@pytest.mark.parametrize("service", ENTRIES)
def test_the_source_tells_what_the_class_has(service):
    everyone = definitions(StageSettings).keys()
    assert setting_names.declared()[service] == (
        definitions(settings_classes()[service]).keys() - everyone
    )


def test_no_two_services_define_one_name_differently():
    assert merge(settings_classes().values())


@pytest.mark.parametrize("service", ENTRIES)
def test_settings_import_the_standard_library_and_common(service):
    tree = ast.parse(setting_names.source_of(ENTRIES[service].module).read_text())
    modules = {each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)} | {
        name.name for each in ast.walk(tree) if isinstance(each, ast.Import) for name in each.names
    }
    assert {each.partition(".")[0] for each in modules} <= {"common", *sys.stdlib_module_names}


@pytest.mark.parametrize("service", ENTRIES)
def test_a_service_loads_its_own_settings_and_no_other_service(service):
    """With a variable of each other service, as one environment file for all has them."""
    entry = ENTRIES[service]
    program = f"""
import os, sys
from common.settings import load
from {entry.module} import {entry.attr}
load({entry.attr}, [], os.environ)
print(*sorted({{each.partition(".")[0] for each in sys.modules}}))
"""
    given = {
        definition.variable: "none"
        for name, cls in settings_classes().items()
        if name != service
        for definition in definitions(cls).values()
        if definition.name in setting_names.declared()[name]
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        check=True,
    )
    # Debian's Python begins with a module of its own.
    loaded = set(done.stdout.split()) - {*sys.stdlib_module_names, "sitecustomize"}
    services = {setting_names.package_of(each).partition(".")[0] for each in ENTRIES.values()}
    assert loaded & services == {entry.module.partition(".")[0]}
    third_party = {each for each in loaded - services - GROUND if not each.startswith("_")}
    assert not third_party


def test_a_variable_of_no_service_is_refused_and_one_of_another_is_not():
    check_variables([DenoiseSettings], {"CALLSCRIBE_VAD_SLOTS": "7", "CALLSCRIBE_LEASE_S": "2"})
    with pytest.raises(SettingsError, match="did you mean CALLSCRIBE_VAD_SLOTS"):
        check_variables([DenoiseSettings], {"CALLSCRIBE_VAD_SLOT": "7"})
