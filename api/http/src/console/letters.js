// What could not be done and waits for a decision, and the effects that events ask for, such as mails.

import * as api from "./api.js";
import { ask } from "./deeds.js";
import { badge, button, h, table } from "./dom.js";
import { ago, count, list, number, state, time } from "./words.js";

const TONES = { pending: "note", done: "good", dead: "bad", skipped: "warn" };

let open = 0;
let withResolved = false;
// Events that were looked at, by their positions.
const events = new Map();

export const screen = {
  name: "letters",
  title: "Dead letters and effects",
  short: "Dead letters",
  about: "What could not be done and waits for a decision, and what has to be done because of events, such as mails.",
  every: 3000,
  count: (many) => (open = many),
  badge: () => open > 0 && { text: number(open), tone: "bad", about: "dead letters are open" },
  forget: () => {
    [open, withResolved] = [0, false];
    events.clear();
  },
  async load() {
    const [letters, waiting, newest] = await Promise.all([
      api.get(`/admin/dead-letters?all=${withResolved}`),
      api.get("/admin/effects"),
      api.get("/admin/effects?all=true"),
    ]);
    open = letters.filter(({ resolution }) => !resolution).length;
    return { letters, waiting, newest };
  },
  view({ letters, waiting, newest }, context) {
    return [
      h("section", { "aria-labelledby": "letters" },
        h("h2", { id: "letters" }, "Dead letters"),
        h("label", { class: "check" }, h("input", { type: "checkbox", checked: withResolved, onchange: (event) => {
          withResolved = event.target.checked;
          context.again();
        } }), "Those that were decided, too"),
        ofSeveral(letters, context),
        letters.length === 0 ? h("p", { class: "calm" }, "There is none. What failed is tried again by itself, and what can never work would be here.") : h("ul", { class: "cards letters" }, letters.map((one) => letter(one, context)))),
      h("section", { "aria-labelledby": "waiting" },
        h("h2", { id: "waiting" }, "Effects that wait"),
        table(`${count(waiting.length, "effect")}${waiting.length >= 100 ? " or more" : ""}, by when they are due`, [
          { name: "Effect", cell: what },
          { name: "Lane", cell: ({ lane }) => lane },
          { name: "Event", kind: "number", cell: ({ position }) => position > 0 ? number(position) : "none" },
          { name: "Tries", kind: "number", cell: ({ attempts }) => number(attempts) },
          { name: "Due", cell: ({ due_at: at }) => ago(at) },
          { name: "Last error", kind: "text", cell: ({ last_error: error }) => error ?? "" },
        ], waiting.map(keyed), "None: all that was asked for is done.")),
      h("section", { "aria-labelledby": "newest" },
        h("h2", { id: "newest" }, "The newest effects"),
        table("At most 100, whatever became of them", [
          { name: "Effect", cell: what },
          { name: "State", cell: (one) => badge(state(one.state), TONES[one.state]) },
          { name: "Event", kind: "number", cell: ({ position }) => position > 0 ? number(position) : "none" },
          { name: "Asked for", cell: ({ created_at: at }) => ago(at) },
          { name: "Finished", cell: ({ finished_at: at }) => ago(at, "") },
          { name: "Tries", kind: "number", cell: ({ attempts }) => number(attempts) },
          { name: "Once more", cell: (one) => one.state === "done" && one.position > 0 && resend(one, context) },
        ], newest.map(keyed), "There has been none.")),
    ];
  },
};

const what = ({ kind, target }) => h("code", {}, `${kind} ${target}`);
const keyed = (one) => ({ ...one, key: `${one.event_id} ${one.kind} ${one.target}` });

function resend({ event_id: id, kind, target }, { again }) {
  return button("Send again …", () => ask({
    title: `Do ${kind} ${target} once more?`, verb: "Send again",
    text: "It has been done. Whoever receives it gets it once more; that it is the same one can be told by its id.",
    act: (why) => api.act("POST", "/admin/effects/resends", why, { event_id: id, kind, target }),
    done: "It will be done once more.", then: again,
  }), { "aria-label": `Send again: ${kind} ${target} of event ${id} …` });
}

