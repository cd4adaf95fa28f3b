// What is wrong, first and in plain words; the worse it is, the more room it has. If nothing is, that is what it says.

import * as api from "./api.js";
import { h } from "./dom.js";
import { plot } from "./plots.js";
import { lastComparison } from "./projections.js";
import { ago, clock, count, duration, figure, number, sentence } from "./words.js";

const BAD = "bad";
const WARN = "warn";
const NOTE = "note";
// What is behind by more than this needs a look.
const LATE_S = 60;
// So many events behind, a carrier is not just at work.
const MANY_EVENTS = 5_000;
// An answer that takes longer is slow, and so is the process if one in a hundred does for half a minute.
const SLOW_MS = 500;
const SLOW_SAMPLES = 3;
// Where a carrier must have moved on if events wait for it.
const STILL_MS = 15_000;
// The server lists so many at most.
const LISTED = 100;
// What is slow itself may not hide what is wrong.
// How the server tells that PostgreSQL has no room.
const DISK_FULL = "the disk of the database is full";
const PATIENCE = { headers: { "request-timeout-ms": "4000" } };
const ASKED = ["log", "projections", "workers", "dead-letters", "effects", "rebuilds", "measures"];

let last = null;
// Of each carrier, the position that was seen, and since when.
const carried = new Map();

export const screen = {
  name: "now",
  title: "Now",
  about: "What needs someone, the worst first.",
  every: 3000,
  badge: () => last && last.length > 0 && { text: number(last.length), tone: last[0].tone, about: "things need someone" },
  forget() {
    last = null;
    carried.clear();
  },
  async load() {
    const unread = [];
    const look = (what) => api.get(`/admin/${what}`, PATIENCE).catch((error) => {
      // Without a session or a rule there is nothing to see, and without an answer nothing to tell.
      if (error.status < 500) throw error;
      unread.push({ what, why: error.message });
      return what === "log" ? null : [];
    });
    const [ready, log, projections, workers, letters, effects, rebuilds, samples] = await Promise.all([api.probe("/readyz"), ...ASKED.map(look)]);
    const all = { ready, log, projections, workers, letters, effects, rebuilds, samples, unread };
    all.found = last = troubles(all);
    return all;
  },
  view(all) {
    return [all.found.length === 0 ? calm(all) : h("ol", { class: "troubles", "aria-label": "What is wrong" }, all.found.map(card)), figures(all), plots(all.samples)];
  },
};

