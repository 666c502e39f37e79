// The shown episode, and the controls that move through it.
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const floats = base64 => new Float32Array(Uint8Array.from(atob(base64), letter => letter.charCodeAt(0)).buffer);
const within = (episode, frame) => Math.min(Math.max(Math.trunc(frame), 0), episode.length - 1);

class Viewer {
  constructor() {
    this.number = 0;  // which of `contents.episodes` is shown
    this.frame = 0;   // which frame is drawn
    this.picks = 0;   // how often an episode was picked
    this.hovered = null;
    this.playing = false;
    this.video = null;
    this.plots = contents.plots.map(plot => new Plot(plot, frame => this.go(frame), frame => this.hover(frame)));
    find("plots").append(...this.plots.map(plot => plot.root));
    this.canvases = (contents.video?.tiles ?? []).map(tile => this.camera(tile));
    find("cameras").classList.toggle("many", this.canvases.length > 4);
    this.list = new EpisodeList(number => this.pick(number));
    find("speed").append(...SPEEDS.map(speed => element("option", {value: speed}, `${speed}×`)));
    find("speed").value = "1";
    this.listen();
    this.follow(location.hash);
  }

  camera(tile) {
    const [height, width] = tile.recorded;
    const canvas = element("canvas", {width: tile.width, height: tile.height, role: "img", "data-camera": tile.camera,
      "aria-label": `camera ${tile.camera}`, class: tile.width > width ? "small" : ""});
    const size = tile.width < width ? `${width} × ${height} px, shown at ${tile.width} × ${tile.height}` : `${width} × ${height} px`;
    const caption = element("figcaption", {}, element("strong", {}, tile.camera), ` ${size}`);
    const figure = element("figure", {}, canvas, caption);
    figure.style.setProperty("--ratio", tile.width / tile.height);
    find("cameras").append(figure);
    return canvas;
  }

  get episode() {
    return contents.episodes[this.number];
  }

  // Show a frame of an episode. The previous episode stays until the new one can be drawn.
  async pick(number, frame = 0, message = "") {
    this.stop();
    this.list.select(number);
    const pick = ++this.picks;
    frame = within(contents.episodes[number], frame);
    const video = await this.open(contents.episodes[number], frame);
    if (pick !== this.picks) return video?.close();  // another episode was picked meanwhile
    this.video?.close();
    this.video = video;
    video?.video.addEventListener("ended", () => this.stop());
    this.number = number;
    const playable = video || !contents.video;
    find("message").textContent = [message, playable ? "" : "This browser does not play H.264 videos: numbers only."].join(" ").trim();
    this.describe(this.episode);
    this.marks(this.episode);
    const rows = Object.fromEntries(Object.entries(this.episode.numbers).map(([name, text]) => [name, floats(text)]));
    for (const plot of this.plots) plot.show(rows[plot.declared.feature], this.episode.length);
    for (const canvas of this.canvases) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    video ? this.draw(video.grab()) : this.set(frame);
  }

  // The video of an episode, sought to a frame; null if there is none, or the browser cannot play it.
  async open(episode, frame) {
    if (!contents.video) return null;
    const video = new EpisodeVideo(find(`video-${episode.index}`).textContent, contents.video, contents.fps);
    try {
      await video.open();
      await video.go(frame, () => {});
      return video;
    } catch {
      video.close();
      return null;
    }
  }

  describe(episode) {
    find("instruction").textContent = episode.instruction || "no instruction";
    const task = episode.task === episode.instruction ? "" : episode.task;
    find("about").textContent = [`episode ${episode.index}`, task, outcome(episode)].filter(Boolean).join(", ");
    find("scrubber").max = episode.length - 1;
  }

  // Mark runs of frames whose step was a success, on the strip below the scrubber.
  marks(episode) {
    const runs = [];
    for (const frame of episode.successes ?? []) {
      if (runs.at(-1)?.[1] === frame) runs.at(-1)[1]++;
      else runs.push([frame, frame + 1]);
    }
    find("successes").hidden = episode.successes === null;
    find("successes").replaceChildren(...runs.map(([first, end]) => {
      const mark = element("i");
      mark.style.left = `${100 * first / episode.length}%`;
      mark.style.width = `max(3px, ${100 * (end - first) / episode.length}%)`;
      return mark;
    }));
  }

