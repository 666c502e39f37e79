"""One version of Praxia at work: commands under the source of a tree, in a folder of its own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from same_compare import Pairs, mapped

__all__ = ["Side", "export"]

# Many commands in one process: most of the time of a short one would go into imports.
DRIVER = """
import contextlib, io, json, sys
from pathlib import Path


def said(words):
    from praxia.cli.main import main

    printed, code = io.StringIO(), 0
    with contextlib.redirect_stdout(printed):
        try:
            main([*words, "--json"])
        except SystemExit as end:
            code = int(end.code or 0)
    found = json.loads(printed.getvalue() or "null")
    return {"failed": code, "said": found} if code else found


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    for name, words in json.loads(Path(sys.argv[1]).read_text()):
        print("$", *words, file=sys.stderr, flush=True)
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(json.dumps(said(words)))
"""


def export(repository: Path, revision: str, folder: Path) -> Path:
    """The files of a revision, in `folder`."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", repository, "archive", revision], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


@dataclass(frozen=True)
class Side:
    """`tree` is what is run, `folder` where, `options` and `modules` what words and names of before are called here."""

    name: str
    tree: Path
    folder: Path
    options: Pairs = ()
    modules: Pairs = ()

    def run(self, part: str, commands: Sequence[str]) -> None:
        """Do `commands`, as they were typed before; what the n-th prints is then in `said/PART/N.json`.

        Raises:
            SystemExit: one is refused.
        """
        asked = [(f"said/{part}/{number:02d}.json", self._words(one)) for number, one in enumerate(commands)]
        (self.folder / "ask.json").write_text(json.dumps(asked))
        (self.folder / "driver.py").write_text(mapped(DRIVER, self.modules))
        self._python("driver.py", "ask.json")
        for name, words in asked:
            found = json.loads((self.folder / name).read_text())
            if "failed" in (found or ()):
                raise SystemExit(f"the {self.name} side refused `praxia {' '.join(words)}`: {found['said']}")

    def probe(self, source: str, *arguments: str) -> None:
        """Do what a piece of Python of before says."""
        (self.folder / "probe.py").write_text(mapped(source, self.modules))
        self._python("probe.py", *arguments)

    def kill(self, command: str, ready: Callable[[Path], bool]) -> None:
        """Begin a command, and kill it once `ready` says so of the folder."""
        arguments = [sys.executable, "-m", "praxia", *self._words(command)]
        with self._log() as log:
            process = subprocess.Popen(arguments, cwd=self.folder, env=self._environment, stdout=log, stderr=log)
            try:
                while process.poll() is None and not ready(self.folder):
                    time.sleep(0.01)
            finally:
                process.kill()
                process.wait()

    def take(self, other: "Side", name: str) -> str:
        """Copy a file or folder of the other side, as if a user had brought it; where it is now."""
        place = self.folder / "brought" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        source = other.folder / name
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True)
        else:
            shutil.copy(source, place)
        return f"brought/{name}"

    def last_lines(self) -> str:
        """Of what was said on stderr."""
        return "\n".join((self.folder / "log.txt").read_text().splitlines()[-30:])

    def _words(self, command: str) -> list[str]:
        return [mapped(word, self.options) for word in command.split()]

    def _python(self, *arguments: str) -> None:
        with self._log() as log:
            command = [sys.executable, *arguments]
            done = subprocess.run(command, cwd=self.folder, env=self._environment, stdout=log, stderr=log, check=False)
        if done.returncode:
            raise SystemExit(f"the {self.name} side failed:\n{self.last_lines()}")

    def _log(self):
        return (self.folder / "log.txt").open("a")

    @property
    def _environment(self) -> dict[str, str]:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        ours = {"PYTHONPATH": str(self.tree / "src"), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
        return {**os.environ, "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl"), **threads, **ours}
