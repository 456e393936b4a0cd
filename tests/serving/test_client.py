import subprocess
import sys
import threading
import time

import msgpack
import numpy as np
import pytest
from openpi_client import msgpack_numpy
from websockets.sync.server import serve as websocket_serve

from robot_rl.hardware.config import CameraConfig
from robot_rl.policies.execution import ChunkExecutor, PolicyUnavailableError
from robot_rl.policies.modes import ExecutionConfig, chunk_seconds, make_executor
from robot_rl.serving import connection as connection_module
from robot_rl.serving.client import RemoteError, RemotePolicy
from robot_rl.serving.loading import load_policy
from robot_rl.serving.mapping import FieldMap, MappingError
from robot_rl.serving.server import PolicyServer
from robot_rl.spec import Field, Layout, Spec

CAMERAS = {"front": CameraConfig("front", "mujoco", 6, 4, 20.0)}


def address(server):
    return f"ws://127.0.0.1:{server.port}"


@pytest.fixture
def quick(monkeypatch):
    """Try to connect again after 50 ms."""
    monkeypatch.setattr(connection_module, "RETRY", 0.05)


def test_a_remote_policy_answers_bit_for_bit_as_the_one_it_stands_for(serve, echo, observation):
    remote = RemotePolicy(address(serve(echo)), echo.spec, CAMERAS)
    assert (remote.n_obs, remote.horizon, remote.n_action_steps) == (2, 4, 3)
    assert remote.observation_names == ("q", "front") and remote.spec == echo.spec
    remote.reset(5)
    for _ in range(2):
        np.testing.assert_array_equal(remote.predict(observation), echo.predict(observation))
    assert echo.seeds == [5], "the seed goes with the first request of an episode only"
    rows, weights = np.arange(8.0).reshape(4, 2), np.array([1.0, 0.5, 0, 0])
    remote.predict_onto(observation, rows, weights, 1)
    np.testing.assert_array_equal(echo.continued[0][0], rows)
    np.testing.assert_array_equal(echo.continued[0][1], weights)
    assert echo.continued[0][2] == 1 and chunk_seconds(remote, repeats=1) < 1
    remote.close()


def test_a_server_whose_policy_is_for_another_robot_is_refused_with_both_values(serve, echo):
    server = serve(echo)
    faster = Spec("toy", 50.0, echo.spec.observation, echo.spec.action)
    with pytest.raises(RemoteError, match="rate: 20 Hz against 50 Hz"):
        RemotePolicy(address(server), faster, CAMERAS)
    with pytest.raises(RemoteError, match="camera 'front'"):
        RemotePolicy(address(server), echo.spec, {})


def test_real_time_chunking_works_over_the_wire_where_the_server_can(serve, echo):
    remote = RemotePolicy(address(serve(echo)), echo.spec, CAMERAS)
    executor = make_executor(remote, ExecutionConfig("rtc", latency_steps=1), simulated=True)
    executor.reset(0)
    values = {"q": np.zeros(2), "front": np.zeros((4, 6, 3), np.uint8)}
    for _ in range(8):
        executor.act(values)
    assert echo.continued and echo.continued[0][2] == 1
    remote.close()


@pytest.mark.parametrize("mode", ["receding", "rtc"])
def test_actions_that_are_not_finite_make_the_robot_hold_and_the_policy_is_asked_again(serve, echo, mode, caplog):
    remote = RemotePolicy(address(serve(echo)), echo.spec, CAMERAS)
    executor = make_executor(remote, ExecutionConfig(mode), simulated=True)
    executor.reset(0)
    picture = np.zeros((4, 6, 3), np.uint8)
    for _ in range(3):
        assert executor.act({"q": np.full(2, np.nan), "front": picture}) is None
    assert executor.counts.failures and executor.counts.held == 3
    assert "the robot holds still" in caplog.text and "'q' of the request is not finite either" in caplog.text
    answers = [executor.act({"q": np.ones(2), "front": picture}) for _ in range(4)]
    assert answers[-1] is not None, "the bad reading has left the history"
    remote.close()


def test_a_server_that_says_what_it_takes_is_given_no_field_map(serve, echo):
    with pytest.raises(MappingError, match="is a robot_rl server, which says itself what its policy takes: give none"):
        RemotePolicy(address(serve(echo)), echo.spec, CAMERAS, fields=FieldMap.parse("state=q"))


def test_nor_is_a_checkpoint(echo, tmp_path):
    with pytest.raises(MappingError, match="is no server's policy, and takes the robot's fields by name: give none"):
        load_policy(str(tmp_path), echo.spec, fields="state=q")


