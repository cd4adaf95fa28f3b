// What happens in the shop while an operator looks: orders, mails that can't be sent, and what only someone does who
// writes to the database by hand.

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

const PATIENCE_MS = 30_000;
const PAUSE_MS = 100;

export class Shop {
  #api;
  #admin;
  #token;
  #psql;
  #database;

  constructor({ API, CONSOLE, TOKEN, PSQL, DATABASE }) {
    Object.assign(this, { sku: `TEA-${randomUUID().slice(0, 8)}` });
    [this.#api, this.#admin, this.#token, this.#psql, this.#database] = [API, CONSOLE, TOKEN, PSQL, DATABASE];
  }

  async open() {
    await this.#post("/v1/products", { sku: this.sku, name: "Earl Grey, 100 g", price: { amount: 1999, currency: "EUR" } });
    await this.#post(`/v1/products/${this.sku}/publication`, {});
    await this.#post(`/v1/stock/${this.sku}/receipts`, { quantity: 1000 });
  }

  // Each order with a contact is followed by a mail.
  async order() {
    const contact = { name: "Alice Example", email: "alice@example.com" };
    const { id } = await this.#post("/v1/orders", { lines: [{ sku: this.sku, quantity: 2 }], currency: "EUR", contact });
    return id;
  }

  async confirm(id) {
    await this.#post(`/v1/orders/${id}/confirmation`, {});
  }

  // The mail about an order, once it is sent, is made one that was given up.
  async giveUpTheMailOf(order) {
    const event = `SELECT event_id FROM events WHERE aggregate_type = 'order' AND aggregate_id = '${order}'`;
    await this.until("the mail is sent", () => this.#query(`SELECT count(*) FROM effects WHERE state = 'done' AND event_id IN (${event})`) === "1");
    this.#query(`
      WITH given_up AS (
        UPDATE effects SET state = 'dead', attempts = 8, last_error = 'the mail server said: 550 no such mailbox'
         WHERE event_id IN (${event}) RETURNING *)
      INSERT INTO dead_letters (id, consumer, position, event_id, kind, target, error)
      SELECT gen_random_uuid(), 'reactor', position, event_id, kind, target, last_error FROM given_up`);
  }

  stateOfMailOf(order) {
    return this.#query(`SELECT state FROM effects WHERE event_id IN (SELECT event_id FROM events WHERE aggregate_id = '${order}')`);
  }

  // The worker that rebuilds it waits, because a process that isn't there has its lease.
  holdRebuildsOf(model) {
    this.#query(`
      INSERT INTO leases (name, holder, expires_at) VALUES ('rebuild/${model}', gen_random_uuid(), clock_timestamp() + interval '1 hour')
      ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at`);
  }

  letRebuildsGoOn(model) {
    this.#query(`DELETE FROM leases WHERE name = 'rebuild/${model}'`);
  }

  // The order's second event gets a number that doesn't follow, as if there were one that is lost; or its own again.
  async loseAnEventOf(order) {
    const unproved = "SELECT count(*) FROM audits WHERE name IN ('orders', 'sales') AND proved_position < (SELECT max(position) FROM events)";
    await this.until("all of the log is proved", () => this.#query(unproved) === "0");
    this.#renumber(order, 2, 9);
  }

  findTheEventOf(order) {
    this.#renumber(order, 9, 2);
  }

  #renumber(order, from, to) {
    this.#query(`BEGIN; SELECT unlock_log('a judge breaks and mends it'); UPDATE events SET sequence = ${to} WHERE aggregate_id = '${order}' AND sequence = ${from}; COMMIT`);
  }

  // An event that no release knows, which stops all that read orders. Returns once each has said so.
  async poison() {
    const id = `ord_${randomUUID().replaceAll("-", "")}`;
    this.#query(`
      INSERT INTO events SELECT 'order', '${id}', 1, 'OrderTeleported', '1', '{}', '{}', max(position) + 1, gen_random_uuid(), clock_timestamp() FROM events;
      SELECT pg_notify('daybook_log', (SELECT max(position) FROM events)::text)`);
    await this.until("three have stopped", () => this.#query("SELECT count(*) FROM dead_letters WHERE resolution IS NULL") === "3");
  }

  // Another operator leaves the event out for one projection. Returns the path of what was asked.
  async skipFor(consumer) {
    const id = this.#query(`SELECT id FROM dead_letters WHERE resolution IS NULL AND consumer = '${consumer}'`);
    const path = `/admin/dead-letters/${id}/skip`;
    await this.ask("POST", path, { reason: "another operator was faster" }, this.#token, this.#admin);
    return path;
  }

  // What was noted of the operators' deeds, as `action reason`.
  audit() {
    return this.#query("SELECT action || ' ' || coalesce(reason, '') FROM audit WHERE outcome = 'allowed' ORDER BY id").split("\n");
  }

  async until(what, holds) {
    const end = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`it never came to this: ${what}`);
      await pause(PAUSE_MS);
    }
  }

  #query(sql) {
    return execFileSync(this.#psql, [this.#database, "-XAtqc", sql], { encoding: "utf8" }).trim();
  }

  #post(path, body) {
    return this.ask("POST", path, body, this.#token);
  }

  // Asks the API, or another listener.
  async ask(method, path, body, token, at = this.#api) {
    const headers = { "content-type": "application/json", "idempotency-key": randomUUID() };
    if (token) headers.authorization = `Bearer ${token}`;
    const response = await fetch(at + path, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
