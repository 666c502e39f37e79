"""Wires: how clients talk to a policy server. Pure codecs between bytes and messages, and the policy that is a server.

| Module | Content |
|---|---|
| `messages` | what every wire carries: requests, replies, the description of a served policy |
| `packing` | msgpack with arrays and images, within limits; nothing is ever unpickled |
| `openpi` | the wire of openpi's websocket server and client |
| `vla_eval` | the wire of vla-evaluation-harness |
| `groot` | the wire of GR00T's policy server |
| `remote` | a policy whose decisions a server makes |
| `mapping` | the same for another's server, with its names, sizes and units |
"""

__all__: list[str] = []
