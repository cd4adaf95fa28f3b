// What the page asks the listener that it came from. The access token is in this module's memory and nowhere else; a
// cookie that no script sees brings the next one.

// The next token is asked for so many seconds before this one ends.
const AHEAD_S = 30;

let token = null;
let isPasted = false;
let endsAt = 0;
let refreshing = null;

// The server said no.
export class Refused extends Error {
  constructor(status, problem) {
    const mistakes = (problem.errors ?? []).map(({ pointer, detail }) => `${pointer.replace("/", "")}: ${detail}`);
    super(mistakes.length > 0 ? mistakes.join("; ") : (problem.detail ?? problem.title ?? `The server answered with ${status}.`));
    this.status = status;
    this.code = problem.code ?? "";
    this.requestId = problem.request_id ?? "";
  }
}

// The server said nothing.
export class Silence extends Error {
  constructor() {
    super("The server does not answer.");
    this.status = 0;
  }
}

async function send(method, path, { body, headers, signal } = {}) {
  const all = { ...headers };
  if (body !== undefined) all["content-type"] = "application/json";
  if (token && !path.startsWith("/console/")) all.authorization = `Bearer ${token}`;
  try {
    return await fetch(path, { method, headers: all, signal, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Silence();
  }
}

async function answer(response) {
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, said);
  return said;
}

// Asks with a token that is good for a while. Returns the response as it is.
export async function open(method, path, given) {
  if (token && !isPasted && Date.now() > endsAt - AHEAD_S * 1000) await goOn();
  let response = await send(method, path, given);
  // A token ends with a change of its owner's roles, and the session goes on with another one.
  if (response.status === 401 && token && !isPasted) {
    await goOn();
    if (token) response = await send(method, path, given);
  }
  if (response.ok) return response;
  await answer(response);
}

export async function get(path, given) {
  return answer(await open("GET", path, given));
}

// What is looked at whether it is well or not.
export async function probe(path) {
  return (await send("GET", path)).json();
}

export async function act(method, path, reason, rest = {}) {
  return answer(await open(method, path, { body: { ...rest, reason } }));
}

export const isIn = () => token !== null;
export const isFromOutside = () => isPasted;

export async function logIn(email, password, code) {
  const body = code ? { email, password, code } : { email, password };
  keep(await answer(await send("POST", "/console/session", { body })));
}

export function paste(given) {
  token = given;
  isPasted = true;
}

// Whether a session goes on. Calls that come together are one.
export function goOn() {
  refreshing ??= send("POST", "/console/session/refresh", { body: {} })
    .then(answer)
    .then(({ session }) => keep(session))
    .finally(() => (refreshing = null));
  return refreshing;
}

export async function logOut() {
  const wasPasted = isPasted;
  forget();
  if (!wasPasted) await answer(await send("DELETE", "/console/session", { body: {} }));
}

export function forget() {
  token = null;
  isPasted = false;
}

function keep(session) {
  token = session?.access_token ?? null;
  isPasted = false;
  endsAt = Date.now() + (session?.expires_in ?? 0) * 1000;
}
