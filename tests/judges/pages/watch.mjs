// What is watched all the time, whoever uses the pages: the console, all requests, cookies, and where tokens are.

// Tokens of links, sessions and devices.
const SECRET = /d(lt|rt|dv)_|token=/;
const MAY_REFUSE = new Set([401, 404, 422]);

export class Watch {
  findings = [];
  #origin;
  // Documents that were refused: browsers write that to the console, too.
  #refused = new Set();
  #looks = [];

  constructor(origin) {
    this.#origin = origin;
  }

  find(where, what) {
    this.findings.push(`${where}: ${what}`);
  }

  // `who` is for the findings.
  over(context, who) {
    context.on("request", (request) => this.#looks.push(this.#request(request, who)));
    context.on("response", (response) => this.#response(response, who));
    context.on("page", (page) => this.#page(page, who));
  }

  #page(page, who) {
    page.on("pageerror", (error) => this.find(who, `a script failed: ${error.message}`));
    page.on("crash", () => this.find(who, "a page crashed"));
    page.on("dialog", (dialog) => {
      this.find(who, `a page asked: ${dialog.message()}`);
      return dialog.dismiss();
    });
    page.on("console", (message) => {
      const isRefusal = message.text().startsWith("Failed to load") && this.#refused.has(message.location().url);
      if (!isRefusal) this.find(who, `the console says: ${message.text()} (${message.location().url})`);
    });
  }

  async #request(request, who) {
    const url = new URL(request.url());
    if (url.origin !== this.#origin) this.find(who, `a request left for ${url.origin}`);
    if (SECRET.test(url.pathname + url.search)) this.find(who, `there is a token in the address ${url}`);
    // A request may be over before its headers are asked for.
    const referer = await request.headerValue("referer").catch(() => null);
    if (referer && SECRET.test(referer)) this.find(who, `there is a token in the Referer ${referer}`);
  }

  #response(response, who) {
    const [status, url, headers] = [response.status(), response.url(), response.headers()];
    if (response.request().resourceType() !== "document") {
      if (status >= 400) this.find(who, `${url} is answered with ${status}`);
      return;
    }
    if (status >= 400) this.#refused.add(url);
    if (status >= 400 && !MAY_REFUSE.has(status)) this.find(who, `${url} is answered with ${status}`);
    if (status >= 300 && status < 400) return;
    const policy = headers["content-security-policy"] ?? "";
    if (!policy.includes("default-src 'none'") || policy.includes("unsafe")) {
      this.find(who, `${url} has the policy ${JSON.stringify(policy)}`);
    }
    if (headers["cache-control"] !== "no-store") this.find(who, `${url} may be cached`);
  }

  // What a browser keeps. `isIn`: someone is logged in there.
  async cookies(context, page, isIn, who) {
    const cookies = await context.cookies();
    for (const { name, httpOnly, sameSite, path, secure, expires } of cookies) {
      if (!httpOnly || sameSite !== "Strict" || path !== "/") this.find(who, `${name} is not HttpOnly, Strict and of /`);
      if (secure !== this.#origin.startsWith("https:")) this.find(who, `${name} is secure: ${secure}`);
      if (expires < 0) this.find(who, `${name} has no end`);
    }
    const names = cookies.map(({ name }) => name).sort().join(" ");
    const expected = isIn ? "daybook daybook-access daybook-device" : "daybook-device";
    if (names.replaceAll("__Host-", "") !== expected) this.find(who, `the cookies are ${names}`);
    const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length].join());
    if (kept !== ",0,0") this.find(who, `a script can read what is kept: ${kept}`);
  }

  // No address that someone comes back to has a token.
  async history(page, who) {
    const session = await page.context().newCDPSession(page);
    const { entries } = await session.send("Page.getNavigationHistory");
    await session.detach();
    for (const { url } of entries) {
      if (SECRET.test(url)) this.find(who, `there is a token in the history: ${url}`);
    }
  }

  // Returns when everything that happened was looked at.
  async end() {
    await Promise.all(this.#looks);
  }
}