// What is wrong, as far as it can be seen from here. Asked once for each answer, because carriers are compared with the answer before.
function troubles({ ready, log, projections, workers, letters, effects, rebuilds, samples, unread }) {
  const found = [];
  const add = (tone, key, title, text, to, where) => found.push({ tone, key, title, text, to, where });
  const broken = ofLog(projections);
  if (broken) add(BAD, "log", "The log itself is broken", `${broken} No rebuild repairs that. Keep what it names, and see docs/runbooks/ProjectionDiverged.md; Compare all tells how much of the log is wrong.`, "#/projections", "Projections");
  const isFull = workers.some(({ state, last_error: error }) => state === "failed" && error?.message.includes(DISK_FULL));
  if (isFull) add(BAD, "disk", "The disk of the database is full", "No order can be taken until there is room on it. What else fails here fails for that (docs/runbooks/DatabaseUnreachable.md).");
  if (ready.database !== "ok") add(BAD, "database", "The database does not answer", "Nothing can be ordered or looked up until it does. Look at PostgreSQL itself, and at the network to it. If it answers there, all connections of this process wait for something, such as a lock that a session holds: ask PostgreSQL who waits for whom (docs/operations.md).");
  if (ready.database === "ok" && unread.length > 0) {
    add(BAD, "unread", "The database is too slow to say how things are",
      `${unread.map(({ what }) => what.replace("-", " ")).join(", ")}: ${sentence(unread[0].why)} Does a session hold a lock, or is the disk slow? Ask PostgreSQL who waits for whom (docs/operations.md).`, "#/workers", "Workers");
  }
  if (ready.schema === "behind") add(BAD, "schema", "The database has an older schema than this program", "Run daybook migrate, as the owner of the database.");
  if (ready.committer === "stopped") add(BAD, "committer", "This process takes no commands any more", "Its committer has stopped. Start the process again; its log lines say why.");
  for (const one of projections) {
    // That is told above.
    if (one.broken_stream && one.broken_stream === one.reason) continue;
    const [tone, title, text] = ofProjection(one);
    const [to, where] = one.status === "parked" ? ["#/letters", "Dead letters"] : ["#/projections", "Projections"];
    if (tone) add(tone, `projection-${one.name}`, title, text, to, where);
  }
  const parked = new Set(projections.filter(({ status }) => status === "parked").map(({ name }) => name));
  const open = letters.filter(({ consumer }) => !parked.has(consumer));
  if (open.length > 0) {
    const [newest] = open;
    add(BAD, "letters", `${count(open.length, "effect")} could not be done and will not be tried again by ${open.length === 1 ? "itself" : "themselves"}`,
      `The newest: ${newest.kind ?? "an event"} ${newest.target ?? ""} of event ${number(newest.position)}. ${sentence(newest.error)}`, "#/letters", "Dead letters");
  }
  if (ready.nats !== "ok") add(WARN, "nats", "NATS does not answer", "Commands and queries go on. Workers read the log from the database instead, so queries lag a little more.");
  for (const [name, position, what] of [
    ["relay", log?.relay_position, "Workers read the log from the database meanwhile."],
    ["publisher", log?.publisher_position, "Other systems hear of nothing new meanwhile."],
    ["mirror", log?.mirror_position, "The other system is behind meanwhile."],
  ]) {
    const behind = (position ?? null) === null ? 0 : log.head - position;
    if (behind === 0 || carried.get(name)?.position !== position) carried.set(name, { position, since: Date.now() });
    const isStill = Date.now() - carried.get(name).since > STILL_MS;
    if (ready[name] === "down") add(WARN, name, `The ${name} fails`, `${what} It is ${count(behind, "event")} behind; its last error is among the workers.`, "#/workers", "Workers");
    else if (isStill) add(WARN, name, `The ${name} stands still`, `${what} It is ${count(behind, "event")} behind. Is there a process with its role?`, "#/workers", "Workers");
    else if (ready[name] === "ok" && behind > MANY_EVENTS) add(WARN, name, `The ${name} is ${count(behind, "event")} behind`, what, "#/workers", "Workers");
  }
  const late = effects.filter(({ attempts, last_error: error }) => attempts > 1 && error);
  const waiting = effects.filter(({ due_at: due }) => Date.now() - new Date(due) > LATE_S * 1000);
  if (late.length > 0) {
    const many = effects.length >= LISTED ? `${number(LISTED)} effects or more` : count(late.length, "effect");
    add(WARN, "effects", `${many} failed and will be tried again`, `${late[0].kind} ${late[0].target}: ${sentence(late[0].last_error)}`, "#/letters", "Dead letters and effects");
  } else if (waiting.length > 0) {
    add(WARN, "effects", `${count(waiting.length, "effect")} should have been done by now`, "No process performs them, or they are more than it can do: is there one with the role reactor?", "#/letters", "Dead letters and effects");
  }
  const carriers = new Set(["relay", "publisher", "mirror"]);
  const failed = workers.filter(({ name, state }) => state === "failed" && !carriers.has(name));
  for (const one of failed) add(WARN, `worker-${one.name}`, `The worker ${one.name} fails`, `${one.description} ${sentence(one.last_error?.message)}`, "#/workers", "Workers");
  const sample = samples.at(-1);
  if (sample?.failures_per_second > 0) {
    add(WARN, "failures", `${figure((100 * sample.failures_per_second) / sample.requests_per_second)} % of the requests fail`, "They are answered with 5xx. The log lines of this process say which, each with its request_id.");
  }
  const recent = samples.slice(-SLOW_SAMPLES);
  if (recent.length === SLOW_SAMPLES && recent.every(({ p99_ms: ms }) => ms >= SLOW_MS)) {
    add(WARN, "slow", "Answers are slow", `One in a hundred of the last half minute took ${duration(sample.p99_ms / 1000)} or longer. The disk of PostgreSQL, a lock, or too much to do: ask PostgreSQL who waits for what (docs/operations.md).`);
  }
  for (const one of rebuilds) {
    const isNew = Date.now() - new Date(one.finished_at ?? 0) < 86_400_000;
    const isLast = rebuilds.find(({ projection }) => projection === one.projection) === one;
    if (one.state === "failed" && isNew && isLast) add(WARN, `rebuild-${one.id}`, `The last rebuild of ${one.projection} failed`, `What is served stays as it was. ${sentence(one.verification?.failure)}`, "#/projections", "Projections");
  }
  const order = [BAD, WARN, NOTE];
  return found.sort((one, other) => order.indexOf(one.tone) - order.indexOf(other.tone));
}

// What the auditor has found broken in the log, or else the last comparison that was asked for here.
function ofLog(projections) {
  const stream = projections.find(({ broken_stream: stream }) => stream)?.broken_stream;
  if (stream) return `The auditor has found this: ${sentence(stream)}`;
  const compared = lastComparison();
  if (!compared || compared.log.differences === 0) return null;
  return `When everything was compared, at ${clock(compared.at)}, this was found: ${sentence(compared.log.first_difference)}`;
}

