import time

import pytest

from common.errors import SettingsError
from gateway.tls.serving import Tls
from tests.certificates import identity


def test_a_given_certificate_tells_when_it_ends(tmp_path):
    given = identity(tmp_path, "calls", "localhost", days=3)
    tls = Tls.given(given.certfile, given.keyfile)
    assert tls.expiry - time.time() == pytest.approx(3 * 86_400, abs=60)


def test_one_without_its_key_is_refused(tmp_path):
    given, other = (identity(tmp_path, name, "localhost") for name in ("calls", "other"))
    with pytest.raises(SettingsError, match="--ssl-certfile"):
        Tls.given(given.certfile, other.keyfile)
