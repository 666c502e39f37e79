import json
import os
import select
import shutil
import signal
import subprocess
import sys
from base64 import b64decode
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

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
    "--remote-debugging-pipe",
)


class Chromium:
    """A real browser without a window or a network, driven over a pipe (the Chrome DevTools Protocol)."""

    def __init__(self, program: str, profile: Path):
        their_in, self._out = os.pipe()
        self._in, their_out = os.pipe()
        # The browser reads commands from descriptor 3 and writes answers to descriptor 4.
        redirect = f'exec "$0" "$@" 3<&{their_in} 4>&{their_out}'
        command = ["bash", "-c", redirect, program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(their_in, their_out), start_new_session=True, **quiet)
        os.close(their_in)
        os.close(their_out)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; events in between are added to `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, width: int = 1280, scheme: str = "light") -> None:
        """Load a page into a window of `width` px, light or dark, and forget earlier events."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while not self.named("Page.loadEventFired"):
            self.events.append(self._receive())

    def evaluate(self, script: str) -> Any:
        """The value of a script, or of the promise it makes, run in the page despite its security policy."""
        request = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.ask("Runtime.evaluate", **request)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        """A PNG of the window."""
        return b64decode(self.ask("Page.captureScreenshot")["data"])

    def named(self, *methods: str) -> list[dict[str, Any]]:
        """The parameters of all events of these names since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], 200)
            assert ready, "the browser has been silent for three minutes"
            data = os.read(self._in, 1 << 20)
            assert data, "the browser ended"
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(line)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    program = next((path for path in found if path), None)
    if program is None:
        message = "no chromium to open pages with: apt-get install chromium"
        pytest.fail(message) if os.environ.get("PRAXIA_CI") == "1" else pytest.skip(message)
    browser = Chromium(program, tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


class Document(HTMLParser):
    """A parsed page: every tag with its attributes, and the text of table cells by row."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data):
        if self._in_cell:
            self.rows[-1][-1] += data

    def row(self, heading: str) -> list[str]:
        """The cells of the first table row that begins with `heading`."""
        return next(row for row in self.rows if row and row[0].startswith(heading))


@pytest.fixture
def document():
    return Document


@pytest.fixture(scope="module")
def runner():
    """Worker processes for replays of the ball environment."""
    from ball_world import build

    from praxia.studio.replay import ReplayRunner

    with closing(ReplayRunner(build)) as workers:
        yield workers


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory):
    """A data set of three episodes: two of "push", of which one failed, and one of "turn"."""
    from ball_world import episode

    from praxia.data.finalize import finalize
    from praxia.data.recording import begin_recording
    from praxia.data.staging import stage_episode

    root = tmp_path_factory.mktemp("recorded") / "demos"
    begin_recording(root, {"seed": 0})
    for index, (task, succeeded) in enumerate((("push", True), ("push", False), ("turn", True))):
        recorded = episode(task, succeeded)
        stage_episode(root, index, recorded)
    finalize(root, recorded.embodiment, {"seed": 0})
    return root
