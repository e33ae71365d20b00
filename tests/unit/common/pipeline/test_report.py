"""The release that a report names, whichever wire version it is of."""

import msgpack
import pytest

from common.pipeline.record import pack
from common.pipeline.report import WorkerReport, release_of


def test_a_report_names_its_release():
    report = WorkerReport(at=1.0, slots=1, used=0, lag=0.0, release="1.2.3")
    assert release_of(pack(report)) == "1.2.3"


@pytest.mark.parametrize("body", [{"at": 1.0, "v": 1}, {"release": 7}, [], "release"])
def test_a_report_of_another_form_names_none(body):
    assert release_of(msgpack.packb(body)) == ""


def test_a_report_of_a_wire_version_to_come_names_it():
    assert release_of(msgpack.packb({"release": "9.0.0", "v": 9, "more": [1]})) == "9.0.0"


@pytest.mark.parametrize("report", [b"", b"\xc1", b"\x81"])
def test_what_is_no_report_names_none(report):
    assert release_of(report) == ""
