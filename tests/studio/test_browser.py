"""The page in a real browser."""

import json
import re
from html import unescape

import pytest
from ball_world import build, judge, train

from praxia.studio.report import report

pytestmark = pytest.mark.browser

PROBE = """<script>
const problems = [];
addEventListener("error", event => problems.push(String(event.message || event.target.src)), true);
addEventListener("load", async () => {
  const films = [];
  for (const video of document.querySelectorAll("video")) {
    let played = "played";
    try { await video.play(); await new Promise(done => setTimeout(done, 150)); } catch (error) { played = String(error); }
    films.push({ready: video.readyState, width: video.videoWidth, seconds: video.duration, at: video.currentTime, played});
  }
  const wide = document.documentElement.scrollWidth - innerWidth;
  const probe = document.createElement("pre");
  probe.id = "probe";
  probe.textContent = JSON.stringify({films, wide, problems, ink: getComputedStyle(document.body).color});
  document.body.append(probe);
});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory, tiny_dataset):
    root = tmp_path_factory.mktemp("page")
    judge(root / "seeing.jsonl", {"push": "sf", "a-task-with-quite-a-long-name": "sf"})
    judge(root / "a.jsonl", {"push": "ff", "a-task-with-quite-a-long-name": "fe"}, control="swapped-image")
    train(root / "seeing-run")
    return report([root, tiny_dataset], root / "report.html", build=build)


def probe(chromium, page, *options):
    """What a script of ours finds on the page, which itself allows none: so on a copy without that rule."""
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', PROBE, page.read_text())
    copy = page.with_name("probed.html")
    copy.write_text(html)
    dom = chromium.run(
        copy, "--autoplay-policy=no-user-gesture-required", "--timeout=5000", *options, "--dump-dom"
    ).stdout
    return json.loads(unescape(re.search(r'<pre id="probe">(.*?)</pre>', dom, re.S)[1]))


def test_nothing_is_wrong_on_the_page_as_it_is(chromium, page):
    assert chromium.console(page) == []


def test_every_film_plays(chromium, page):
    found = probe(chromium, page)
    assert found["problems"] == []
    assert len(found["films"]) == 4
    for film in found["films"]:
        assert film["played"] == "played"
        assert film["ready"] >= 2, "there is a picture"
        assert film["width"] == 256
        assert film["at"] > 0
        assert film["seconds"] == pytest.approx(0.3 + 0.5, abs=0.6)


@pytest.mark.parametrize("width", [1280, 420])
def test_only_tables_scroll_sideways(chromium, page, width):
    assert probe(chromium, page, f"--window-size={width},900")["wide"] <= 0


def test_the_page_is_drawn_light_and_dark(chromium, page, tmp_path):
    drawn = {}
    for scheme, number in (("dark", 0), ("light", 1)):
        out = tmp_path / f"{scheme}.png"
        chromium.run(page, f"--blink-settings=preferredColorScheme={number}", f"--screenshot={out}")
        drawn[scheme] = mean_brightness(out)
    assert drawn["dark"] < 80 < 200 < drawn["light"]


def mean_brightness(png):
    import av

    with av.open(str(png)) as container:
        return next(container.decode(video=0)).to_ndarray(format="gray").mean()
