// What this process does in the background. What fails comes first.

import * as api from "./api.js";
import { badge, h, table } from "./dom.js";
import { ago, count, number } from "./words.js";

const ORDER = ["failed", "running", "waiting"];
const TONES = { failed: "bad", running: "good", waiting: "quiet" };

export const screen = {
  name: "workers",
  title: "Workers",
  about: "What this process does in the background. Other processes have their own.",
  every: 2000,
  load: () => api.get("/admin/workers"),
  view(workers) {
    const sorted = workers.toSorted((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || one.name.localeCompare(other.name));
    const failed = workers.filter(({ state }) => state === "failed").length;
    return [
      h("p", {}, failed === 0 ? `None of ${count(workers.length, "worker")} fails.` : `${count(failed, "worker")} of ${number(workers.length)} fail.`),
      table("Workers of this process, those that fail first", [
        { name: "Name", kind: "name", cell: ({ name }) => h("code", {}, name) },
        { name: "State", cell: ({ state }) => badge(state, TONES[state]) },
        { name: "What it is for", kind: "text", cell: ({ description, when, last_error: error }) => [description, h("small", {}, `Works ${when}.`),
          error && h("small", { class: "problem" }, "Last error, ", ago(error.at), `: ${error.message}`)] },
        { name: "Last round", cell: ({ last_run: at }) => ago(at) },
        { name: "Rounds", kind: "number", cell: ({ rounds }) => number(rounds) },
        { name: "Failures", kind: "number", cell: ({ failures }) => number(failures) },
      ], sorted.map((one) => ({ ...one, key: one.name, kind: one.state === "failed" ? "bad" : null })), "There are none."),
    ];
  },
};
