// The settings of this process, as they are in effect, and the levels of its log. Secrets are masked by the server.

import * as api from "./api.js";
import { badge, h, table } from "./dom.js";
import * as levels from "./levels.js";
import { count } from "./words.js";

const filters = { text: "", changedOnly: false };

export const screen = {
  name: "configuration",
  title: "Configuration",
  about: "The settings of this process: defaults, file, environment and flags, each over the one before. Secrets are masked. They are changed where the process is started; only which lines it writes to its log can be changed here, for a while.",
  every: 5000,
  forget: () => Object.assign(filters, { text: "", changedOnly: false }),
  async load() {
    const [settings, written] = await Promise.all([api.get("/admin/configuration"), levels.load()]);
    return { settings, written };
  },
  view({ settings, written }, context) {
    const text = filters.text.toLowerCase();
    const isChanged = ({ value, default: usual }) => value !== usual;
    const wanted = settings.filter((one) => (!filters.changedOnly || isChanged(one)) && `${one.name} ${one.variable} ${one.about}`.toLowerCase().includes(text));
    const change = (name) => (event) => {
      filters[name] = event.target.type === "checkbox" ? event.target.checked : event.target.value;
      context.draw();
    };
    return [
      levels.view(written, context),
      h("form", { class: "filters", role: "search", "aria-label": "Settings", onsubmit: (event) => event.preventDefault() },
        h("div", { class: "field" }, h("label", { for: "setting" }, "Find"), h("input", { id: "setting", type: "search", value: filters.text, oninput: change("text"), autocomplete: "off", size: 30 })),
        h("label", { class: "check" }, h("input", { type: "checkbox", checked: filters.changedOnly, onchange: change("changedOnly") }), "Only what is not the default")),
      h("p", { role: "status", class: "quiet" }, `${count(wanted.length, "setting")} of ${settings.length}.`),
      table("Settings, as in daybook.toml", [
        { name: "Name", kind: "setting", cell: ({ name, variable }) => [h("code", {}, name), h("small", {}, variable)] },
        { name: "Value", kind: "value", cell: (one) => [h("code", {}, one.value ?? "not set"), isChanged(one) && [" ", badge("changed", "note"), h("small", {}, `Default: ${one.default ?? "not set"}`)]] },
        { name: "What it is", kind: "text", cell: ({ about, allowed }) => [about, h("small", {}, allowed)] },
      ], wanted.map((one) => ({ ...one, key: one.name })), "No setting is like that."),
    ];
  },
};
