// One plot per field: lines over the frames of an episode, a cursor, and the values at the cursor.
const SVG = "http://www.w3.org/2000/svg";
const MAX_POINTS = 1500;

function element(name, attributes = {}, ...children) {
  const made = attributes.svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (key !== "svg") made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function short(value) {
  if (!Number.isFinite(value)) return round(value);
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : value.toFixed(size >= 1000 ? 1 : size >= 10 ? 2 : 4);
  return text.replace("-", "−");
}

// Without trailing zeros.
function round(value, digits = 5) {
  const text = Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : String(value).replace("Infinity", "∞");
  return text.replace("-", "−");
}

class Plot {
  constructor(declared, onFrame, onHover) {
    this.declared = declared;
    this.hidden = new Set();
    this.values = declared.names.map(() => element("span", {class: "value"}));
    this.lines = declared.names.map((_, dim) => element("path", {svg: 1, class: `dim d${dim % 8}${dim > 7 ? " dashed" : ""}`}));
    this.band = element("rect", {svg: 1, class: "band", x: 0, width: 1000});
    this.drawing = element("svg", {svg: 1, viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true"},
      this.band, ...this.lines);
    this.top = element("span");
    this.bottom = element("span");
    this.cursor = element("div", {class: "cursor"});
    this.hover = element("div", {class: "cursor hover", hidden: ""});
    this.area = element("div", {class: "area"}, this.drawing, this.cursor, this.hover);
    const scale = element("div", {class: "scale"}, this.top, this.bottom);
    this.root = element("figure", {class: "plot", "data-plot": `${declared.feature} ${declared.name}`},
      this.caption(), this.legend(), element("div", {class: "frame"}, scale, this.area));
    this.listen(onFrame, onHover);
  }

  caption() {
    const {group, name, unit, low, high} = this.declared;
    const range = low === null && high === null ? "" : `${round(low ?? -Infinity)} to ${round(high ?? Infinity)}`;
    const about = [unit, range].filter(Boolean).join(", ");
    return element("figcaption", {}, name === group ? "" : `${group} `, element("strong", {}, name), ` ${about}`);
  }

  legend() {
    const keys = this.declared.names.map((name, dim) => {
      const mark = element("i", {class: `key d${dim % 8}${dim > 7 ? " dashed" : ""}`});
      const named = this.declared.names.length > 1 ? `${name} ` : "";
      const key = element("button", {type: "button", "aria-pressed": "true", title: "show or hide"}, mark, named, this.values[dim]);
      key.addEventListener("click", () => this.toggle(dim, key));
      return key;
    });
    return element("div", {class: "keys"}, ...keys);
  }

  toggle(dim, key) {
    this.hidden.has(dim) ? this.hidden.delete(dim) : this.hidden.add(dim);
    key.setAttribute("aria-pressed", String(!this.hidden.has(dim)));
    this.draw();
  }

  listen(onFrame, onHover) {
    const under = event => {
      const box = this.area.getBoundingClientRect();
      const frame = Math.floor((event.clientX - box.left) / box.width * this.length);
      return Math.min(Math.max(frame, 0), this.length - 1);
    };
    this.area.addEventListener("pointerdown", event => {
      this.area.setPointerCapture(event.pointerId);
      onFrame(under(event));
    });
    this.area.addEventListener("pointermove", event => {
      onHover(under(event));
      if (event.buttons & 1) onFrame(under(event));
    });
    this.area.addEventListener("pointerleave", () => onHover(null));
  }

  // `rows` are the feature's numbers over `length` frames, frame after frame.
  show(rows, length) {
    this.rows = rows;
    this.stride = rows.length / length;
    this.length = length;
    this.draw();
  }

  at(frame, dim) {
    return this.rows[frame * this.stride + this.declared.first + dim];
  }

  draw() {
    const shown = this.declared.spans.filter((span, dim) => span && !this.hidden.has(dim));
    let low = Math.min(...shown.map(span => span[0])), high = Math.max(...shown.map(span => span[1]));
    if (!shown.length) [low, high] = [0, 1];
    const margin = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    const [bottom, top] = [low - margin, high + margin];
    const down = value => Math.min(Math.max(100 * (top - value) / (top - bottom), -1), 101);
    const declared = [this.declared.low, this.declared.high];
    const [from, to] = [declared[1] === null ? -1 : down(declared[1]), declared[0] === null ? 101 : down(declared[0])];
    this.band.setAttribute("y", from);
    this.band.setAttribute("height", declared[0] === null && declared[1] === null ? 0 : Math.max(to - from, 0));
    this.top.textContent = round(high, 3);
    this.bottom.textContent = round(low, 3);
    this.lines.forEach((line, dim) => line.setAttribute("d", this.hidden.has(dim) ? "" : this.path(dim, down)));
  }

  // A line through every frame; in long episodes, through the lowest and the highest value of each group of frames.
  path(dim, down) {
    const group = Math.ceil(2 * this.length / MAX_POINTS);
    const parts = [];
    let broken = true;
    const add = (frame, value) => {
      if (!Number.isFinite(value)) return void (broken = true);
      const point = `${(1000 * (frame + 0.5) / this.length).toFixed(1)} ${down(value).toFixed(2)}`;
      parts.push(broken ? `M${point}h0` : `L${point}`);  // h0 draws an isolated value as a dot
      broken = false;
    };
    for (let frame = 0; frame < this.length; frame += group) {
      const values = [];
      for (let next = frame; next < Math.min(frame + group, this.length); next++) values.push(this.at(next, dim));
      if (values.length === 1) add(frame, values[0]);
      else if (values.some(value => !Number.isFinite(value))) broken = true;
      else { add(frame, Math.min(...values)); add(frame + group / 2, Math.max(...values)); }
    }
    return parts.join("");
  }

  // Move the cursor to a frame, and show the values at the hovered frame if there is one, else at the cursor.
  mark(frame, hovered) {
    const across = number => `${100 * (number + 0.5) / this.length}%`;
    this.cursor.style.left = across(frame);
    this.hover.hidden = hovered === null;
    if (hovered !== null) this.hover.style.left = across(hovered);
    this.values.forEach((value, dim) => value.textContent = short(this.at(hovered ?? frame, dim)));
  }
}
