// Which lines this process writes to its own log: what is configured, and what was changed for a while.

import * as api from "./api.js";
import { ask } from "./deeds.js";
import { button, field, h, table } from "./dom.js";
import { ago, clock } from "./words.js";

const PATH = "/admin/log-levels";
const LEVELS = ["off", "error", "warn", "info", "debug", "trace"];
const USUAL = { level: "debug", minutes: 30 };

export const load = () => api.get(PATH);

export function view({ configured, levels, until }, { again }) {
  return h("section", { "aria-labelledby": "levels" },
    h("h2", { id: "levels" }, "Log lines"),
    h("p", {}, "As configured: ", h("code", {}, configured), until ? [". Changed until ", clock(until), ", ", ago(until), ":"] : ". Nothing is changed."),
    levels.length > 0 && table("What is different from that", [
      { name: "Target", cell: ({ target }) => h("code", {}, target) },
      { name: "Least level", cell: ({ level }) => level },
    ], levels.map((one) => ({ ...one, key: one.target }))),
    h("div", { class: "actions" },
      button("Change a level …", () => change(again)),
      until && button("As configured …", () => restore(again))));
}

function change(again) {
  ask({
    title: "Change which lines are written?", verb: "Change",
    text: "It is so in this process only, until the minutes are over or it is started again. What is different already stays so for as long as this.",
    fields: [
      field("Target", h("input", { id: "target", name: "target", autofocus: true, autocomplete: "off", spellcheck: "false", placeholder: "daybook_commands", "aria-describedby": "target-hint" }),
        "A crate of Daybook, or a module in one, such as daybook_http or daybook_commands::committer."),
      field("Least level", h("select", { id: "level", name: "level" }, LEVELS.map((level) => h("option", { selected: level === USUAL.level }, level)))),
      field("Minutes", h("input", { id: "minutes", name: "minutes", value: USUAL.minutes, inputmode: "numeric", autocomplete: "off" })),
    ],
    async act(why, given) {
      const [target, level, minutes] = [given.target.value.trim(), given.level.value, Number(given.minutes.value)];
      const others = (await load()).levels.filter((one) => one.target !== target);
      return set(why, [...others, { target, level }], minutes);
    },
    done: ({ until }) => `It is so until ${clock(until)}.`, then: again,
  });
}

function restore(again) {
  ask({
    title: "Write lines as configured again?", verb: "As configured",
    text: "All that is different ends at once.",
    act: (why) => set(why, [], 1),
    done: "Lines are written as configured.", then: again,
  });
}

const set = (why, levels, minutes) => api.act("PUT", PATH, why, { levels, minutes });
