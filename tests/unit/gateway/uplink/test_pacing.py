from gateway.uplink.pacing import Brake


def test_a_socket_is_read_again_once_the_last_reason_is_gone():
    brake = Brake()
    assert brake.press("memory")
    assert not brake.press("pace")
    assert not brake.press("pace")
    assert not brake.release("memory")
    assert not brake.release("memory")
    assert brake.release("pace")
    assert not brake.release("pace")
