// What is watched while people walk through the pages of accounts.

import { Watch } from "../browser/watch.mjs";

const MAY_REFUSE = new Set([401, 404, 422]);

export class PagesWatch extends Watch {
  mayRefuse(_path, status, isDocument) {
    return isDocument && MAY_REFUSE.has(status);
  }

  wrongWith({ "content-security-policy": policy = "", "cache-control": cached }) {
    const found = [];
    if (!policy.includes("default-src 'none'") || policy.includes("unsafe")) found.push(`has the policy ${JSON.stringify(policy)}`);
    if (cached !== "no-store") found.push("may be cached");
    return found;
  }

  // `isIn`: someone is logged in there.
  async cookies(page, isIn, who) {
    await this.keeps(page, who, "/", isIn ? "daybook daybook-access daybook-device" : "daybook-device");
  }
}
