"""Serving policies to clients elsewhere: one core without a network, and the server that puts wires around it.

| Module | Content |
|---|---|
| `worker` | the thread that infers, and gathers waiting requests into its next batch |
| `sessions` | the served policy, and the sessions of its clients: history, step, place in the carry |
| `metrics` | what Prometheus reads |
| `connection` | one client over the network: limits and pace |
| `conversations` | what is said over each wire |
| `groot` | GR00T's wire, on a ZeroMQ socket of its own |
| `server` | asyncio, websockets, HTTP: who may connect, to which policy, by which wire |
"""

__all__: list[str] = []
