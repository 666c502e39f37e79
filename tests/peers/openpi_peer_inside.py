"""Runs in the environment of `openpi-client`: asks a server, and writes what it answered. See `openpi_peer.py`."""

import json
import sys
import threading
from pathlib import Path

import numpy as np
from openpi_client.websocket_client_policy import WebsocketClientPolicy

TEXT = "push the block to the left"


def main(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text())
    data = np.load(folder / "observations.npz")
    images, states = data["images"], data["states"]
    port, key = request["port"], request["key"]

    def connect(path=None):
        if path is None:
            return WebsocketClientPolicy("127.0.0.1", port, api_key=key)
        return WebsocketClientPolicy(f"ws://127.0.0.1:{port}/{path}", api_key=key)

    def observation(*where):
        return {"observation/front": images[where], "observation/state": states[where], "prompt": TEXT}

    def chunk(server, *where, **more):
        reply = server.infer({**observation(*where), **more})
        assert set(reply) == {"actions", "policy_timing", "server_timing"}, reply
        assert reply["policy_timing"]["infer_ms"] > 0
        return reply["actions"]

    def error_of(server, wrong):
        """The line with which the server answers a wrong observation."""
        try:
            server.infer(wrong)
        except RuntimeError as raised:
            return str(raised).partition("\n")[2]
        raise AssertionError(f"no error for {sorted(wrong)}")

    episodes, steps = range(request["episodes"]), range(request["steps"])
    if request["scenario"] == "batched":
        found = [None] * request["clients"]

        def run(client):
            server = connect("ab"[client % 2])
            found[client] = [
                [chunk(server, client, episode, step, episode=f"{client}/{episode}", step=step) for step in steps]
                for episode in episodes
            ]

        threads = [threading.Thread(target=run, args=(client,)) for client in range(request["clients"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        np.savez(folder / "response.npz", actions=np.array(found))
        return

    keys, actions = [[], []], [[], []]
    for episode in episodes:
        servers = [connect(), connect()]
        for client, server in enumerate(servers):
            keys[client].append(server.get_server_metadata()["praxia"]["episode"])
            actions[client].append([])
        for step in steps:
            for client, server in enumerate(servers):
                actions[client][episode].append(chunk(server, client, episode, step))
    server = connect()
    named = [[chunk(server, 0, episode, step, episode=f"mine/{episode}") for step in steps] for episode in episodes]

    errors = []
    for wrong in (
        {**observation(0, 0, 0), "observation/frnt": images[0, 0, 0]},
        {**observation(0, 0, 0), "observation/state": np.zeros(5)},
        {"prompt": TEXT},
        {**observation(0, 0, 0), "observation/state": np.array([1.0, np.nan, 0.0])},
        {**observation(0, 0, 0), "prompt": np.array(["text"])},
    ):
        errors.append(error_of(connect(), wrong))
        assert chunk(connect(), 0, 0, 0).shape == actions[0][0][0].shape
    try:
        WebsocketClientPolicy("127.0.0.1", port, api_key="wrong")
    except Exception as raised:
        errors.append(str(raised))
    np.savez(
        folder / "response.npz",
        keys=np.array(keys),
        actions=np.array(actions),
        named=np.array(named),
        errors=np.array(errors),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
