// What people have besides the pages: the mails that they are sent, and an authenticator app.

import { createHmac } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const PATIENCE_MS = 30_000;
const PAUSE_MS = 50;
// One-time passwords (RFC 6238): the seconds that one is shown for.
const STEP_S = 30;

// The links in mails to one address that lead to one page. Each is given out once.
export class Mailbox {
  #folder;
  #address;
  #known = new Set();

  constructor(folder, address) {
    this.#folder = folder;
    this.#address = address;
  }

  async link(path) {
    const end = Date.now() + PATIENCE_MS;
    while (Date.now() < end) {
      const found = this.#links().find((link) => link.includes(path) && !this.#known.has(link));
      if (found) {
        this.#known.add(found);
        return found;
      }
      await pause(PAUSE_MS);
    }
    throw new Error(`no mail to ${this.#address} has a link to ${path}`);
  }

  #links() {
    // The first mail makes the folder.
    if (!existsSync(this.#folder)) return [];
    const names = readdirSync(this.#folder).filter((name) => name.endsWith(".eml")).sort();
    const mails = names.map((name) => readFileSync(join(this.#folder, name), "utf8"));
    const own = mails.filter((mail) => mail.includes(this.#address));
    return own.map(plain).flatMap((mail) => mail.match(/https?:\/\/\S+#token=\S+/g) ?? []);
  }
}

// A mail without the marks of its encoding (RFC 2045, section 6.7).
function plain(mail) {
  return mail.replace(/=\r?\n/g, "").replaceAll("=3D", "=");
}

// An authenticator app. A code is good once, so each one is that of another step: the first of the step before this
// one, which is still taken, then that of this one and that of the next one.
export class AuthenticatorApp {
  #secret;
  #step = -Infinity;

  constructor(secret) {
    const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"));
    this.#secret = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  }

  async code() {
    const now = () => Math.floor(Date.now() / 1000 / STEP_S);
    this.#step = Math.max(this.#step + 1, now() - 1);
    while (this.#step > now() + 1) await pause(PAUSE_MS);
    return this.#at(this.#step);
  }

  // Six digits that no step near this one has.
  wrong() {
    const step = Math.floor(Date.now() / 1000 / STEP_S);
    const good = [-2, -1, 0, 1, 2].map((apart) => this.#at(step + apart));
    return ["000000", "111111", "222222", "333333", "444444", "555555"].find((code) => !good.includes(code));
  }

  #at(step) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const tag = createHmac("sha1", this.#secret).update(counter).digest();
    const number = tag.readUInt32BE(tag.at(-1) & 0x0f) & 0x7fffffff;
    return String(number % 1_000_000).padStart(6, "0");
  }
}
