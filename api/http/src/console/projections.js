// How far each projection is, whether it agrees with the log, and what can be done about it.

import * as api from "./api.js";
import { ask } from "./deeds.js";
import { badge, button, h, table } from "./dom.js";
import { ago, count, duration, figure, number, state } from "./words.js";

const TONES = { running: "good", catching_up: "warn", rebuilding: "note", paused: "warn", stalled: "bad", parked: "bad", diverged: "bad" };
const LIVE = ["building", "catching_up", "verifying", "swapping"];
const REBUILD_TONES = { done: "good", failed: "bad", cancelled: "warn" };
const MEANING = {
  building: "reading the log",
  catching_up: "catching up with what came meanwhile",
  verifying: "being compared with the log",
  swapping: "being put into service",
};

// What the last comparison found, for those who look here.
let compared = null;
export const lastComparison = () => compared;

let isComparing = false;

export const screen = {
  name: "projections",
  title: "Projections",
  about: "Read models that are made from the log, and the reactor, which sees to effects.",
  every: 2000,
  forget: () => ([compared, isComparing] = [null, false]),
  async load() {
    const [projections, rebuilds] = await Promise.all([api.get("/admin/projections"), api.get("/admin/rebuilds")]);
    return { projections, rebuilds };
  },
  view({ projections, rebuilds }, context) {
    return [
      h("div", { class: "cards" }, projections.map((one) => card(one, rebuilds.find(({ projection, state }) => projection === one.name && LIVE.includes(state)), context))),
      comparison(context),
      h("section", { "aria-labelledby": "rebuilds" }, h("h2", { id: "rebuilds" }, "Rebuilds"), history(rebuilds.slice(0, 20))),
    ];
  },
};

