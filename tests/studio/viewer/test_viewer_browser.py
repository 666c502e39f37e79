"""The page in a real browser: whatever is stepped, played or clicked, images and numbers are of one frame."""

import numpy as np
import pytest
import synthetic

from praxia.studio.viewer.view import write_viewer

pytestmark = pytest.mark.browser

# What is on the page now; `images` are the colours in the middle of 6 x 8 blocks of each camera's canvas.
NOW = """(() => {
  const text = id => document.getElementById(id).textContent;
  const block = (canvas, row, column) => [...canvas.getContext("2d").getImageData(
    (column + .5) * canvas.width / 8, (row + .5) * canvas.height / 6, 1, 1).data].slice(0, 3);
  const rows = canvas => [0, 1, 2, 3, 4, 5].map(row => [0, 1, 2, 3, 4, 5, 6, 7].map(at => block(canvas, row, at)));
  return {
    about: text("about"), instruction: text("instruction"), message: text("message"), time: text("time"),
    play: text("play"), frame: Number(text("frame").match(/frame ([0-9]+)/)?.[1]),
    cursors: [...document.querySelectorAll(".cursor:not(.hover)")].map(cursor => cursor.style.left),
    values: [...document.querySelectorAll(".plot:first-child .value")].map(value => value.textContent),
    shown: [...document.querySelectorAll("#episodes button:not([hidden])")].map(button => button.dataset.episode),
    scrubber: Number(document.getElementById("scrubber").value),
    images: Object.fromEntries([...document.querySelectorAll("canvas")].map(one => [one.dataset.camera, rows(one)])),
  };
})()"""

UNTIL = """new Promise((done, failed) => {
  const end = performance.now() + 120000;
  const poll = () => {
    const now = NOW;
    if (CONDITION) done(now);
    else if (performance.now() > end) failed(JSON.stringify({...now, images: null}));
    else requestAnimationFrame(poll);
  };
  poll();
})"""

PLAYED = """new Promise(done => {
  const seen = [];
  const poll = () => {
    const now = NOW;
    seen.push(now);
    now.play === "Play" ? done(seen) : requestAnimationFrame(poll);
  };
  document.getElementById("speed").value = "0.25";
  document.getElementById("play").click();
  poll();
})"""


class Page:
    """The page in the browser, with the actions of a user."""

    def __init__(self, chromium):
        self.chromium = chromium

    def until(self, condition):
        return self.chromium.evaluate(UNTIL.replace("NOW", NOW).replace("CONDITION", condition))

    def at(self, episode, frame):
        """Wait until a frame of an episode is shown."""
        return self.until(f"now.about.startsWith('episode {episode}') && now.frame === {frame}")

    def go(self, episode, frame):
        self.chromium.evaluate(f"location.hash = 'episode={episode}&frame={frame}'")
        return self.at(episode, frame)

    def press(self, key, modifiers=0):
        for kind in ("keyDown", "keyUp"):
            self.chromium.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=modifiers)

    def click(self, selector, across):
        """A click at a part of an element's width."""
        box = self.chromium.evaluate(
            f"(one => (one.scrollIntoView({{block: 'center'}}), one.getBoundingClientRect()).toJSON())"
            f"(document.querySelector({selector!r}))"
        )
        position = {"x": box["x"] + across * box["width"], "y": box["y"] + box["height"] / 2}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.chromium.ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **position)


@pytest.fixture
def opened(chromium, page):
    chromium.open(page)
    opened = Page(chromium)
    opened.at(0, 0)
    return opened


@pytest.fixture
def expect_in_step(demos):
    """Fails unless images, plots, scrubber and text show the same frame."""

    def check(now, episode, frame):
        for camera, blocks in now["images"].items():
            assert synthetic.read_label(np.array(blocks)) == (camera, episode, frame)
        length = int(demos.episodes.length[episode])
        cursors = [float(left.rstrip("%")) for left in now["cursors"]]
        assert cursors == pytest.approx([100 * (frame + 0.5) / length] * len(cursors), abs=1e-3)
        assert now["scrubber"] == frame
        assert float(now["time"].split()[0]) == pytest.approx(frame / 80, abs=6e-4)
        action = demos.column("action")[demos.episodes.first[episode] + frame]
        shown = [float(value.replace("−", "-")) for value in now["values"]]
        assert shown == pytest.approx(action[: len(shown)], abs=1e-4)

    return check


def test_the_drawn_pixels_are_of_the_frame_that_the_address_names(opened, expect_in_step):
    for episode, frame in [(1, 17), (1, 39), (1, 0), (4, 15), (3, 7), (0, 11), (2, 13), (1, 23), (1, 24), (1, 25)]:
        expect_in_step(opened.go(episode, frame), episode, frame)


def test_stepping_shows_every_frame_once(opened, expect_in_step):
    for frame in range(1, 12):
        opened.press("ArrowRight")
        expect_in_step(opened.at(0, frame), 0, frame)
    opened.press("ArrowRight")
    for frame in range(10, -1, -1):
        opened.press("ArrowLeft")
        expect_in_step(opened.at(0, frame), 0, frame)


def test_keys_lead_to_ends_to_other_episodes_and_ten_on(opened, expect_in_step):
    opened.press("ArrowDown")
    opened.at(1, 0)
    opened.press("ArrowRight", modifiers=8)
    expect_in_step(opened.at(1, 10), 1, 10)
    opened.press("End")
    expect_in_step(opened.at(1, 39), 1, 39)
    opened.press("Home")
    expect_in_step(opened.at(1, 0), 1, 0)
    opened.press("ArrowUp")
    expect_in_step(opened.at(0, 0), 0, 0)


