// Lines over the last hour, drawn by the page itself from what the server keeps in memory.

import { h } from "./dom.js";

const [WIDTH, HEIGHT] = [360, 120];
const EDGE = { left: 44, right: 8, top: 10, bottom: 20 };
const MINUTE_MS = 60_000;
// How much is shown: as much as there is, within these bounds.
const [LEAST_MS, MOST_MS] = [5 * MINUTE_MS, 60 * MINUTE_MS];
// A gap longer than this is no line.
const GAP_MS = 35_000;

// `lines` are `{ name, of }`, where `of` is the value of a sample or null. `say` writes a value.
export function plot({ title, samples, lines, say, least = 1 }) {
  const end = samples.length > 0 ? new Date(samples.at(-1).at).getTime() : Date.now();
  const history = samples.length > 0 ? end - new Date(samples[0].at) : 0;
  const span = Math.ceil(Math.min(Math.max(history, LEAST_MS), MOST_MS) / LEAST_MS) * LEAST_MS;
  const points = lines.map(({ name, of }) => ({
    name,
    points: samples.map((sample) => [new Date(sample.at).getTime(), of(sample)]).filter(([, value]) => value !== null && value !== undefined),
  }));
  const most = Math.max(0, ...points.flatMap((line) => line.points.map(([, value]) => value)));
  const top = ceiling(Math.max(most, least));
  const x = (at) => EDGE.left + (1 - (end - at) / span) * (WIDTH - EDGE.left - EDGE.right);
  const y = (value) => HEIGHT - EDGE.bottom - (value / top) * (HEIGHT - EDGE.top - EDGE.bottom);
  const newest = points.map((line) => `${line.name} ${line.points.length > 0 ? say(line.points.at(-1)[1]) : "–"}`);
  const about = `${title}, over the last ${span / MINUTE_MS} minutes. Now: ${newest.join(", ")}. Most: ${say(most)}.`;
  return h("figure", { class: "plot", key: title },
    h("figcaption", {}, title),
    h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": about },
      [0, 0.5, 1].map((share) => h("g", { class: "grid" },
        h("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(top * share), y2: y(top * share) }),
        h("text", { x: EDGE.left - 6, y: y(top * share) + 3.5, "text-anchor": "end" }, say(top * share)))),
      [1, 0.8, 0.6, 0.4, 0.2, 0].map((share) => h("text", { x: x(end - share * span), y: HEIGHT - 5, "text-anchor": share === 1 ? "start" : share === 0 ? "end" : "middle" },
        share === 0 ? "now" : `-${(share * span) / MINUTE_MS}${share === 1 ? " min" : ""}`)),
      points.map((line, at) => h("path", { class: `line l${at}`, d: path(line.points, x, y) }))),
    h("ul", { class: "legend", "aria-hidden": "true" }, points.map((line, at) => h("li", { class: `l${at}` }, h("span", { class: "swatch" }), newest[at]))));
}

function path(points, x, y) {
  let last = -Infinity;
  const steps = points.map(([at, value]) => {
    const step = `${at - last > GAP_MS ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    last = at;
    return step;
  });
  // A line of one point isn't seen.
  return steps.length === 1 ? `${steps[0]}h1.5` : steps.join("");
}

// A round number that is not below.
function ceiling(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * unit).find((round) => round >= value * 0.999);
}
