"""What is the folder of a policy, and the policy's identity: hashes that depend neither on its place nor its name."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from praxia.core.types import Sampling

__all__ = ["PolicyIdentity", "holds_policy", "policy_sha256"]

# What does not change an action: where the policy comes from, how its file is written, and the hash itself.
_EXCLUDED = frozenset(("provenance", "schema", "policy_sha256"))


@dataclass(frozen=True)
class PolicyIdentity:
    """`policy_sha256` covers everything that can change an action, `weights_sha256` the file of the weights alone.

    `sampling`, which the former covers too, holds the options that differ from the folder's config.
    """

    policy_sha256: str
    weights_sha256: str
    sampling: Sampling = field(default_factory=Sampling)

    def to_json(self) -> dict[str, str]:
        """Both hashes."""
        return {"policy_sha256": self.policy_sha256, "weights_sha256": self.weights_sha256}


def holds_policy(path: Path) -> bool:
    """Whether it is the folder of a policy, or of a run that has trained one or will."""
    return any((path / name).is_file() for name in ("policy.json", "policy/policy.json", "run.json"))


def policy_sha256(value: Mapping[str, Any]) -> str:
    """SHA-256 over `policy.json` without its provenance; the weights enter by their hash in it.

    The order of names in an object does not count, that of the items of a list does.
    """
    essence = {name: item for name, item in value.items() if name not in _EXCLUDED}
    # As read back from a file, where every name is a string.
    plain = json.loads(json.dumps(essence))
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