  // Stop and show a frame.
  async go(frame) {
    this.stop();
    frame = within(this.episode, frame);
    const video = this.video;
    if (!video) return this.set(frame);
    return video.go(frame, number => this.video === video && this.draw(number));
  }

  // The frame to step from: the one being sought, or the one that is drawn.
  get current() {
    return this.video?.target ?? this.frame;
  }

  // Draw the image that was copied from the video, which shows this frame; null if the frame is unknown.
  draw(frame) {
    if (frame === null) return;
    this.video.drawTo(this.canvases);
    this.set(frame);
  }

  // Move everything but the images to a frame.
  set(frame) {
    this.frame = frame;
    find("scrubber").value = frame;
    find("frame").textContent = `frame ${frame} of 0–${this.episode.length - 1}`;
    find("time").textContent = `${seconds(frame, 3)} of ${seconds(this.episode.length, 3)}`;
    for (const plot of this.plots) plot.mark(frame, this.hovered);
    if (!this.playing) this.address();
  }

  hover(frame) {
    this.hovered = frame;
    find("hovered").textContent = frame === null ? "" : `values at frame ${frame}, ${seconds(frame, 3)}`;
    for (const plot of this.plots) plot.mark(this.frame, frame);
  }

  async play() {
    if (this.frame >= this.episode.length - 1) await this.go(0);
    this.playing = true;
    find("play").textContent = "Pause";
    const video = this.video;
    const speed = () => Number(find("speed").value);
    if (!video) return this.run(speed);
    video.video.playbackRate = speed();
    await video.video.play().catch(() => {});  // stopped before it began
    const next = video.video.requestVideoFrameCallback ? video.video.requestVideoFrameCallback.bind(video.video) : requestAnimationFrame;
    const step = () => {
      if (!this.playing || this.video !== video) return;
      this.draw(video.grab());
      // The video repeats its last image for half a second, which is not part of the episode.
      if (this.frame >= this.episode.length - 1) return this.stop();
      next(step);
    };
    next(step);
  }

  // Without a video the clock moves the plots.
  run(speed) {
    let last = performance.now(), position = this.frame;
    const step = now => {
      if (!this.playing || this.video) return;
      position += (now - last) / 1000 * contents.fps * speed();
      last = now;
      this.set(Math.min(Math.floor(position), this.episode.length - 1));
      this.frame >= this.episode.length - 1 ? this.stop() : requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    find("play").textContent = "Play";
    if (this.video) {
      this.video.video.pause();
      this.draw(this.video.grab());
    }
    this.address();
  }

  toggle() {
    this.playing ? this.stop() : this.play();
  }

  // Put the shown frame into the address after a short delay, because browsers limit how often an address may change.
  address() {
    clearTimeout(this.later);
    const here = `#episode=${this.episode.index}&frame=${this.frame}`;
    this.later = setTimeout(() => location.hash === here || history.replaceState(null, "", here), 200);
  }

  // Show the frame that an address names: #episode=3&frame=40.
  follow(hash) {
    const parameters = new URLSearchParams(hash.slice(1));
    const index = Number(parameters.get("episode") ?? contents.episodes[0].index);
    const number = contents.episodes.findIndex(episode => episode.index === index);
    const message = number < 0 ? `Episode ${index} is not on this page: ${contents.command} --episodes ${index}` : "";
    this.pick(Math.max(number, 0), Number(parameters.get("frame")) || 0, message);
  }

  listen() {
    find("scrubber").addEventListener("input", event => this.go(Number(event.target.value)));
    find("play").addEventListener("click", () => this.toggle());
    find("back").addEventListener("click", () => this.go(this.current - 1));
    find("forward").addEventListener("click", () => this.go(this.current + 1));
    find("speed").addEventListener("change", event => {
      if (this.video) this.video.video.playbackRate = Number(event.target.value);
    });
    addEventListener("hashchange", event => this.follow(new URL(event.newURL).hash));
    addEventListener("keydown", event => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input[type=search], select")) return;
    const step = event.shiftKey ? 10 : 1, from = this.current;
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.go(from - step),
      ArrowRight: () => this.go(from + step),
      ArrowUp: () => this.list.turn(-1),
      ArrowDown: () => this.list.turn(1),
      Home: () => this.go(0),
      End: () => this.go(this.episode.length - 1),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }
}

new Viewer();
