// One episode shown, and everything that moves through it.
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const floats = base64 => new Float32Array(Uint8Array.from(atob(base64), letter => letter.charCodeAt(0)).buffer);
const within = (episode, frame) => Math.min(Math.max(Math.trunc(frame), 0), episode.length - 1);

class Viewer {
  constructor() {
    this.number = 0;  // which of `contents.episodes` is shown
    this.frame = 0;   // what is drawn
    this.turns = 0;   // how many episodes were picked
    this.hovered = null;
    this.playing = false;
    this.film = null;
    this.plots = contents.plots.map(plot => new Plot(plot, frame => this.go(frame), frame => this.hover(frame)));
    find("plots").append(...this.plots.map(plot => plot.root));
    this.canvases = (contents.film?.tiles ?? []).map(tile => this.camera(tile));
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

  // Show an episode from one of its frames on. Until that can be drawn, the one before it stays as it is.
  async pick(number, frame = 0, said = "") {
    this.stop();
    this.list.select(number);
    const turn = ++this.turns;
    frame = within(contents.episodes[number], frame);
    const film = await this.open(contents.episodes[number], frame);
    if (turn !== this.turns) return film?.close();  // another was picked meanwhile
    this.film?.close();
    this.film = film;
    film?.video.addEventListener("ended", () => this.stop());
    this.number = number;
    const played = film || !contents.film;
    find("said").textContent = [said, played ? "" : "This browser does not play H.264 films: numbers only."].join(" ").trim();
    this.describe(this.episode);
    this.marks(this.episode);
    const rows = Object.fromEntries(Object.entries(this.episode.numbers).map(([name, text]) => [name, floats(text)]));
    for (const plot of this.plots) plot.show(rows[plot.declared.feature], this.episode.length);
    for (const canvas of this.canvases) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    film ? this.draw(film.grab()) : this.set(frame);
  }

  // The film of an episode, once it is at a frame; null where there is none, or none that this browser plays.
  async open(episode, frame) {
    if (!contents.film) return null;
    const film = new Film(find(`film-${episode.index}`).textContent, contents.film, contents.fps);
    try {
      await film.open();
      await film.go(frame, () => {});
      return film;
    } catch {
      film.close();
      return null;
    }
  }

  describe(episode) {
    find("instruction").textContent = episode.instruction || "no instruction";
    const task = episode.task === episode.instruction ? "" : episode.task;
    find("about").textContent = [`episode ${episode.index}`, task, outcome(episode)].filter(Boolean).join(", ");
    find("scrubber").max = episode.length - 1;
  }

  // Runs of frames whose step was a success, on the strip below the scrubber.
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

  // Stop, and show this frame.
  async go(frame) {
    this.stop();
    frame = within(this.episode, frame);
    const film = this.film;
    if (!film) return this.set(frame);
    return film.go(frame, number => this.film === film && this.draw(number));
  }

  // The frame to step from: where the film is on its way to, or what is drawn.
  get present() {
    return this.film?.wanted ?? this.frame;
  }

  // Draw the picture that the film has taken, which is of this frame; null: it could not be told.
  draw(frame) {
    if (frame === null) return;
    this.film.drawTo(this.canvases);
    this.set(frame);
  }

  // Move everything but the pictures to a frame.
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
    const film = this.film;
    const speed = () => Number(find("speed").value);
    if (!film) return this.run(speed);
    film.video.playbackRate = speed();
    await film.video.play().catch(() => {});  // stopped before it began
    const next = film.video.requestVideoFrameCallback ? film.video.requestVideoFrameCallback.bind(film.video) : requestAnimationFrame;
    const step = () => {
      if (!this.playing || this.film !== film) return;
      this.draw(film.grab());
      // The film holds its last picture for half a second, which is no part of the episode.
      if (this.frame >= this.episode.length - 1) return this.stop();
      next(step);
    };
    next(step);
  }

  // Without a film the clock moves the plots.
  run(speed) {
    let last = performance.now(), at = this.frame;
    const step = now => {
      if (!this.playing || this.film) return;
      at += (now - last) / 1000 * contents.fps * speed();
      last = now;
      this.set(Math.min(Math.floor(at), this.episode.length - 1));
      this.frame >= this.episode.length - 1 ? this.stop() : requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    find("play").textContent = "Play";
    if (this.film) {
      this.film.video.pause();
      this.draw(this.film.grab());
    }
    this.address();
  }

  toggle() {
    this.playing ? this.stop() : this.play();
  }

  // Write into the address where we are, once it has been so for a moment: browsers count how often that is done.
  address() {
    clearTimeout(this.later);
    const here = `#episode=${this.episode.index}&frame=${this.frame}`;
    this.later = setTimeout(() => location.hash === here || history.replaceState(null, "", here), 200);
  }

  // Where the address leads: #episode=3&frame=40.
  follow(hash) {
    const asked = new URLSearchParams(hash.slice(1));
    const index = Number(asked.get("episode") ?? contents.episodes[0].index);
    const number = contents.episodes.findIndex(episode => episode.index === index);
    const said = number < 0 ? `Episode ${index} is not on this page: ${contents.command} --episodes ${index}` : "";
    this.pick(Math.max(number, 0), Number(asked.get("frame")) || 0, said);
  }

  listen() {
    find("scrubber").addEventListener("input", event => this.go(Number(event.target.value)));
    find("play").addEventListener("click", () => this.toggle());
    find("back").addEventListener("click", () => this.go(this.present - 1));
    find("on").addEventListener("click", () => this.go(this.present + 1));
    find("speed").addEventListener("change", event => {
      if (this.film) this.film.video.playbackRate = Number(event.target.value);
    });
    addEventListener("hashchange", event => this.follow(new URL(event.newURL).hash));
    addEventListener("keydown", event => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input[type=search], select")) return;
    const step = event.shiftKey ? 10 : 1, from = this.present;
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