function ofProjection({ name, status, reason, lag_events: events, lag_seconds: seconds }) {
  const behind = `It is ${count(events, "event")} and ${duration(seconds)} behind.`;
  const isReactor = name === "reactor";
  switch (status) {
    case "diverged":
      return [BAD, `${name} does not agree with the log`, `${sentence(reason)} ${isReactor ? "It can't be rebuilt: see docs/runbooks/ProjectionDiverged.md." : "It goes on being served as it is. A rebuild repairs it, if the log itself is whole: Compare all tells that."}`];
    case "parked":
      return [BAD, `${name} has stopped in front of an event that it can't apply`, `${sentence(reason)} ${behind} Look at its dead letter: try it again, or leave the event out.`];
    case "stalled":
      return [BAD, `${name} stands still`, `${behind} Is there a process with the role ${isReactor ? "reactor" : "projections"}? If there is, the last error of its worker says what is in the way.`];
    case "paused":
      return [WARN, `${name} is paused`, `Someone has paused it. ${behind} ${isReactor ? "Mails wait." : "What customers see is that old."}`];
    case "catching_up":
      return seconds > LATE_S ? [WARN, `${name} is catching up`, behind] : [];
    case "rebuilding":
      return [NOTE, `${name} is being rebuilt`, "It is served as before meanwhile."];
    default:
      return seconds > LATE_S ? [WARN, `${name} is behind`, behind] : [];
  }
}

function card({ tone, key, title, text, to, where }) {
  const word = { [BAD]: "Broken", [WARN]: "Look at it", [NOTE]: "Going on" }[tone];
  return h("li", { class: `trouble ${tone}`, key },
    h("p", { class: "word" }, word),
    h("h2", {}, title),
    h("p", {}, text),
    to && h("p", {}, h("a", { href: to }, `Go to ${where}`)));
}

function calm({ projections, workers }) {
  return h("section", { class: "calm", "aria-label": "State" },
    h("h2", {}, "All is well"),
    h("p", {}, `The database and NATS answer, ${count(projections.length, "projection")} are up to date and agree with the log, ${count(workers.length, "worker")} of this process run, and nothing waits for a decision.`));
}

function figures({ log, projections, samples, effects, letters, unread }) {
  const isUnread = (what) => unread.some((one) => one.what === what);
  const sample = samples.at(-1) ?? {};
  const lag = Math.max(0, ...projections.map(({ lag_seconds: seconds }) => seconds));
  const one = (name, value, about) => h("div", {}, h("dt", {}, name), h("dd", {}, value, about && h("small", {}, about)));
  // Others are not due yet.
  const waiting = effects.filter(({ due_at: due, attempts }) => attempts > 0 || new Date(due) <= Date.now()).length;
  const rate = (value) => (value === null || value === undefined ? "–" : figure(value));
  return h("dl", { class: "figures", "aria-label": "Figures" },
    one("Head of the log", log ? number(log.head) : "–", `${rate(sample.events_per_second)} events/s`),
    one("Greatest lag", isUnread("projections") ? "–" : duration(lag), "of all projections"),
    one("Requests", `${rate(sample.requests_per_second)}/s`, "this process"),
    one("p99", sample.p99_ms === null || sample.p99_ms === undefined ? "–" : duration(sample.p99_ms / 1000), "of its answers"),
    one("Effects waiting", isUnread("effects") ? "–" : waiting >= LISTED ? `${number(LISTED)} or more` : number(waiting)),
    one("Dead letters", isUnread("dead-letters") ? "–" : number(letters.length)));
}

function plots(samples) {
  const names = Object.keys(samples.at(-1)?.lag_seconds ?? {});
  const since = samples[0] && samples.length < 360 ? [" They begin ", ago(samples[0].at), `, at ${clock(samples[0].at)}: the process was started then.`] : "";
  const ms = (value) => duration(value / 1000);
  return h("section", { "aria-labelledby": "hour" },
    h("h2", { id: "hour" }, "The last hour"),
    h("p", { class: "quiet" }, "Requests and durations are those of this process alone, kept in its memory, a sample every ten seconds.", since),
    h("div", { class: "plots" },
      plot({ title: "Lag of projections", samples, say: duration, least: 0.1, lines: names.map((name) => ({ name, of: (sample) => sample.lag_seconds[name] })) }),
      plot({ title: "Requests in a second", samples, say: figure, lines: [
        { name: "all", of: (sample) => sample.requests_per_second },
        { name: "failed", of: (sample) => sample.failures_per_second },
      ] }),
      plot({ title: "Time to answer", samples, say: ms, least: 1, lines: [
        { name: "p50", of: (sample) => sample.p50_ms },
        { name: "p99", of: (sample) => sample.p99_ms },
      ] })));
}
