import urllib.error
import urllib.request

import numpy as np
import pytest
from openpi_client import msgpack_numpy
from openpi_client.websocket_client_policy import WebsocketClientPolicy
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from robot_rl.serving import protocol
from robot_rl.serving.server import PolicyServer, ServingError


def test_openpis_client_gets_metadata_chunks_and_timing(serve, echo, observation):
    server = serve(echo)
    client = WebsocketClientPolicy("127.0.0.1", server.port)
    said = client.get_server_metadata()[protocol.KEY]
    assert (said["n_obs"], said["horizon"], list(said["inputs"])) == (2, 4, ["q", "front"])
    for _ in range(2):
        answer = client.infer(observation)
        np.testing.assert_array_equal(answer["actions"], observation["q"][-1] + np.arange(4.0)[:, None])
    assert 0 <= answer["server_timing"]["infer_ms"] <= answer["server_timing"]["prev_total_ms"] + 1e3
    np.testing.assert_array_equal(echo.seen[-1]["front"], observation["front"])
    client._ws.close()


def test_a_policy_that_looks_at_one_observation_takes_it_bare(serve, echo, observation):
    echo.n_obs = 1
    client = WebsocketClientPolicy("127.0.0.1", serve(echo).port)
    bare = {n: v[-1] for n, v in observation.items()}
    np.testing.assert_array_equal(client.infer(bare)["actions"][0], bare["q"])
    assert echo.seen[-1]["q"].shape == (1, 2)
    client._ws.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": np.zeros(2)}, r"'q' has shape \(2,\).*the newest 2 observations, \(2, 2\)"),
        ({"q": "text"}, "'q' has shape"),
        ({"q": np.full((2, 2), np.nan)}, "actions are not finite; 'q' of the request is not finite either"),
        ({"q": np.full((2, 2), -np.inf)}, "actions are not finite; 'q' of the request is not finite either"),
        ({protocol.RESET: "now"}, "a seed is an integer or nothing, not 'now'"),
        ({protocol.COMMITTED: np.zeros((3, 2))}, "committed actions"),
    ],
)
def test_a_wrong_request_is_answered_in_words_and_the_connection_lives_on(serve, echo, observation, change, message):
    client = WebsocketClientPolicy("127.0.0.1", serve(echo).port)
    with pytest.raises(RuntimeError, match=message):
        client.infer({**observation, **change})
    assert client.infer(observation)["actions"].shape == (4, 2)
    client._ws.close()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("more", [{}, {protocol.COMMITTED: np.zeros((4, 2)), protocol.WEIGHTS: np.ones(4)}])
def test_actions_that_are_not_finite_are_told_and_not_sent(serve, echo, observation, monkeypatch, bad, more):
    """openpi's client checks nothing: it would have the robot obey them."""
    client = WebsocketClientPolicy("127.0.0.1", serve(echo).port)
    monkeypatch.setattr(echo, "predict", lambda _: np.array([[0.0, 1.0], [bad, 0.0], [0, 0], [0, 0]]))
    with pytest.raises(RuntimeError, match="NotFiniteError: the policy's actions are not finite; the request is"):
        client.infer({**observation, **more, protocol.FROZEN: 1})
    client._ws.close()


def test_a_bug_in_the_policy_is_told_and_the_connection_lives_on(serve, echo, observation, monkeypatch, caplog):
    client = WebsocketClientPolicy("127.0.0.1", serve(echo).port)
    with monkeypatch.context() as patch:
        patch.setattr(echo, "predict", lambda _: {}["heads"])
        with pytest.raises(RuntimeError, match="KeyError: 'heads'"):
            client.infer(observation)
    assert "Traceback" in caplog.text
    assert client.infer(observation)["actions"].shape == (4, 2)
    client._ws.close()


def test_a_missing_field_and_a_message_that_is_none_are_named(serve, echo):
    client = WebsocketClientPolicy("127.0.0.1", serve(echo).port)
    with pytest.raises(RuntimeError, match="'q' is missing; the policy takes q, front"):
        client.infer({"state": np.zeros(2)})
    for nonsense in ("text", b"\xc1", msgpack_numpy.packb([1, 2])):
        client._ws.send(nonsense)
        assert "WireError" in client._ws.recv()
    client._ws.close()


def test_a_message_over_the_limit_ends_the_connection(serve, echo):
    server = serve(echo, max_message=1000)
    with connect(f"ws://127.0.0.1:{server.port}", compression=None) as connection:
        connection.recv()
        connection.send(b"x" * 1001)
        with pytest.raises(ConnectionClosedError, match="1009"):
            connection.recv(timeout=5)


def test_without_the_right_token_nobody_gets_in(serve, echo, observation):
    server = serve(echo, token="secret")
    for key in (None, "wrong"):
        with pytest.raises(InvalidStatus, match="401"):
            WebsocketClientPolicy("127.0.0.1", server.port, api_key=key)
    client = WebsocketClientPolicy("127.0.0.1", server.port, api_key="secret")
    assert client.infer(observation)["actions"].shape == (4, 2)
    client._ws.close()


def test_a_web_page_cannot_connect(serve, echo):
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{serve(echo).port}", origin="http://evil.example")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gpu-box"])
def test_another_host_needs_a_token(host, echo):
    with pytest.raises(ServingError, match="give a token"):
        PolicyServer(echo, host, 0)


def test_a_port_that_is_taken_is_said(serve, echo):
    server = serve(echo)
    with pytest.raises(ServingError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        PolicyServer(echo, port=server.port)


def test_it_answers_a_health_check(serve, echo):
    with urllib.request.urlopen(f"http://127.0.0.1:{serve(echo).port}/healthz", timeout=5) as answer:
        assert answer.status == 200
