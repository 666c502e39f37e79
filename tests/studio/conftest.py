import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

# Worker processes import the ball world by name, so it must be importable and not only loaded by path.
sys.path.insert(0, str(Path(__file__).parent))

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


class Chromium:
    """A real browser, without a window and without a network."""

    def __init__(self, program: str, profiles: Path):
        self._program = program
        self._profiles = profiles
        self._count = 0

    def run(self, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """Open `page` in a new, empty profile. What pages log to the console is in `stderr`."""
        self._count += 1
        profile = self._profiles / f"profile-{self._count}"
        command = [
            self._program,
            *FLAGS,
            f"--user-data-dir={profile}",
            "--enable-logging=stderr",
            *options,
            page.as_uri(),
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)

    def console(self, page: Path) -> list[str]:
        """Everything that the page logged, errors among it."""
        return [line for line in self.run(page, "--dump-dom").stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    program = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if program is None:
        message = "no chromium to open pages with: apt-get install chromium"
        pytest.fail(message) if os.environ.get("PRAXIA_CI") == "1" else pytest.skip(message)
    return Chromium(program, tmp_path_factory.mktemp("chromium"))


class Document(HTMLParser):
    """A page taken apart: every tag with its attributes, and all text by the tag that it is in."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def row(self, heading: str) -> list[str]:
        """The cells of the first table row that begins with `heading`."""
        return next(row for row in self.rows if row and row[0].startswith(heading))


@pytest.fixture
def document():
    return Document


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory):
    """A data set of three episodes: two of "push", of which one failed, and one of "turn"."""
    from ball_world import episode

    from praxia.data.compact import compact
    from praxia.data.recording import begin
    from praxia.data.staging import stage_episode

    root = tmp_path_factory.mktemp("recorded") / "demos"
    begin(root, {"seed": 0})
    for index, (task, succeeded) in enumerate((("push", True), ("push", False), ("turn", True))):
        recorded = episode(task, succeeded)
        stage_episode(root, index, recorded)
    compact(root, recorded.embodiment, {"seed": 0})
    return root
