from gateway.uplink.pacing import PauseReasons


def test_a_socket_is_read_again_once_the_last_reason_is_gone():
    reasons = PauseReasons()
    assert reasons.add("memory")
    assert not reasons.add("pace")
    assert not reasons.add("pace")
    assert not reasons.remove("memory")
    assert not reasons.remove("memory")
    assert reasons.remove("pace")
    assert not reasons.remove("pace")
