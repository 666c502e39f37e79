// The video of one episode. Which frame it shows is read from the number that is drawn in the frame itself.
class EpisodeVideo {
  constructor(base64, layout, rate_hz) {
    this.layout = layout;
    this.rate_hz = rate_hz;
    this.target = null;  // the frame that is being sought, if any
    const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
    this.url = URL.createObjectURL(new Blob([bytes], {type: "video/mp4"}));
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.preload = "auto";
    this.canvas = document.createElement("canvas");
    this.canvas.width = layout.width;
    this.canvas.height = layout.height;
    this.context = this.canvas.getContext("2d", {willReadFrequently: true});
  }

  // Resolves once the first image is there; rejects if the browser cannot play the video.
  open() {
    return new Promise((done, failed) => {
      this.video.addEventListener("loadeddata", done, {once: true});
      this.video.addEventListener("error", () => failed(this.video.error), {once: true});
      this.video.src = this.url;
    });
  }

  close() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.url);
  }

  // Seek to the middle of a frame's time, so that rounding never leads to its neighbour.
  seek(frame) {
    return new Promise(done => {
      this.video.addEventListener("seeked", done, {once: true});
      this.video.currentTime = (frame + 0.5) / this.rate_hz;
    });
  }

  // Seek to a frame and call `arrived` with the frame number that is then read. If called again during a seek, continue
  // with the last requested frame.
  async go(frame, arrived) {
    const busy = this.target !== null;
    this.target = frame;
    if (busy) return;
    for (let current = null; current !== this.target;) {
      current = this.target;
      await this.seek(current);
      arrived(await this.settled(current));
    }
    this.target = null;
  }

  // A browser may report the end of a seek shortly before it has the image.
  async settled(frame) {
    for (let tries = 0; tries < 30 && this.grab() !== frame; tries++) await new Promise(requestAnimationFrame);
    return this.grab();
  }

  // Copy the current image of the video. Returns the frame number in it, or null if none is readable.
  grab() {
    this.context.drawImage(this.video, 0, 0);
    const {bits, block} = this.layout;
    const {data, width} = this.context.getImageData(0, 0, bits * block, 2 * block);
    const brightness = (x, y) => data[4 * (y * width + x) + 1];
    let number = 0;
    for (let bit = 0; bit < bits; bit++) {
      const x = (bit + 0.5) * block;
      const difference = brightness(x, block / 2) - brightness(x, block * 1.5);
      if (Math.abs(difference) < 96) return null;
      if (difference > 0) number += 2 ** bit;
    }
    return number;
  }

  // Draw each camera's tile of the copied image.
  drawTo(canvases) {
    this.layout.tiles.forEach((tile, index) => {
      const context = canvases[index].getContext("2d");
      context.drawImage(this.canvas, tile.x, tile.y, tile.width, tile.height, 0, 0, tile.width, tile.height);
    });
  }
}
