// What is watched all the time: the browser's console, all requests and answers, and what a browser keeps. What may be
// refused, and what a document has to say, a walk says itself.

// Tokens of links, sessions and devices, and those of callers.
const SECRET = /d(lt|rt|dv)_|token=|eyJ/;

export class Watch {
  findings = [];
  #origin;
  // What was refused as it should be: browsers write that to the console, too.
  #refused = new Set();
  #looks = [];

  constructor(origin) {
    this.#origin = origin;
  }

  find(where, what) {
    this.findings.push(`${where}: ${what}`);
  }

  // `who` is for the findings.
  async over(context, who) {
    // A policy that stops something says so to the page, too.
    await context.exposeFunction("wasStopped", (what) => this.find(who, `the policy: ${what}`));
    await context.addInitScript(() =>
      addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => wasStopped(`${violatedDirective} stopped ${blockedURI}`)));
    context.on("request", (request) => this.#looks.push(this.#request(request, who)));
    context.on("response", (response) => this.#response(response, who));
    context.on("page", (page) => this.#page(page, who));
  }

  #page(page, who) {
    page.on("pageerror", (error) => this.find(who, `a script failed: ${error.stack ?? error.message}`));
    page.on("crash", () => this.find(who, "a page crashed"));
    page.on("dialog", (dialog) => {
      this.find(who, `a page asked: ${dialog.message()}`);
      return dialog.dismiss();
    });
    page.on("console", (message) => {
      const { url } = message.location();
      const isRefusal = message.text().startsWith("Failed to load") && this.#refused.has(url);
      if (!isRefusal) this.find(who, `the console says: ${message.type()}: ${message.text()} (${url})`);
    });
  }

  async #request(request, who) {
    const url = new URL(request.url());
    if (url.origin !== this.#origin) this.find(who, `a request left for ${url.origin}`);
    if (hasSecret(url)) this.find(who, `there is a token in the address ${url}`);
    // A request may be over before its headers are asked for.
    const referer = await request.headerValue("referer").catch(() => null);
    if (referer && SECRET.test(referer)) this.find(who, `there is a token in the Referer ${referer}`);
  }

  #response(response, who) {
    const [url, status] = [response.url(), response.status()];
    const isDocument = response.request().resourceType() === "document";
    if (status >= 400 && this.mayRefuse(new URL(url).pathname, status, isDocument)) this.#refused.add(url);
    else if (status >= 400) this.find(who, `${url} is answered with ${status}`);
    if (!isDocument || (status >= 300 && status < 400)) return;
    for (const what of this.wrongWith(response.headers())) this.find(who, `${url} ${what}`);
  }

  // What a browser keeps: cookies of these names and this path, and nothing that a script can read.
  async keeps(page, who, path, expected) {
    const cookies = await page.context().cookies();
    for (const cookie of cookies) {
      const { name, httpOnly, sameSite, secure, expires } = cookie;
      if (!httpOnly || sameSite !== "Strict" || cookie.path !== path) this.find(who, `${name} is not HttpOnly, Strict and of ${path}`);
      if (secure !== this.#origin.startsWith("https:")) this.find(who, `${name} is secure: ${secure}`);
      if (expires < 0) this.find(who, `${name} has no end`);
    }
    const names = cookies.map(({ name }) => name.replace("__Host-", "")).sort().join(" ");
    if (names !== expected) this.find(who, `the cookies are ${names}`);
    const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length].join());
    if (kept !== ",0,0") this.find(who, `a script can read what is kept: ${kept}`);
  }

  // No address that someone comes back to has a token.
  async history(page, who) {
    const session = await page.context().newCDPSession(page);
    const { entries } = await session.send("Page.getNavigationHistory");
    await session.detach();
    for (const { url } of entries) if (SECRET.test(url)) this.find(who, `there is a token in the history: ${url}`);
  }

  // Returns when everything that happened was looked at.
  async end() {
    await Promise.all(this.#looks);
  }
}

// What is behind # is sent to no server.
function hasSecret({ pathname, search }) {
  return SECRET.test(pathname + search);
}