def test_steps_faster_than_the_video_end_where_they_should(opened, expect_in_step):
    opened.go(1, 0)
    for _ in range(25):
        opened.press("ArrowRight")
    expect_in_step(opened.at(1, 25), 1, 25)


def test_while_it_plays_images_and_plots_are_of_one_frame(opened, expect_in_step):
    opened.go(1, 0)
    seen = opened.chromium.evaluate(PLAYED.replace("NOW", NOW))
    frames = [now["frame"] for now in seen]
    assert frames == sorted(frames)
    assert len(set(frames)) > 1  # a busy machine skips frames
    for now in seen:
        expect_in_step(now, 1, now["frame"])
    expect_in_step(opened.at(1, 39), 1, 39)


def test_space_plays_and_stops(opened, expect_in_step):
    # Slower than users can choose: it is stopped long before its end.
    opened.chromium.evaluate(
        "(one => (one.add(new Option('0.0625')), one.value = '0.0625'))(document.getElementById('speed'))"
    )
    opened.go(1, 5)
    opened.press(" ")
    opened.until("now.play === 'Pause' && now.frame > 7")
    opened.press(" ")
    now = opened.until("now.play === 'Play'")
    expect_in_step(now, 1, now["frame"])
    opened.press("ArrowRight")
    expect_in_step(opened.at(1, now["frame"] + 1), 1, now["frame"] + 1)


def test_a_click_in_a_plot_goes_there_and_the_values_under_the_pointer_are_read_out(opened, expect_in_step, demos):
    opened.go(1, 3)
    opened.click(".plot .area", 20.5 / 40)
    expect_in_step(opened.at(1, 20), 1, 20)
    opened.press("ArrowRight")
    now = opened.at(1, 21)
    action = demos.column("action")[demos.episodes.first[1] + 20]
    assert [float(value.replace("−", "-")) for value in now["values"]] == pytest.approx(action[:2], abs=1e-4)


def test_a_dim_can_be_hidden(opened):
    lines = "[...document.querySelectorAll('.plot:first-child path')].map(line => line.getAttribute('d').length > 0)"
    assert opened.chromium.evaluate(lines) == [True, True]
    opened.chromium.evaluate("document.querySelectorAll('.plot:first-child .keys button')[1].click()")
    assert opened.chromium.evaluate(lines) == [True, False]


def test_the_list_is_filtered_by_text_and_outcome(opened):
    fill = "(one => {{ one.value = {}; one.dispatchEvent(new Event({!r})); }})(document.getElementById({!r}))"
    opened.chromium.evaluate(fill.format("'object 0'", "input", "filter"))
    assert opened.until("true")["shown"] == ["0", "4"]
    opened.press("ArrowDown")
    opened.at(4, 0)
    opened.chromium.evaluate(fill.format("''", "input", "filter") + ";" + fill.format("'failure'", "change", "outcome"))
    assert opened.until("true")["shown"] == ["2"]
    opened.chromium.evaluate(fill.format("'nothing'", "input", "filter"))
    assert opened.chromium.evaluate("document.getElementById('no-match').checkVisibility()")


def test_an_episode_that_is_not_on_the_page_is_reported_with_a_command(opened, demos):
    opened.chromium.evaluate("location.hash = 'episode=6&frame=2'")
    now = opened.until("now.message !== ''")
    assert now["message"] == f"Episode 6 is not on this page: praxia data view {demos.root} --episodes 6"


def test_text_of_the_data_set_stays_text(opened, evil):
    opened.go(3, 0)
    assert opened.until("true")["instruction"] == evil
    assert opened.chromium.evaluate("document.title").startswith("demos: 5 of 7")
    assert opened.chromium.evaluate("document.querySelectorAll('img[src=x]').length") == 0


def test_colours_are_those_that_were_recorded(opened):
    images = opened.go(1, 17)["images"]
    for number, camera in enumerate(synthetic.CAMERAS):
        blocks = np.array(images[camera]).reshape(-1, 3)
        light = blocks[blocks.mean(axis=1) > 100]
        assert np.abs(light - (np.array(synthetic.TINTS[number]) + 10)).max() < 16


def test_the_browser_reports_no_problem_and_the_page_makes_no_request(chromium, page):
    chromium.open(page)
    # Another condition than in the other tests: the browser warns about reading canvases.
    chromium.evaluate(UNTIL.replace("NOW", "document.getElementById('frame').textContent").replace("CONDITION", "now"))
    assert chromium.named("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []
    urls = [event["request"]["url"] for event in chromium.named("Network.requestWillBeSent")]
    assert [url for url in urls if not url.startswith(("data:", "blob:"))] == [page.as_uri()]


def test_where_a_video_cannot_be_played_the_numbers_are_shown(chromium, page, demos):
    broken = page.with_name("broken.html")
    text = page.read_text()
    start = text.index('id="video-0">') + len('id="video-0">')
    broken.write_text(f"{text[:start]}AAAA{text[text.index('<', start) :]}")
    chromium.open(broken)
    opened = Page(chromium)
    assert opened.at(0, 0)["message"] == "This browser does not play H.264 videos: numbers only."
    opened.press("ArrowRight")
    assert len(opened.at(0, 1)["values"]) == 2


def test_a_data_set_without_images_plays_too(chromium, foreign, tmp_path):
    out = tmp_path / "page.html"
    write_viewer(foreign, out, (), [5])
    chromium.open(out)
    opened = Page(chromium)
    assert opened.at(5, 0)["images"] == {}
    opened.press(" ")
    opened.until("now.frame === 16 && now.play === 'Play'")
    assert chromium.evaluate("document.getElementById('outcome') !== null")


@pytest.mark.parametrize("width", [1280, 420])
def test_the_page_never_scrolls_sideways(chromium, page, width):
    chromium.open(page, width)
    Page(chromium).at(0, 0)
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
