"""What launchers set in the environment, and which launches are refused."""

import pytest
import torch

from praxia.core.errors import PraxiaError
from praxia.training.ranks import accelerator, expect_known_launch, expect_shares, num_processes

NAMES = ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "SLURM_NNODES", "SLURM_JOB_NUM_NODES", "SLURM_STEP_NUM_NODES")
NAMES += ("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "TORCHELASTIC_RUN_ID")


@pytest.fixture
def launched(monkeypatch):
    def launch(**variables):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    launch()
    return launch


@pytest.mark.parametrize(
    ("variables", "got"),
    [
        ({"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}, "4 processes of which 2 are here"),
        (
            {"WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none"},
            "3 processes of which 2 are here",
        ),
        ({"WORLD_SIZE": "2"}, "2 processes of which 1 are here"),
        ({"SLURM_NNODES": "2"}, "2 nodes of Slurm, got 1 of a run on its own"),
        ({"SLURM_JOB_NUM_NODES": "3", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, "3 nodes of Slurm"),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "1", "SLURM_NNODES": "1"}, "expected one task of Slurm, got 4"),
        ({"SLURM_STEP_NUM_TASKS": "2"}, "expected one task of Slurm, got 2"),
    ],
)
def test_runs_that_would_not_know_of_each_other_are_refused(launched, variables, got):
    launched(**variables)
    with pytest.raises(PraxiaError, match=f"{got}.*`torchrun --(standalone|nnodes)"):
        expect_known_launch()


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"},
        {"SLURM_NNODES": "1", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"},
        {"SLURM_NNODES": "1", "SLURM_NTASKS": "8"},  # a shell within an allocation
        {"SLURM_NNODES": "1", "SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},
        {"SLURM_NTASKS": "2", "SLURM_PROCID": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"},
        {"SLURM_NNODES": "2", "SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NUM_TASKS": "1"},  # one step on one node
        {"SLURM_NNODES": ""},
        {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none"},
        {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none", "SLURM_NNODES": "2"},
    ],
)
def test_processes_that_know_of_each_other_are_not(launched, variables):
    launched(**variables)
    expect_known_launch()


@pytest.mark.parametrize(("rows", "nearest"), [(1, 2), (3, 4), (7, 8), (9, 8)])
def test_a_batch_that_cannot_be_shared_is_refused(launched, rows, nearest):
    launched(LOCAL_WORLD_SIZE="2", WORLD_SIZE="2")
    assert num_processes() == 2
    expect_shares(8, "train.batch-size", 1)
    with pytest.raises(
        PraxiaError, match=rf"--train\.batch-size to be a multiple of the 2 .* got {rows}; nearest: {nearest}"
    ):
        expect_shares(rows, "train.batch-size", 1)


def test_parts_of_a_batch_are_of_equal_size(launched):
    expect_shares(12, "train.batch-size", 4)
    with pytest.raises(PraxiaError, match=r"a multiple of 4 \(1 processes of .* 4\), got 10; nearest: 8"):
        expect_shares(10, "train.batch-size", 4)
    launched(LOCAL_WORLD_SIZE="2", WORLD_SIZE="2")
    with pytest.raises(PraxiaError, match=r"a multiple of 8 \(2 processes of --train.accumulate 4\), got 12"):
        expect_shares(12, "train.batch-size", 4)


def test_processes_train_on_as_many_devices_of_a_kind(launched, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert accelerator(None) == {"accelerator": "auto", "devices": 1, "num_nodes": 1}
    assert accelerator("cpu") == {"accelerator": "cpu", "devices": 1, "num_nodes": 1}
    assert accelerator("cuda:1") == {"accelerator": "cuda", "devices": [1], "num_nodes": 1}
    launched(LOCAL_WORLD_SIZE="2", WORLD_SIZE="2")
    assert accelerator("cuda") == {"accelerator": "cuda", "devices": 2, "num_nodes": 1}
    with pytest.raises(PraxiaError, match=r"expected --device cuda for 2 processes, got cuda:1, which is one of it"):
        accelerator("cuda:1")


def test_processes_of_several_machines_have_the_devices_of_theirs(launched):
    launched(LOCAL_WORLD_SIZE="2", WORLD_SIZE="6")
    assert num_processes() == 6
    assert accelerator("cpu") == {"accelerator": "cpu", "devices": 2, "num_nodes": 3}
    with pytest.raises(PraxiaError, match="to be a multiple of the 6 processes"):
        expect_shares(8, "train.batch-size", 1)
