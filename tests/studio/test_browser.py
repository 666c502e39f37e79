"""The page in a real browser."""

import io

import av
import pytest
from ball_world import build, write_results, write_run

from praxia.studio.comparison import group_by_benchmark
from praxia.studio.report import render_report, write_report
from praxia.studio.sources import read_sources

pytestmark = pytest.mark.browser

PLAY = """(async () => {
  const videos = [];
  for (const video of document.querySelectorAll("video")) {
    await video.play();
    await new Promise(done => video.addEventListener("timeupdate", done, {once: true}));
    videos.push({ready: video.readyState, width: video.videoWidth, seconds: video.duration, problem: video.error});
    video.pause();
  }
  return videos;
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory, tiny_dataset):
    root = tmp_path_factory.mktemp("page")
    write_results(root / "seeing.jsonl", {"push": "sf", "a-task-with-quite-a-long-name": "sf"})
    write_results(root / "a.jsonl", {"push": "ff", "a-task-with-quite-a-long-name": "fe"}, control="swapped-image")
    write_run(root / "seeing-run")
    return write_report([root, tiny_dataset], root / "report.html", build=build)


@pytest.fixture(scope="module")
def axes(tmp_path_factory):
    """Every axis with groups, and all controls and references of Tabletop."""
    root = tmp_path_factory.mktemp("axes")
    others = [{"control": "other-instruction"}, {"control": "swapped-image"}]
    others += [{"policy": name, "sha256": name} for name in ("language-free", "blind", "expert", "after-5-minutes")]
    for axis in ("train", "task", "scene", "embodiment", "long"):
        settings = {"benchmark": f"ball/{axis}", "axis": axis, "groups": {"distractors": ["push"]}}
        for number, other in enumerate([{}, *others]):
            write_results(root / f"{axis}{number}.jsonl", {"push": "shfe", "lift": "f"}, **settings, **other)
    sources = read_sources([root])
    out = root / "report.html"
    out.write_text(render_report(sources, group_by_benchmark(sources), {}))
    return out


def test_the_browser_reports_no_problem_and_the_page_makes_no_request(chromium, page):
    chromium.open(page)
    assert chromium.named("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []
    urls = [event["request"]["url"] for event in chromium.named("Network.requestWillBeSent")]
    assert [url for url in urls if not url.startswith("data:")] == [page.as_uri()]


def test_every_video_plays(chromium, page):
    chromium.open(page)
    videos = chromium.evaluate(PLAY)
    assert len(videos) == 4
    for video in videos:
        assert video["problem"] is None
        assert video["ready"] >= 2, "there is an image"
        assert video["width"] == 256
    # 26 steps and 60 steps at 80 Hz, and half a second at the end.
    assert videos[0]["seconds"] == pytest.approx(26 / 80 + 0.5, abs=0.05)
    assert videos[1]["seconds"] == pytest.approx(60 / 80 + 0.5, abs=0.05)


@pytest.mark.parametrize("width", [1280, 420, 390])
def test_the_page_never_scrolls_sideways(chromium, page, width):
    chromium.open(page, width)
    chromium.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def versus(tmp_path_factory):
    """Two policies, long names, and a run with long paths."""
    root = tmp_path_factory.mktemp("versus")
    tasks = {"push": "ssssss", "a-task-with-quite-a-long-name": "sfsfsf"}
    write_results(root / "new.jsonl", tasks, policy="runs/a-policy-with-a-long-name/policy", sha256="be1f" * 16)
    write_results(root / "old.jsonl", dict.fromkeys(tasks, "f" * 6), policy="runs/old/policy")
    write_run(root / "old")
    sources = read_sources([root])
    out = root / "report.html"
    out.write_text(render_report(sources, group_by_benchmark(sources), {}))
    return out


def test_a_comparison_fits_a_phone_and_its_wide_tables_scroll_by_themselves(chromium, versus):
    chromium.open(versus, 390)
    assert chromium.evaluate("document.documentElement.scrollWidth") <= 390
    wide = "[...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert chromium.evaluate(wide) >= 1


def test_the_contents_lead_to_their_sections(chromium, versus):
    chromium.open(versus)
    chromium.evaluate("[...document.querySelectorAll('.contents a')].at(-1).click()")
    assert chromium.evaluate("location.hash.slice(1) === document.querySelector('main > section:last-child').id")
    assert chromium.evaluate("window.scrollY") > 0


@pytest.mark.parametrize("width", [1280, 420])
def test_the_chart_of_the_axes_fits_a_window_and_scrolls_by_itself_in_a_narrow_one(chromium, axes, width):
    chromium.open(axes, width)
    chart = "document.querySelector('.axes')"
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    assert chromium.evaluate(f"{chart}.scrollWidth > {chart}.clientWidth") == (width == 420)


def test_a_wide_table_scrolls_by_itself_and_from_the_keyboard(chromium, page):
    chromium.open(page, 420)
    table = "document.querySelector('.wide')"
    assert chromium.evaluate(f"{table}.scrollWidth > {table}.clientWidth")
    assert chromium.evaluate(f"{table}.focus(), document.activeElement === {table}")


def test_the_page_is_drawn_light_and_dark(chromium, page):
    brightness = {}
    for scheme in ("light", "dark"):
        chromium.open(page, scheme=scheme)
        with av.open(io.BytesIO(chromium.screenshot())) as image:
            brightness[scheme] = next(image.decode(video=0)).to_ndarray(format="gray").mean()
    assert brightness["dark"] < 80 < 200 < brightness["light"]


def test_a_script_in_the_page_would_not_run(chromium, page):
    attacked = page.with_name("attacked.html")
    attacked.write_text(page.read_text().replace("</main>", "<script>document.title = 'mine'</script></main>"))
    chromium.open(attacked)
    assert chromium.evaluate("document.title") == "Praxia report: ball/plain"
    assert chromium.named("Log.entryAdded"), "the browser says that it refused"
