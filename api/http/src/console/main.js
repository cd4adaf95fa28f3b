// The page: who is logged in, which screen is shown, and when it is asked for again.

import * as api from "./api.js";
import { screen as audit } from "./audit.js";
import { screen as configuration } from "./configuration.js";
import { hush, say } from "./deeds.js";
import { button, h, render } from "./dom.js";
import { entry } from "./entry.js";
import { screen as letters } from "./letters.js";
import { screen as log } from "./log.js";
import { screen as now } from "./now.js";
import { screen as projections } from "./projections.js";
import { screen as stream } from "./stream.js";
import { clock, sentence } from "./words.js";
import { screen as workers } from "./workers.js";

const SCREENS = [now, projections, workers, letters, stream, log, audit, configuration];
const place = (id) => document.getElementById(id);
// How often the counts in the list of screens are made anew, whatever is shown.
const COUNT_MS = 10_000;
// When what failed is asked for again, on a screen that asks once.
const AGAIN_MS = 5_000;

// What is shown. `turn` tells the answers for one screen from those for the screen before.
const shown = { screen: null, params: new URLSearchParams(), turn: 0, data: null, problem: null, timer: null };
let who = null;

function asked() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { screen: SCREENS.find((screen) => screen.name === name) ?? now, params: new URLSearchParams(query) };
}

function go() {
  leave();
  const { screen, params } = asked();
  const isOther = screen !== shown.screen;
  Object.assign(shown, { screen, params, turn: shown.turn + 1, problem: null, data: isOther ? null : shown.data });
  document.title = `${screen.title} - Daybook console`;
  draw();
  if (isOther) {
    hush();
    focusOnHeading();
  }
  screen.enter?.(context());
  load();
}

function leave() {
  clearTimeout(shown.timer);
  shown.screen?.leave?.();
}

// Whoever comes to a screen by the keyboard goes on from its heading.
function focusOnHeading() {
  scrollTo(0, 0);
  place("screen").querySelector("h1")?.focus();
}

// What screens are given.
function context() {
  const { turn, params } = shown;
  return {
    params,
    draw: () => turn === shown.turn && draw(),
    again: () => turn === shown.turn && load(),
    fail: (error) => turn === shown.turn && fail(error),
  };
}

async function load() {
  clearTimeout(shown.timer);
  const { screen, turn } = shown;
  if (!document.hidden) {
    try {
      const data = await screen.load(context());
      if (turn !== shown.turn) return;
      Object.assign(shown, { data, problem: null });
    } catch (error) {
      if (turn !== shown.turn) return;
      fail(error);
      if (!api.isIn()) return;
    }
    draw();
  }
  const every = screen.every ?? (isAskedAgain() ? AGAIN_MS : null);
  if (every) shown.timer = setTimeout(load, every);
}

// What was refused is refused again.
function isAskedAgain() {
  const status = shown.problem?.error.status;
  return status !== undefined && (status < 400 || status >= 500);
}

function fail(error) {
  if (error.status === 401) return out("Your session is over. Log in again.");
  if (!(error instanceof api.Refused || error instanceof api.Silence)) console.error(error);
  shown.problem = { error, since: shown.problem?.since ?? new Date() };
  draw();
}

function draw() {
  if (!api.isIn()) return;
  const { screen, data, problem } = shown;
  render(place("top"), top());
  const isForbidden = problem?.error.status === 403;
  render(place("screen"),
    h("h1", { tabindex: -1, key: screen.name }, screen.title),
    h("p", { class: "about" }, screen.about),
    problem && (isForbidden ? forbidden(problem.error) : trouble(problem)),
    data !== null && !isForbidden ? h("div", { key: `data-${screen.name}` }, screen.view(data, context())) : !problem && h("p", { class: "quiet" }, "Loading …"));
  render(place("foot"), h("p", {}, "Times are in UTC. This process answers at ", h("code", {}, location.host), "; others have figures of their own. ",
    h("a", { href: "/docs" }, "Admin API")));
}

function top() {
  const link = (screen) => {
    const badge = screen.badge?.();
    return h("li", {}, h("a", { href: `#/${screen.name}`, "aria-current": screen === shown.screen ? "page" : null }, screen.short ?? screen.title,
      badge && h("span", { class: `count ${badge.tone}` }, badge.text, h("span", { class: "hidden" }, ` ${badge.about}`))));
  };
  return h("div", {},
    h("a", { class: "brand", href: "#/now" }, h("span", { class: "mark", "aria-hidden": "true" }), "Daybook"),
    h("nav", { "aria-label": "Screens" }, h("ul", {}, SCREENS.map(link))),
    h("div", { class: "who" }, h("span", { title: who.subject }, who.email ?? who.subject), button("Log out", logOut)));
}

// Said in words, so that it isn't taken for a page without anything.
function forbidden(error) {
  return h("section", { class: "notice warn", "aria-label": "Not permitted" },
    h("h2", {}, "You may not see this"),
    h("p", {}, `The server says: ${error.message}.`),
    h("p", {}, "An administrator can give you a role that has it: ", h("code", {}, "PUT /v1/accounts/{id}/roles"), ". You are ", h("code", {}, who.subject), "."));
}

function trouble({ error, since }) {
  return h("p", { class: "notice bad", role: "alert" }, `${sentence(error.message)} It has been so since ${clock(since)}${isAskedAgain() ? "; it is asked again and again" : ""}.`,
    error.requestId && [" Request ", h("code", {}, error.requestId), "."]);
}

async function logOut() {
  try {
    await api.logOut();
    out("You are logged out.");
  } catch (error) {
    out(`You are logged out here, but the server could not be told: ${error.message}`);
  }
}

// Nothing of what was shown stays.
function out(why) {
  leave();
  api.forget();
  who = null;
  Object.assign(shown, { screen: null, turn: shown.turn + 1, data: null, problem: null });
  SCREENS.forEach((screen) => screen.forget?.());
  place("ask").close();
  document.title = "Log in - Daybook console";
  for (const id of ["top", "foot", "screen"]) render(place(id));
  entry(place("screen"), why, arrive);
}

async function arrive() {
  try {
    who = await api.get("/v1/permissions/mine");
  } catch (error) {
    return out(error.status === 401 ? "This token is not good here, or not any more." : error.message);
  }
  render(place("screen"));
  go();
  // It is read from the log, which may be what is wrong. A token that someone brought may be of no account.
  if (!api.isFromOutside()) api.get("/v1/accounts/me").then(named(who), () => {});
}

function named(mine) {
  return ({ email }) => {
    mine.email = email;
    if (mine === who) draw();
  };
}

// What is wrong is counted on every screen. Who may not see it, or can't just now, has no counts.
async function recount() {
  if (!api.isIn() || document.hidden || shown.screen === now || shown.problem) return;
  try {
    const { letters: open } = await now.load();
    letters.count(open.length);
    draw();
  } catch {
    // The screen itself says what is wrong.
  }
}

setInterval(recount, COUNT_MS);
addEventListener("hashchange", () => api.isIn() && go());
document.addEventListener("visibilitychange", () => !document.hidden && shown.screen && load());
addEventListener("unhandledrejection", (event) => say(String(event.reason?.message ?? event.reason), "bad"));

try {
  await api.goOn();
} catch {
  // The form says what is wrong when it is sent.
}
if (api.isIn()) await arrive();
else out("");
