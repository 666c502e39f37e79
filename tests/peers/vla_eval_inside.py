"""Runs in the environment of `vla-eval`: its connection asks a server, as its benchmarks do. See `vla_eval_peer.py`."""

import json
import sys
from pathlib import Path
from urllib.parse import quote

import anyio
import numpy as np
from vla_eval.connection import Connection

TEXT = "push the block to the left"


async def main(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text())
    data = np.load(folder / "observations.npz")
    images, states = data["images"], data["states"]
    address = f"ws://127.0.0.1:{request['port']}/vla-eval"
    right = f"{address}?key={quote(request['key'])}&execution_horizon={request['execution_horizon']}"
    shape = (request["clients"], request["episodes"], request["steps"])
    actions, errors = np.zeros((*shape, request["action_dim"]), np.float32), []

    def observation(*where):
        return {"images": {"front": images[where]}, "state": states[where], "task_description": TEXT}

    async def run(client):
        async with Connection(right) as connection:
            for episode in range(shape[1]):
                await connection.start_episode({"task": {"name": "peer", "episode": f"{client}/{episode}"}})
                for step in range(shape[2]):
                    if episode == 1 and step == 0:
                        try:
                            await connection.act({"image": images[client, episode, step]})
                        except RuntimeError as raised:
                            errors.append(str(raised))
                    answer = await connection.act(observation(client, episode, step))
                    actions[client, episode, step] = answer["actions"]
                await connection.end_episode({"metrics": {"success": True}})
                if episode == 1:
                    await connection.reconnect()

    async with anyio.create_task_group() as group:
        for client in range(shape[0]):
            group.start_soon(run, client)
    try:
        await Connection(f"{address}?key=wrong", max_retries=1).connect()
    except Exception as raised:
        errors.append(str(raised))
    np.savez(folder / "response.npz", actions=actions, errors=np.array(errors))


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
