// One episode's film. It never says which frame it shows but by reading the number that is drawn in the frame itself.
class Film {
  constructor(base64, layout, rate_hz) {
    this.layout = layout;
    this.rate_hz = rate_hz;
    this.wanted = null;  // the frame that it is on its way to
    const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
    this.url = URL.createObjectURL(new Blob([bytes], {type: "video/mp4"}));
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.preload = "auto";
    this.whole = document.createElement("canvas");
    this.whole.width = layout.width;
    this.whole.height = layout.height;
    this.pen = this.whole.getContext("2d", {willReadFrequently: true});
  }

  // Resolves once there is a first picture; rejects where the browser cannot play it.
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

  // The middle of a frame's time, so that no rounding leads to its neighbour.
  seek(frame) {
    return new Promise(done => {
      this.video.addEventListener("seeked", done, {once: true});
      this.video.currentTime = (frame + 0.5) / this.rate_hz;
    });
  }

  // Seek to a frame and call `arrived` with the number that is then read. Asked again on the way, it goes on to what was
  // asked last.
  async go(frame, arrived) {
    const busy = this.wanted !== null;
    this.wanted = frame;
    if (busy) return;
    for (let towards = null; towards !== this.wanted;) {
      towards = this.wanted;
      await this.seek(towards);
      arrived(await this.settled(towards));
    }
    this.wanted = null;
  }

  // A browser may say that it is there some moments before it has the picture.
  async settled(frame) {
    for (let tries = 0; tries < 30 && this.grab() !== frame; tries++) await new Promise(requestAnimationFrame);
    return this.grab();
  }

  // Take the picture that the browser has now. The number in it, or null where there is none to be read.
  grab() {
    this.pen.drawImage(this.video, 0, 0);
    const {bits, block} = this.layout;
    const {data, width} = this.pen.getImageData(0, 0, bits * block, 2 * block);
    const light = (x, y) => data[4 * (y * width + x) + 1];
    let number = 0;
    for (let bit = 0; bit < bits; bit++) {
      const x = (bit + 0.5) * block;
      const difference = light(x, block / 2) - light(x, block * 1.5);
      if (Math.abs(difference) < 96) return null;
      if (difference > 0) number += 2 ** bit;
    }
    return number;
  }

  // Copy each camera's part of the picture that was taken.
  drawTo(canvases) {
    this.layout.tiles.forEach((tile, place) => {
      const pen = canvases[place].getContext("2d");
      pen.drawImage(this.whole, tile.x, tile.y, tile.width, tile.height, 0, 0, tile.width, tile.height);
    });
  }
}