// Events in front of which several projections have stopped: they can be left out for all of them at once.
function ofSeveral(letters, { again }) {
  const events = Map.groupBy(letters.filter(({ kind, resolution }) => !kind && !resolution), ({ event_id: event }) => event);
  return [...events.values()].filter(({ length }) => length > 1).map((all) => {
    const [event, names] = [number(all[0].position), list(all.map(({ consumer }) => consumer).sort())];
    return h("div", { class: "notice warn", key: all[0].event_id },
      h("p", {}, `Event ${event} has stopped ${names}.`),
      h("div", { class: "actions" }, button(`Skip event ${event} for all ${all.length} …`, () => ask({
        title: `Never apply event ${event}?`, verb: "Skip", isGrave: true,
        text: `It is left out for ever, also when they are rebuilt, and ${names} go on behind it. That can't be taken back.`,
        act: skipping(all), done: `It is left out for ${names}.`, then: again,
      }))));
  });
}

// Skips each of them, whatever becomes of the others, and says which are left. Those are tried the next time.
function skipping(letters) {
  const left = new Set(letters);
  return async (why) => {
    const failures = [];
    for (const one of left) {
      try {
        await skip(one, why);
        left.delete(one);
      } catch (error) {
        failures.push(`${one.consumer}: ${error.message}`);
      }
    }
    if (failures.length === 0) return;
    const done = letters.filter((one) => !left.has(one)).map(({ consumer }) => consumer);
    throw new Error(`It is ${done.length > 0 ? `left out for ${list(done)}, but not` : "not left out"} for ${failures.join("; ")}`);
  };
}

const skip = ({ id }, why) => api.act("POST", `/admin/dead-letters/${id}/skip`, why);

function letter(one, context) {
  const { id, consumer, position, event_id: event, trace_id: trace, kind, target, error, created_at: at, resolution, resolved_at: resolvedAt } = one;
  const name = kind ? `${kind} ${target}` : `${consumer} at event ${number(position)}`;
  const deed = (verb, given) => button(`${verb} …`, () => ask({ ...given, verb, then: context.again }), { key: verb, "aria-label": `${verb} ${name} …` });
  return h("li", { class: `card ${resolution ? "" : "bad"}`, key: id },
    h("div", { class: "title" }, h("h3", {}, kind ? h("code", {}, name) : name), badge(resolution ?? "open", resolution ? "quiet" : "bad")),
    h("p", { class: "problem" }, error),
    h("dl", {},
      h("div", {}, h("dt", {}, "What"), h("dd", {}, kind ? "an effect, which is given up" : `a projection, which has stopped in front of this event`)),
      h("div", {}, h("dt", {}, "Event"), h("dd", {}, position > 0 ? [number(position), " · ", h("code", {}, event)] : "none: it was asked for by itself")),
      trace && h("div", {}, h("dt", {}, "Trace"), h("dd", {}, h("code", {}, trace))),
      h("div", {}, h("dt", {}, "Since"), h("dd", {}, time(at), " · ", ago(at))),
      resolution && h("div", {}, h("dt", {}, state(resolution)), h("dd", {}, time(resolvedAt)))),
    events.has(position) && shownEvent(events.get(position)),
    h("div", { class: "actions" },
      !resolution && deed("Retry", { title: `Try ${name} again?`, text: kind ? "It is tried at once. If it fails in the same way, it comes back here." : "The projection tries the event again. If it fails in the same way, it stops there again.",
        act: (why) => api.act("POST", `/admin/dead-letters/${id}/retry`, why), done: "It is tried again." }),
      !resolution && deed("Skip", { title: `Never do ${name}?`, isGrave: true, text: kind ? "It is never done." : `The projection leaves this event out for ever, also when it is rebuilt, and goes on behind it. That can't be taken back.`,
        act: (why) => skip(one, why), done: "It is left out." }),
      position > 0 && !events.has(position) && button("Show the event", () => look(position, context), { "aria-label": `Show the event of ${name}` })));
}

async function look(position, { draw }) {
  try {
    const { data } = await api.get(`/v1/events?after=${position - 1}&limit=1`);
    events.set(position, { event: data[0] });
  } catch (error) {
    events.set(position, { problem: error.status === 403 ? `You may not see events: ${error.message}.` : error.message });
  }
  draw();
}

function shownEvent({ event, problem }) {
  if (problem) return h("p", { class: "notice warn" }, problem);
  return h("div", {},
    h("p", {}, h("strong", {}, event.type), " in ", h("a", { href: `#/stream?name=${encodeURIComponent(event.stream)}` }, event.stream)),
    h("pre", { tabindex: 0, "aria-label": "Payload of the event" }, JSON.stringify(event.payload, null, 2)));
}