def test_a_dead_server_makes_the_robot_hold_and_one_that_comes_back_goes_on(echo, quick, caplog):
    server = PolicyServer(echo, port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    port = server.port
    remote = RemotePolicy(address(server), echo.spec, CAMERAS, timeout=2.0)
    executor = ChunkExecutor(remote, 1)
    executor.reset(0)
    values = {"q": np.ones(2), "front": np.zeros((4, 6, 3), np.uint8)}
    assert executor.act(values) is not None
    server.close()
    thread.join()
    assert executor.act(values) is None and executor.act(values) is None
    assert [r.levelname for r in caplog.records if r.name.startswith("robot_rl.policies")] == ["ERROR"]
    assert f"127.0.0.1:{port}" in caplog.text and "holds still" in caplog.text
    again = PolicyServer(echo, port=port)
    thread = threading.Thread(target=again.run)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while (action := executor.act(values)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        np.testing.assert_array_equal(action, [1.0, 1.0])
        assert "answers again" in caplog.text
    finally:
        remote.close()
        again.close()
        thread.join()


def test_a_server_that_comes_back_with_another_policy_is_not_used(serve, echo, quick, observation):
    server = serve(echo)
    remote = RemotePolicy(address(server), echo.spec, CAMERAS)
    server._metadata = msgpack.packb({"another": "policy"})
    remote.close()
    with pytest.raises(PolicyUnavailableError, match="came back with another policy"):
        remote.predict(observation)


def test_a_server_that_comes_back_with_other_weights_of_the_same_recipe_is_not_used(echo, quick, observation):
    def start(port, weights):
        server = PolicyServer(echo, port=port, weights=weights)
        thread = threading.Thread(target=server.run)
        thread.start()
        return server, thread

    server, thread = start(0, "one")
    remote = RemotePolicy(address(server), echo.spec, CAMERAS)
    for weights in ("one", "two"):
        remote.close()
        server.close()
        thread.join()
        server, thread = start(server.port, weights)
        if weights == "one":
            remote.predict(observation)
        else:
            with pytest.raises(PolicyUnavailableError, match="came back with another policy"):
                remote.predict(observation)
    remote.close()
    server.close()
    thread.join()


def test_a_server_that_does_not_name_its_weights_is_understood(serve, echo):
    server = serve(echo)
    said = msgpack.unpackb(server._metadata)
    del said["robot_rl"]["weights"]
    server._metadata = msgpack.packb(said)
    RemotePolicy(address(server), echo.spec, CAMERAS).close()


def test_a_foreign_server_may_say_arrays_of_itself(openpi, echo, quick):
    def handler(connection):
        connection.send(msgpack_numpy.packb({"low": np.zeros(3)}))
        for _ in connection:
            connection.send(msgpack_numpy.packb({"actions": np.zeros((4, 2))}))

    remote = RemotePolicy(openpi(handler), echo.spec, fields=FieldMap.parse("state=q"))
    remote.close()
    assert remote.predict({"q": np.zeros((1, 2))}).shape == (4, 2)
    remote.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\xc1", "cannot be read"),
        (msgpack.packb({"actions": {b"__npgeneric__": True, b"data": 300, b"dtype": "|u1"}}), "cannot be read"),
        (msgpack.packb({"actions": [[1.0, 2.0], [3.0]]}), "no array"),
        (msgpack_numpy.packb({"actions": np.full((4, 2), np.nan)}), "not finite"),
    ],
    ids=["no message", "overflow", "ragged", "nan"],
)
def test_an_answer_that_is_no_chunk_makes_the_robot_hold_and_the_policy_is_asked_again(
    openpi, echo, quick, answer, said, caplog
):
    good = msgpack_numpy.packb({"actions": np.ones((4, 2))})
    answers = iter([good, answer])

    def handler(connection):
        connection.send(msgpack_numpy.packb({"model": "pi0"}))
        for _ in connection:
            connection.send(next(answers, good))

    remote = RemotePolicy(openpi(handler), echo.spec, fields=FieldMap.parse("state=q"))
    executor = ChunkExecutor(remote)
    assert executor.act({"q": np.zeros(2)}) is None
    assert said in caplog.text
    deadline = time.monotonic() + 5
    while (action := executor.act({"q": np.zeros(2)})) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    np.testing.assert_array_equal(action, [1, 1])
    remote.close()


def test_no_server_and_a_wrong_token_are_said_in_one_line(serve, echo, monkeypatch):
    with pytest.raises(PolicyUnavailableError, match=r"ws://127\.0\.0\.1:1: cannot connect: .*refused"):
        RemotePolicy("ws://127.0.0.1:1", echo.spec)
    server = serve(echo, token="secret")
    with pytest.raises(PolicyUnavailableError, match="asks for a token, and none was given .*: set ROBOT_RL_TOKEN to"):
        RemotePolicy(address(server), echo.spec, CAMERAS)
    with pytest.raises(PolicyUnavailableError, match="has another token than was given here .*: set ROBOT_RL_TOKEN to"):
        RemotePolicy(address(server), echo.spec, CAMERAS, token="guess")
    monkeypatch.setenv("ROBOT_RL_TOKEN", "secret")
    RemotePolicy(address(server), echo.spec, CAMERAS).close()


class Openpi:
    """A server as openpi has it: any metadata, one bare observation in, a chunk out."""

    def __init__(self, horizon=10, size=2, delay=0.0):
        self.requests = []
        self.horizon, self.size, self.delay = horizon, size, delay

    def __call__(self, connection):
        connection.send(msgpack_numpy.packb({"model": "pi0"}))
        for message in connection:
            self.requests.append(msgpack_numpy.unpackb(message))
            time.sleep(self.delay)
            actions = np.arange(self.horizon * self.size, dtype=np.float32).reshape(self.horizon, self.size)
            connection.send(msgpack_numpy.packb({"actions": actions, "server_timing": {"infer_ms": 1.0}}))


