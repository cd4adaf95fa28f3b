// The log as it grows: what is public of each event, the newest first.

import * as api from "./api.js";
import { button, field, h, table } from "./dom.js";
import { count, number, time } from "./words.js";

// Rows that are kept.
const MANY = 200;
// Events of before that are shown at the beginning.
const BEFORE = 50;
const PAUSE_MS = 2000;

const tail = { rows: [], isOn: true, state: "", after: null, filters: { types: "", stream: "" }, stopping: null, refused: null, turn: 0, types: [] };

export const screen = {
  name: "log",
  title: "Log",
  about: "Events as they come, the newest first. Filters are the server's, so nothing else is sent here.",
  enter: (context) => tail.isOn && follow(context),
  leave: stop,
  forget: () => Object.assign(tail, { rows: [], isOn: true, after: null, refused: null, filters: { types: "", stream: "" } }),
  async load() {
    if (tail.types.length === 0) tail.types = (await api.get("/v1/event-types")).data.map(({ type }) => type);
    // The stream may have been refused meanwhile, which may not be hidden by what went well.
    if (tail.refused) throw tail.refused;
    return {};
  },
  view(_, context) {
    return [
      h("form", { class: "filters", role: "search", "aria-label": "Filters of the log", onsubmit: (event) => filter(event, context) },
        field("Types", h("input", { id: "log-types", name: "types", value: tail.filters.types, list: "log-all-types", autocomplete: "off", placeholder: "OrderPlaced,OrderShipped", size: 26 })),
        h("datalist", { id: "log-all-types" }, tail.types.map((type) => h("option", { value: type }))),
        field("Stream", h("input", { id: "log-stream", name: "stream", value: tail.filters.stream, autocomplete: "off", spellcheck: "false", placeholder: "stock/SKU", size: 26 })),
        h("button", { type: "submit", class: "main" }, "Filter"),
        button(tail.isOn ? "Pause" : "Go on", () => toggle(context))),
      h("p", { role: "status", class: "quiet" }, tail.isOn ? tail.state : "Paused."),
      table(`The newest ${count(tail.rows.length, "event")}`, [
        { name: "Position", kind: "number", cell: ({ position }) => number(position) },
        { name: "When", cell: ({ recorded_at: at }) => time(at) },
        { name: "What happened", cell: ({ type, payload }) => h("details", {}, h("summary", {}, type), h("pre", { tabindex: 0, "aria-label": `Payload of ${type}` }, JSON.stringify(payload, null, 2))) },
        { name: "Stream", kind: "id", cell: ({ stream }) => h("a", { href: `#/stream?name=${encodeURIComponent(stream)}` }, stream) },
        { name: "Who", kind: "id", cell: ({ metadata }) => metadata.actor ?? "" },
      ], tail.rows.map((one) => ({ ...one, key: one.event_id })), "Nothing yet."),
    ];
  },
};

function filter(event, context) {
  event.preventDefault();
  const { types, stream } = event.target.elements;
  tail.filters = { types: types.value.replace(/\s+/g, "").replace(/,$/, ""), stream: stream.value.trim() };
  Object.assign(tail, { rows: [], after: null, isOn: true });
  stop();
  follow(context);
  context.again();
}

function toggle(context) {
  tail.isOn = !tail.isOn;
  stop();
  if (tail.isOn) follow(context);
  context.again();
}

function stop() {
  tail.turn += 1;
  tail.stopping?.abort();
}

// Follows until it is stopped. A stream that ends is begun again behind the last event.
async function follow(context) {
  const turn = (tail.turn += 1);
  tail.stopping = new AbortController();
  tail.refused = null;
  const { signal } = tail.stopping;
  while (turn === tail.turn) {
    try {
      tail.state = "Connecting …";
      context.draw();
      tail.after ??= Math.max((await api.get("/admin/log")).head - BEFORE, 0);
      const query = new URLSearchParams({ after: tail.after });
      for (const [name, value] of Object.entries(tail.filters)) if (value) query.set(name, value);
      const response = await api.open("GET", `/v1/events?${query}`, { signal, headers: { accept: "text/event-stream" } });
      tail.state = "Following the log.";
      context.draw();
      await read(response.body, context);
    } catch (error) {
      if (turn !== tail.turn || error.name === "AbortError") return;
      if (error.status >= 400 && error.status < 500) {
        Object.assign(tail, { refused: error, state: "" });
        return context.fail(error);
      }
      tail.state = `The stream broke off: ${error.message} It is begun again.`;
      context.draw();
    }
    await new Promise((go) => setTimeout(go, PAUSE_MS));
  }
}

// Server-Sent Events (WHATWG HTML, 9.2), as far as this server sends them.
async function read(body, context) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const frames = rest.split("\n\n");
    rest = frames.pop();
    const fresh = frames.flatMap(frame).toReversed();
    if (fresh.length > 0) {
      tail.rows = [...fresh, ...tail.rows].slice(0, MANY);
      context.draw();
    }
  }
}

function frame(text) {
  const lines = text.split("\n");
  const value = (name) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join("\n");
  const id = value("id");
  if (id) tail.after = Number(id);
  const data = value("data");
  return data ? [JSON.parse(data)] : [];
}
