// Reads and follows the log through the door with a client of EventStoreDB, and holds what it is told against what the
// HTTP API exports.
//
// Usage: door_client.mjs PACKAGE. The environment says where the server is, and has tokens of three roles.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

const { API, DOOR, CA_FILE, ANALYST, CUSTOMER, WAREHOUSE } = process.env;
const client = createRequire(import.meta.url)(process.argv[2]);
const { START, END, BACKWARDS, FORWARDS, jsonEvent, streamNameFilter, eventTypeFilter } = client;
const Client = client.KurrentDBClient ?? client.EventStoreDBClient;
const PATIENCE_MS = 20_000;

const connect = (token) => Client.connectionString(`esdb://analyst:${token}@${DOOR}?tls=true&tlsCAFile=${CA_FILE}`);

async function http(path, token, body) {
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "idempotency-key": randomUUID(),
  };
  const method = body ? "POST" : "GET";
  const answer = await fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

/** All events of the HTTP API, in the form that those of the client are brought into. */
async function exported() {
  const events = [];
  for (let after = ""; ; ) {
    const page = await http(`/v1/events?limit=100${after}`, ANALYST);
    events.push(...page.data);
    if (!page.has_more) break;
    after = `&after=${page.next}`;
  }
  return events.map((e) => ({
    position: e.position,
    id: e.event_id,
    type: e.type,
    stream: e.stream.replace("/", "-"),
    revision: e.sequence - 1,
    data: e.payload,
  }));
}

const told = ({ event: e }) => ({
  position: Number(e.position.commit),
  id: e.id,
  type: e.type,
  stream: e.streamId,
  revision: Number(e.revision),
  data: e.data,
});

async function all(events) {
  const found = [];
  for await (const one of events) found.push(one);
  return found;
}

async function refused(what, deed, type) {
  await assert.rejects(deed, (error) => error.type === type, what);
}

async function read(analyst) {
  const log = await exported();
  assert.ok(log.length >= 10, "there are too few events to try anything");
  const [middle, last] = [log[log.length >> 1], log.at(-1)];
  const position = { commit: BigInt(middle.position), prepare: BigInt(middle.position) };
  const whole = await all(analyst.readAll({ fromPosition: START, direction: FORWARDS, maxCount: 1_000_000 }));
  assert.deepEqual(whole.map(told), log, "the log");
  const back = await all(analyst.readAll({ fromPosition: END, direction: BACKWARDS, maxCount: 1_000_000 }));
  assert.deepEqual(back.map(told), log.toReversed(), "the log backwards");
  const part = await all(analyst.readAll({ fromPosition: position, maxCount: 3 }));
  assert.deepEqual(part.map(told), log.filter((e) => e.position >= middle.position).slice(0, 3), "three events");
  const stream = await all(analyst.readStream(last.stream, { fromRevision: START }));
  const unplaced = ({ position, ...rest }) => rest;
  const itsEvents = log.filter((e) => e.stream === last.stream);
  assert.deepEqual(stream.map(told).map(unplaced), itsEvents.map(unplaced), "a stream");
  const kind = last.stream.split("-")[0];
  const category = await all(analyst.readStream(`$ce-${kind}`, { resolveLinkTos: true }));
  const ofKind = log.filter((e) => e.stream.startsWith(`${kind}-`));
  assert.deepEqual(category.map(told).map(unplaced), ofKind.map(unplaced), "a category");
  const links = category.map((e) => Number(e.link.revision));
  assert.deepEqual(links, ofKind.map((e) => e.position), "the links of a category");
  await refused("a stream that isn't there", () => all(analyst.readStream("order-none")), "stream-not-found");
}

/** What a subscription is told until an event comes that is posted while it is open. */
async function follow(analyst, wanted, options) {
  const log = await exported();
  const sku = log.find((e) => e.stream.startsWith("stock-")).stream.slice("stock-".length);
  const quantity = 1_000 + Math.floor(Math.random() * 90_000);
  const subscription = analyst.subscribeToAll({ fromPosition: START, ...options });
  const seen = [];
  await new Promise((resolve, reject) => {
    const patience = setTimeout(() => reject(new Error("a subscription was never told of a new event")), PATIENCE_MS);
    subscription.on("error", reject);
    subscription.on("caughtUp", () => http(`/v1/stock/${sku}/receipts`, WAREHOUSE, { quantity }).catch(reject));
    subscription.on("data", (one) => {
      seen.push(told(one));
      if (one.event.type === "StockReceived" && one.event.data.quantity === quantity) {
        clearTimeout(patience);
        resolve();
      }
    });
  });
  await subscription.unsubscribe();
  assert.deepEqual(seen, (await exported()).filter(wanted).slice(0, seen.length), "what was followed");
}

const analyst = connect(ANALYST);
await read(analyst);
await follow(analyst, () => true, {});
const prefixes = ["Stock", "Order"];
const isOfPrefixes = (e) => prefixes.some((prefix) => e.type.startsWith(prefix));
await follow(analyst, isOfPrefixes, { filter: eventTypeFilter({ prefixes }) });
await follow(analyst, (e) => e.stream.startsWith("stock-"), { filter: streamNameFilter({ regex: "^stock-" }) });
const event = jsonEvent({ type: "OrderPlaced", data: {} });
await refused("an append", () => analyst.appendToStream("order-x", event), "access-denied");
await refused("a customer", () => all(connect(CUSTOMER).readAll({ maxCount: 1 })), "access-denied");
await refused("a token that is none", () => all(connect("a.b.c").readAll({ maxCount: 1 })), "access-denied");
process.exit(0);
