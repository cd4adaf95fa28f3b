// What happens in the shop while an operator looks: orders, and mails that can't be sent.

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

const PATIENCE_MS = 30_000;
const PAUSE_MS = 100;

export class Shop {
  #api;
  #token;
  #psql;
  #database;

  constructor({ API, TOKEN, PSQL, DATABASE }) {
    Object.assign(this, { sku: `TEA-${randomUUID().slice(0, 8)}` });
    [this.#api, this.#token, this.#psql, this.#database] = [API, TOKEN, PSQL, DATABASE];
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

  // Asks the API.
  async ask(method, path, body, token) {
    const headers = { "content-type": "application/json", "idempotency-key": randomUUID() };
    if (token) headers.authorization = `Bearer ${token}`;
    const response = await fetch(this.#api + path, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
