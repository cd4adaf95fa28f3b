// The history of anything that has one, by the name of its stream, and what it was like behind each event.

import * as api from "./api.js";
import { button, field, h, refill, table } from "./dom.js";
import { number, time, traceOf } from "./words.js";

// Kinds whose state can be asked for as of a position, and where.
const AS_OF = { order: "/v1/orders/", product: "/v1/products/", stock: "/v1/stock/" };
const MANY = 100;

let state = null;

export const screen = {
  name: "stream",
  title: "Stream",
  about: "All that happened to one thing, in order, and what it was like behind each event. What is public is shown; personal data stays sealed.",
  forget: () => (state = null),
  enter: ({ params }) => refill("stream-name", params.get("name")),
  async load({ params }) {
    const name = params.get("name");
    if (!name) return {};
    const { data, next } = await api.get(`/v1/events?stream=${encodeURIComponent(name)}&limit=${MANY}&after=${params.get("after") ?? 0}`);
    return { name, events: data, next };
  },
  view({ name, events, next }, context) {
    return [
      h("form", { class: "filters", onsubmit: find, role: "search", "aria-label": "Streams" },
        field("Stream", h("input", { id: "stream-name", name: "name", value: context.params.get("name") ?? "", autocomplete: "off", spellcheck: "false", placeholder: "order/ord_…", size: 44 })),
        h("button", { type: "submit", class: "main" }, "Show")),
      h("p", { class: "quiet" }, "A kind and an id: ", ["order/ord_…", "product/SKU", "stock/SKU", "account/acc_…"].map((form, at) => [at > 0 && ", ", h("code", {}, form)]), "."),
      name && history(name, events, next, context),
      state && state.name === name && asOf(context),
    ];
  },
};

function find(event) {
  event.preventDefault();
  const name = event.target.elements.name.value.trim();
  state = null;
  location.hash = `#/stream?${new URLSearchParams({ name })}`;
}

function history(name, events, next, context) {
  const [kind] = name.split("/");
  return [
    table(`History of ${name}`, [
      { name: "No.", kind: "number", cell: ({ sequence }) => number(sequence) },
      { name: "What happened", cell: ({ type, payload }) => h("details", {}, h("summary", {}, type), h("pre", { tabindex: 0, "aria-label": `Payload of ${type}` }, JSON.stringify(payload, null, 2))) },
      { name: "When", cell: ({ recorded_at: at }) => time(at) },
      { name: "Who", kind: "id", cell: ({ metadata }) => metadata.actor ?? "" },
      { name: "Position", kind: "number", cell: ({ position }) => number(position) },
      { name: "Trace", kind: "id", cell: ({ metadata }) => h("code", {}, traceOf(metadata.traceparent) ?? "") },
      { name: "State", cell: ({ position, sequence }) => kind in AS_OF && button("As of here", () => look(name, position, sequence, context), { "aria-label": `As of here: behind event ${sequence}` }) },
    ], events.map((one) => ({ ...one, key: one.event_id })), "There is no such stream, or nothing has happened in it."),
    next && h("p", {}, h("a", { href: `#/stream?${new URLSearchParams({ name, after: next })}` }, "Later events")),
  ];
}

async function look(name, position, sequence, { draw }) {
  const [kind, ...rest] = name.split("/");
  try {
    const found = await api.get(`${AS_OF[kind]}${encodeURIComponent(rest.join("/"))}?as_of_position=${position}`);
    state = { name, position, sequence, found };
  } catch (error) {
    state = { name, position, sequence, problem: error.status === 403 ? `You may not see that: ${error.message}.` : error.message };
  }
  draw();
  document.getElementById("as-of")?.focus();
}

function asOf({ draw }) {
  const { sequence, position, found, problem } = state;
  return h("section", { "aria-labelledby": "as-of", class: "card" },
    h("div", { class: "title" }, h("h2", { id: "as-of", tabindex: -1 }, `Behind event ${number(sequence)}, at position ${number(position)}`), button("Close", () => {
      state = null;
      draw();
    }, { "aria-label": "Close the state" })),
    problem ? h("p", { class: "notice warn" }, problem) : h("pre", { tabindex: 0, "aria-label": "State" }, JSON.stringify(found, null, 2)));
}
