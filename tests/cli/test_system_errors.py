"""An error of the operating system is one line and exit code 2, and nothing that was written is lost."""

import errno
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

import psutil
import pytest

from praxia.cli import info
from praxia.cli.main import main
from praxia.cli.system_errors import describe_system_error

ONE = ("--episodes", "1", "--workers", "1")
JUDGE = ("--benchmark", "bimodal")
RUN = ("eval", "zero", "--out", "/runs/out")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "set"
    assert ended("collect", "bimodal", "--tasks", "all", *ONE, "--out", str(root)) == 0
    return root


def ended(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code


def begun(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "praxia", *map(str, arguments)], stderr=subprocess.PIPE, text=True, **options
    )


# Paths where no user, not even root, can create anything.
UNDER_A_FILE, IN_A_CIRCLE, TOO_LONG = "file/more/out", "circle/out", "n" * 300


@pytest.mark.parametrize(
    ("words", "unusable"),
    [
        (("collect", "bimodal", "--tasks", "all", *ONE), UNDER_A_FILE),
        (("train", "flow-bimodal", "--data", "DATA", "--train.steps", "1", "--train.batch-size", "2"), TOO_LONG),
        (("eval", "zero", *JUDGE, *ONE), UNDER_A_FILE),
        (("eval", "zero", *JUDGE, *ONE), TOO_LONG),
        (("compare", "zero", "random", *JUDGE, *ONE), IN_A_CIRCLE),
        (("report", "DATA"), UNDER_A_FILE),
        (("tokenizer", "fit", "DATA"), TOO_LONG),
        (("study", "demo", "--scale", "0.01", "--workers", "1"), IN_A_CIRCLE),
        (("data", "edit", "delete", "DATA", "--episodes", "0"), IN_A_CIRCLE),
        (("data", "export", "robomimic", "DATA"), UNDER_A_FILE),
        (("data", "export", "aloha", "DATA"), IN_A_CIRCLE),
        (("data", "view", "DATA"), IN_A_CIRCLE),
    ],
)
def test_an_output_that_cannot_be_made_is_one_line(words, unusable, data, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    given = [str(data) if word == "DATA" else word for word in words]
    assert ended(*given, "--out", str(tmp_path / unusable)) == 2
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("praxia: ")]
    assert len(said) == 1


def test_a_full_disk_keeps_the_rows_that_were_written(tmp_path):
    def little():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    # Python itself would cut the bytecode that it keeps of modules, for every later process.
    keeping_none = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

    out = tmp_path / "out.jsonl"
    evaluation = ("eval", "zero", *JUDGE, "--episodes", "30", "--workers", "1", "--out", out)
    with begun(*evaluation, preexec_fn=little, env=keeping_none) as evaluating:  # as on a full disk, for any user
        said = evaluating.stderr.read()
    assert evaluating.returncode == 2
    assert "Traceback" not in said
    assert said.strip().splitlines()[-1].startswith(f"praxia: {out} would exceed the maximum file size")
    whole = [line for line in out.read_text().splitlines(keepends=True) if line.endswith("\n")]
    assert 0 < len(whole) < 30
    assert ended(*map(str, evaluation), "--resume") == 0
    assert set(whole) < set(out.read_text().splitlines(keepends=True))


@pytest.mark.parametrize("words", [("--help",), ("info", "--benchmarks"), ("recipes", "--json"), ("eval", "--help")])
def test_a_broken_pipe_of_stdout_is_no_error(words):
    mine, theirs = os.pipe()
    os.close(mine)
    with begun(*words, stdout=theirs) as talking:
        os.close(theirs)
        said = talking.stderr.read()
    assert (talking.returncode, said) == (141, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_broken_pipe_of_stderr_is_no_error(tmp_path, unbuffered):
    mine, theirs = os.pipe()
    os.close(mine)
    command = [sys.executable, "-m", "praxia", "data", "info", str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    assert subprocess.run(command, stderr=theirs, timeout=240, env=environment).returncode == 141
    os.close(theirs)


def test_with_stderr_closed_nothing_else_is_on_stdout(tmp_path):
    command = f'"{sys.executable}" -m praxia data info "{tmp_path}" --json 2>&-'
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, timeout=240)
    assert (done.returncode, list(json.loads(done.stdout))) == (2, ["error"])


def test_a_result_that_cannot_be_printed_is_one_line():
    with open("/dev/full", "w") as full, begun("recipes", "--json", stdout=full) as talking:
        said = talking.stderr.read()
    assert (talking.returncode, said) == (2, "praxia: the result cannot be printed: No space left on device\n")


def test_an_interrupted_verb_reports_it_and_ends_its_workers(tmp_path):
    out = tmp_path / "set"
    words = ("collect", "bimodal", "--tasks", "all", "--episodes", "5000", "--workers", "2", "--out", out)
    with begun(*words, start_new_session=True) as recording:
        end = time.monotonic() + 240
        while not list(out.glob(".staging/*/*")):
            assert time.monotonic() < end
            time.sleep(0.05)
        workers = psutil.Process(recording.pid).children()
        os.killpg(recording.pid, signal.SIGINT)  # as a terminal does: all processes receive it
        said = recording.stderr.read()
    assert recording.returncode == 130
    assert "Traceback" not in said
    assert said.count("praxia: interrupted") == 1
    assert workers
    assert not psutil.wait_procs(workers, timeout=60)[1]


def test_every_verb_is_interrupted_alike(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "run", interrupted)
    before = signal.getsignal(signal.SIGINT)
    try:
        assert ended("info", "--json") == 130
        os.kill(os.getpid(), signal.SIGINT)  # a second one is not heard
    finally:
        signal.signal(signal.SIGINT, before)
    captured = capsys.readouterr()
    assert captured.err.startswith("praxia: interrupted")
    assert json.loads(captured.out)["error"].startswith("interrupted")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EMFILE, errno.EIO])
def test_an_error_without_a_file_name_names_the_output(number):
    named = describe_system_error(OSError(number, "refused", "/some/file"), ["collect", "--out", "/out"])
    unnamed = describe_system_error(OSError(number, "refused"), ["collect", "--out", "/out"])
    assert "/some/file" in str(named)
    assert "/out" in str(describe_system_error(OSError(number, "refused"), ["collect", "--out=/out"]))
    assert "/out" in str(unnamed)
    for path, said in {
        "/runs/.out.123.partial": "/runs/out",
        "/runs/out/meta/info.json": "/runs/out",
        "/runs/out.actions": "/runs/out",
        "/runs/data.jsonl": "/runs/data.jsonl",
    }.items():
        found = str(describe_system_error(OSError(number, "refused", path), RUN))
        assert re.findall(r"/runs/[\w./]*\w", found) == [said]


def test_a_full_disk_names_the_command_that_continues():
    error = OSError(errno.ENOSPC, "No space left on device")
    assert str(describe_system_error(error, RUN)).endswith("run the same command again with --resume")
    for words in ((*RUN, "--resume"), ("report", "set")):
        assert str(describe_system_error(error, words)).endswith("run the same command again")


def test_a_fault_of_ours_stays_one(monkeypatch):
    def faulty(arguments):
        raise FileNotFoundError(errno.ENOENT, "No such file", "/a/file/that/nobody/named")

    monkeypatch.setattr(info, "run", faulty)
    with pytest.raises(FileNotFoundError):
        main(["info", "/another"])
    assert ended("info", "/a/file") == 2
