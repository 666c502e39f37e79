// The list of episodes on the page, with a filter by text and outcome.
const find = id => document.getElementById(id);
const contents = JSON.parse(find("contents").textContent);
const seconds = (frames, digits = 1) => `${(frames / contents.fps).toFixed(digits)} s`;
const outcome = episode => episode.success === null ? "success unknown" : episode.success ? "success" : "failure";

class EpisodeList {
  constructor(onPick) {
    this.onPick = onPick;
    this.buttons = contents.episodes.map((episode, number) => this.button(episode, number));
    find("episodes").append(...this.buttons);
    find("filter").addEventListener("input", () => this.filter());
    find("outcome")?.addEventListener("change", () => this.filter());
  }

  button(episode, number) {
    const made = element("button", {type: "button", "aria-current": "false", "data-episode": episode.index});
    if (episode.thumbnail) made.append(element("img", {src: episode.thumbnail, alt: ""}));
    const mark = element("span", {class: episode.success === null ? "soft" : episode.success ? "good" : "bad"}, outcome(episode));
    const about = element("span", {class: "line"}, element("strong", {}, `#${episode.index}`), ` ${seconds(episode.length)} `, mark);
    made.append(element("span", {class: "text"}, about, element("span", {class: "words"}, episode.instruction)));
    made.addEventListener("click", () => this.onPick(number));
    return made;
  }

  select(number) {
    this.selected = number;
    this.buttons.forEach((button, index) => button.setAttribute("aria-current", String(index === number)));
    const [box, row] = [find("episodes"), this.buttons[number]];
    // Not scrollIntoView, which would scroll the page as well.
    const above = row.offsetTop - box.offsetTop;
    if (above < box.scrollTop) box.scrollTop = above;
    else if (above + row.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = above + row.offsetHeight - box.clientHeight;
  }

  // Select the next or the previous episode that matches the filter.
  turn(by) {
    const matching = this.buttons.map((button, number) => button.hidden ? -1 : number).filter(number => number >= 0);
    const index = matching.indexOf(this.selected);
    const next = index < 0 ? matching[0] : matching[index + by];
    if (next !== undefined) this.onPick(next);
  }

  filter() {
    const words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = find("outcome")?.value ?? "all";
    contents.episodes.forEach((episode, number) => {
      const text = `#${episode.index} ${episode.task} ${episode.instruction}`.toLowerCase();
      const matches = chosen === "all" || outcome(episode) === chosen;
      this.buttons[number].hidden = !matches || !words.every(word => text.includes(word));
    });
    find("no-match").hidden = this.buttons.some(button => !button.hidden);
  }
}