@pytest.fixture
def openpi():
    """Start a foreign server; it ends with the test."""
    servers = []

    def start(handler):
        server = websocket_serve(handler, "127.0.0.1", 0, compression=None)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"ws://127.0.0.1:{server.socket.getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join(timeout=5)


def test_any_openpi_server_drives_the_robot_through_a_field_map(openpi, echo):
    handler = Openpi()
    fields = FieldMap.parse("observation/state=q+grip,observation/image=front", "go")
    remote = RemotePolicy(openpi(handler), echo.spec, CAMERAS, fields=fields)
    assert (remote.n_obs, remote.horizon, remote.n_action_steps, remote.can_continue) == (1, 10, 5, False)
    executor = make_executor(remote, ExecutionConfig(), simulated=True)
    executor.reset(0)
    values = {"q": np.array([1.0, 2.0]), "grip": np.array([3.0]), "front": np.full((4, 6, 3), 9, np.uint8)}
    actions = [executor.act(values).tolist() for _ in range(6)]
    assert actions == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [0, 1]]
    request = handler.requests[-1]
    assert sorted(request) == ["observation/image", "observation/state", "prompt"] and request["prompt"] == "go"
    np.testing.assert_array_equal(request["observation/state"], [1, 2, 3])
    np.testing.assert_array_equal(request["observation/image"], values["front"])
    remote.close()


def test_a_foreign_server_needs_a_field_map_and_actions_of_the_robots_size(openpi, echo):
    url = openpi(Openpi(size=3))
    with pytest.raises(MappingError, match="give a field map"):
        RemotePolicy(url, echo.spec, CAMERAS)
    with pytest.raises(RemoteError, match=r"shape \(10, 3\); robot 'toy' takes \(horizon, 2\): v.0, v.1"):
        RemotePolicy(url, echo.spec, CAMERAS, fields=FieldMap.parse("state=q"))


def test_an_answer_that_comes_too_late_is_never_taken_for_the_next_one(openpi, echo, quick):
    handler = Openpi()
    remote = RemotePolicy(openpi(handler), echo.spec, fields=FieldMap.parse("state=q"), timeout=0.2)
    handler.delay = 0.5
    with pytest.raises(PolicyUnavailableError, match="no answer within 0.2 s"):
        remote.predict({"q": np.zeros((1, 2))})
    handler.delay = 0.0
    time.sleep(0.6)
    handler.horizon = 4  # what answers now is the new request: it is of another length, and refused
    with pytest.raises(PolicyUnavailableError, match=r"shape \(4, 2\)"):
        remote.predict({"q": np.zeros((1, 2))})
    remote.close()


def test_a_robot_computer_without_torch_runs_a_policy_of_a_server(serve, echo):
    code = (
        "import sys; sys.modules['torch'] = None\n"  # importing torch now fails
        "import numpy as np\n"
        "from robot_rl.hardware.config import CameraConfig\n"
        "from robot_rl.policies.modes import ExecutionConfig, make_executor\n"
        "from robot_rl.serving.loading import load_policy\n"
        "from robot_rl.spec import Field, Layout, Spec\n"
        "spec = Spec('toy', 20.0, Layout((Field('q', (2,), unit='rad'),)), Layout((Field('v', (2,), unit='m/s'),)))\n"
        "policy = load_policy(sys.argv[1], spec, {'front': CameraConfig('front', 'x', 6, 4, 20.0)})\n"
        "executor = make_executor(policy, ExecutionConfig(), simulated=True)\n"
        "print(executor.act({'q': np.array([3.0, 4.0]), 'front': np.zeros((4, 6, 3), np.uint8)}).tolist())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, address(serve(echo))], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout == "[3.0, 4.0]\n", result.stderr


def test_a_server_may_describe_its_policy_badly_and_is_refused(openpi, echo):
    def handler(connection):
        connection.send(msgpack.packb({"robot_rl": {"spec": 3}}))

    with pytest.raises(RemoteError, match="describes its policy badly"):
        RemotePolicy(openpi(handler), echo.spec)


def test_the_fields_of_another_layout_are_kept_in_their_order(serve, echo):
    echo.spec = Spec("toy", 20.0, Layout((Field("grip", (1,)), Field("q", (2,), unit="rad"))), echo.spec.action)
    remote = RemotePolicy(address(serve(echo)), echo.spec, CAMERAS)
    assert list(remote.inputs) == ["q", "front"]
    remote.close()


def test_a_refused_policy_leaves_no_connection_that_keeps_the_process_from_ending(openpi, echo):
    before = set(threading.enumerate())
    with pytest.raises(MappingError):
        RemotePolicy(openpi(Openpi()), echo.spec, CAMERAS)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any("recv_events" in t.name for t in set(threading.enumerate()) - before):
        time.sleep(0.02)
    assert not [t.name for t in set(threading.enumerate()) - before if "recv_events" in t.name]