function card(one, rebuild, context) {
  const { name, status, position, head, lag_events: events, lag_seconds: seconds } = one;
  const isModel = name !== "reactor";
  const fact = (term, ...value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
  return h("section", { class: `card ${TONES[status]}`, key: name, "aria-labelledby": `p-${name}` },
    h("div", { class: "title" }, h("h2", { id: `p-${name}` }, name), badge(state(status), TONES[status])),
    one.reason && h("p", { class: "problem" }, one.reason),
    one.broken_stream && h("p", { class: "problem" }, "The log itself is broken, which no rebuild repairs."),
    h("dl", {},
      fact("Position", `${number(position)} of ${number(head)}`),
      fact("Lag", events === 0 ? "none" : `${count(events, "event")}, ${duration(seconds)}`),
      isModel && fact("Proved", proof(one)),
      isModel && fact("Rows compared", ago(one.rows_compared_at, "not yet")),
      isModel && fact("Generation", number(one.generation), one.previous_generation !== undefined && `, before it ${number(one.previous_generation)}`)),
    one.partitions?.length > 0 && h("details", {}, h("summary", {}, count(one.partitions.length, "partition")),
      h("ul", { class: "plain" }, one.partitions.map((part) => h("li", {}, `${part.partition}: ${state(part.status)}, ${part.lag_events === 0 ? "no lag" : `${count(part.lag_events, "event")} behind`}`)))),
    rebuild && progress(rebuild, context),
    h("div", { class: "actions" }, actions(one, rebuild, context)));
}

function proof({ proved_position: proved, position }) {
  if (proved === undefined) return "not yet";
  return proved >= position ? "all of it" : `up to ${number(proved)}`;
}

function actions({ name, status, previous_generation: previous }, rebuild, { again }) {
  const path = `/admin/projections/${encodeURIComponent(name)}`;
  const deed = (verb, what) => button(`${verb} …`, () => ask({ ...what, verb, then: again }), { key: verb, "aria-label": `${verb} ${name} …` });
  const isModel = name !== "reactor";
  return [
    status === "paused"
      ? deed("Resume", { title: `Resume ${name}?`, text: "It goes on where it was paused.", act: (why) => api.act("POST", `${path}/resume`, why), done: `${name} goes on.` })
      : deed("Pause", { title: `Pause ${name}?`, text: name === "reactor" ? "No new mail or other effect is asked for until it is resumed." : "It stops where it is, and what customers see grows old until it is resumed.", isGrave: true,
        act: (why) => api.act("POST", `${path}/pause`, why), done: `${name} is paused.` }),
    isModel && !rebuild && deed("Rebuild", { title: `Rebuild ${name}?`, text: "It is made anew from the log beside the one that is served, compared with the log, and swapped in. Queries go on; they become slower for a while.",
      act: (why) => api.act("POST", `${path}/rebuilds`, why), done: `The rebuild of ${name} has begun.` }),
    isModel && previous !== undefined && deed("Roll back", { title: `Roll ${name} back?`, text: `Generation ${previous} is served again, at once. It was kept up to date, so nothing is lost; rolled back once more, it is as before.`, isGrave: true,
      act: (why) => api.act("POST", `${path}/rollback`, why), done: (now) => `${name} serves generation ${now.generation}.` }),
  ];
}

function progress(one, { again }) {
  const { id, projection, done_events: done, total_events: total, events_per_second: rate, eta_seconds: eta } = one;
  const isBuilding = one.state === "building";
  const left = [isBuilding && `${number(done)} of about ${number(total)} events`, isBuilding && rate > 0 && `${number(rate)} events/s`, eta !== null && `${duration(Math.max(eta, 1))} left`].filter(Boolean);
  return h("div", { class: "progress" },
    h("p", { role: "status" }, `Rebuild: ${MEANING[one.state]}`),
    h("progress", { "aria-label": `Rebuild of ${projection}`, max: Math.max(total, 1), value: isBuilding ? Math.min(done, total) : null }),
    left.length > 0 && h("p", { class: "quiet" }, left.join(" · ")),
    one.state !== "swapping" && button("Cancel …", () => ask({ title: `Cancel the rebuild of ${projection}?`, text: "What is served stays as it is.", verb: "Cancel the rebuild", isGrave: true,
      act: (why) => api.act("DELETE", `/admin/rebuilds/${id}`, why), done: "The rebuild is cancelled.", then: again }), { "aria-label": `Cancel the rebuild of ${projection} …` }));
}

function comparison({ again, draw }) {
  const compare = () => ask({
    title: "Compare everything with the log?", verb: "Compare",
    text: "Every read model is compared with the log, and the log with its own promises. It stops nothing, and takes as long as reading the log takes.",
    act: (why) => {
      isComparing = true;
      draw();
      return api.act("POST", "/admin/verifications", why).finally(() => (isComparing = false));
    },
    done: (found) => {
      compared = { ...found, at: new Date().toISOString() };
      return differences(found) === 0 ? "Everything agrees with the log." : "There are differences from the log.";
    },
    then: again,
  });
  return h("section", { "aria-labelledby": "compared" },
    h("h2", { id: "compared" }, "Comparison with the log"),
    h("p", { class: "quiet" }, "The auditor compares all the time, a little at a time. Here all of it is compared at once."),
    h("div", { class: "actions" }, isComparing ? h("p", { role: "status" }, "Comparing …") : button("Compare all …", compare)),
    compared && [
      h("p", {}, badge(differences(compared) === 0 ? "no differences" : count(differences(compared), "difference"), differences(compared) === 0 ? "good" : "bad"), " ", ago(compared.at)),
      table("What was compared", [
        { name: "What", cell: ({ what }) => what },
        { name: "Events", kind: "number", cell: ({ events }) => number(events) },
        { name: "Rows", kind: "number", cell: ({ rows }) => rows === undefined ? "" : number(rows) },
        { name: "Differences", kind: "number", cell: ({ differences }) => number(differences) },
        { name: "The first one", kind: "text", cell: ({ first_difference: first }) => first ?? "" },
      ], [{ what: "the log", ...compared.log }, ...compared.read_models.map((one) => ({ what: one.read_model, ...one }))]),
    ]);
}

const differences = ({ log, read_models: models }) => [log, ...models].reduce((sum, one) => sum + one.differences, 0);

function history(rebuilds) {
  return table("The newest first", [
    { name: "Projection", cell: ({ projection, generation }) => `${projection}, generation ${generation}` },
    { name: "State", cell: (one) => badge(state(one.state), REBUILD_TONES[one.state] ?? "note") },
    { name: "Begun", cell: ({ started_at: at }) => ago(at) },
    { name: "Took", kind: "number", cell: ({ started_at: from, finished_at: to }) => to ? duration((new Date(to) - new Date(from)) / 1000) : "" },
    { name: "Events", kind: "number", cell: ({ done_events: done }) => number(done) },
    { name: "Events/s", kind: "number", cell: ({ events_per_second: rate }) => figure(rate) },
    { name: "Verification", kind: "text", cell: ({ verification }) => verified(verification) },
  ], rebuilds.map((one) => ({ ...one, key: one.id })), "There has been none.");
}

function verified(found) {
  if (!found) return "";
  if (found.failure) return found.failure;
  if (found.differences === 0) return `${count(found.rows, "row")}, no difference`;
  return `${count(found.differences, "difference")}: ${found.first_difference ?? ""}`;
}
