// Who did what to the running system, when and why, and who was refused.

import * as api from "./api.js";
import { badge, field, h, refill, table } from "./dom.js";
import { time } from "./words.js";

const MANY = 50;

export const screen = {
  name: "audit",
  title: "Audit",
  about: "What operators did, when and why, and who was refused what. Nothing of it can be changed.",
  enter: ({ params }) => refill("audit-actor", params.get("actor")),
  async load({ params }) {
    const query = new URLSearchParams({ limit: MANY });
    for (const name of ["actor", "after"]) if (params.get(name)) query.set(name, params.get(name));
    return api.get(`/admin/audit?${query}`);
  },
  view({ data, next }, { params }) {
    const actor = params.get("actor") ?? "";
    const page = (given) => `#/audit?${new URLSearchParams(Object.entries({ actor, ...given }).filter(([, value]) => value))}`;
    return [
      h("form", { class: "filters", role: "search", "aria-label": "Filter of the audit", onsubmit: (event) => {
        event.preventDefault();
        location.hash = `#/audit?${new URLSearchParams({ actor: event.target.elements.actor.value.trim() })}`;
      } },
      field("Who", h("input", { id: "audit-actor", name: "actor", value: actor, autocomplete: "off", spellcheck: "false", placeholder: "acc_… or a subject", size: 30 })),
      h("button", { type: "submit", class: "main" }, "Filter")),
      table(actor ? `What ${actor} did, the newest first` : "The newest first", [
        { name: "When", cell: ({ at }) => time(at) },
        { name: "Who", kind: "id", cell: ({ actor: who }) => who ? h("a", { class: "cut", title: who, href: `#/audit?${new URLSearchParams({ actor: who })}` }, who) : "no token" },
        { name: "What", kind: "id", cell: ({ action, target }) => [action, h("small", {}, target)] },
        { name: "Outcome", cell: ({ outcome }) => badge(outcome, outcome === "allowed" ? "good" : "warn") },
        { name: "Why", kind: "text", cell: ({ reason }) => reason ?? "" },
        { name: "From", kind: "id", cell: ({ address, request_id: id }) => [address ?? "", h("small", { class: "cut", title: `Request ${id}` }, id)] },
      ], data.map((one) => ({ ...one, key: one.id })), "There is nothing."),
      h("p", { class: "pages" }, params.get("after") && h("a", { href: page({}) }, "The newest"), next && h("a", { href: page({ after: next }) }, "Older")),
    ];
  },
};
