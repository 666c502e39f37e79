"""What processes do with their groups as they end; `test_sharding.py` launches some."""

import atexit
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from lightning.fabric import Fabric
from lightning.fabric.strategies.model_parallel import ModelParallelStrategy

from praxia.training.fabric import leave_at_exit


@pytest.mark.parametrize("entries", [{}, {"_pg_registry": {"one": "group"}}], ids=["torch 2.10", "torch 2.11"])
def test_a_mesh_lets_go_of_the_groups_it_has(entries, monkeypatch):
    registered = []
    monkeypatch.setattr(atexit, "register", registered.append)
    mesh = SimpleNamespace(**entries)
    strategy = Mock(spec=ModelParallelStrategy, device_mesh=mesh)
    leave_at_exit(Mock(spec=Fabric, world_size=2, strategy=strategy))
    assert not any(vars(mesh).values())
    assert len(registered) == 1
