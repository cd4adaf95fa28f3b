// What an operator does: a dialog says what will happen and asks why, perhaps also what exactly, and the outcome is said.

import { Refused } from "./api.js";
import { button, field, h, render } from "./dom.js";

const SAID_MS = 8000;

let timer = null;
// How often it was asked: who is left while at work has no say in the dialog of the next deed.
let asked = 0;

// Says it where people see it and screen readers hear it, for a while.
export function say(text, tone = "good") {
  const place = document.getElementById("said");
  render(place, h("p", { class: tone }, text));
  clearTimeout(timer);
  timer = setTimeout(hush, SAID_MS);
}

export function hush() {
  clearTimeout(timer);
  render(document.getElementById("said"));
}

// `act` is given the reason, and by their names the `fields` that are asked for beside it, of which the first has the
// focus. `then` is called when it is done.
export function ask({ title, text, fields, verb, isGrave = false, act, done, then }) {
  const dialog = document.getElementById("ask");
  const mine = ++asked;
  const isOpen = () => mine === asked && dialog.open;
  let isBusy = false;
  const draw = (problem, isUnreasoned = false) =>
    render(dialog, h("form", { method: "dialog", onsubmit: submit, novalidate: true },
      h("h2", { id: "ask-title" }, title),
      h("p", {}, text),
      fields,
      field("Why?", h("textarea", { id: "why", name: "why", rows: 2, maxlength: 500, required: true, autofocus: !fields,
        "aria-describedby": "why-hint", "aria-invalid": isUnreasoned ? "true" : null }),
      "It is kept in the audit, with your name. No place for personal data."),
      problem && h("p", { class: "problem", role: "alert" }, problem),
      h("div", { class: "actions" },
        h("button", { type: "submit", class: isGrave ? "main grave" : "main", "aria-disabled": isBusy ? "true" : null }, verb),
        button("Leave it", () => dialog.close()))));
  async function submit(event) {
    event.preventDefault();
    if (isBusy) return;
    const given = event.target.elements;
    const { why } = given;
    const reason = why.value.trim().replace(/\s+/g, " ");
    if (!reason) {
      draw("Say why, in a few words.", true);
      why.focus();
      return;
    }
    isBusy = true;
    draw();
    try {
      const outcome = await act(reason, given);
      if (isOpen()) dialog.close();
      say(typeof done === "function" ? done(outcome) : done);
      then?.(outcome);
    } catch (error) {
      const problem = error instanceof Refused ? `It was refused: ${error.message}` : error.message;
      if (!isOpen()) return say(problem, "bad");
      isBusy = false;
      draw(problem);
      given[0].focus();
    }
  }
  render(dialog);
  draw();
  dialog.showModal();
}
