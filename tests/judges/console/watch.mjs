// What is watched while someone walks through the console.

import { Watch } from "../browser/watch.mjs";

const POLICY = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"];

export class ConsoleWatch extends Watch {
  #expected = [];

  // From now on, such an answer is right.
  expect(path, status) {
    this.#expected.push({ path, status });
  }

  mayRefuse(path, status) {
    return this.#expected.some((expected) => expected.path === path && expected.status === status);
  }

  wrongWith({ "content-security-policy": policy = "" }) {
    const isStrict = POLICY.every((part) => policy.includes(part)) && !/unsafe|data:|\*/.test(policy);
    return isStrict ? [] : [`has the policy ${JSON.stringify(policy)}`];
  }

  // `isIn`: a session goes on.
  async cookies(page, isIn) {
    await this.keeps(page, "cookies", "/console/session", isIn ? "daybook-console" : "");
  }
}
