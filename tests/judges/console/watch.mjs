// What is watched all the time: the browser's console, what its policy has stopped, and all requests.

const SECRET = /d(rt|dv)_|eyJ/;

export class Watch {
  findings = [];
  #origin;
  #expected = [];
  #status = new Map();

  constructor(origin) {
    this.#origin = origin;
  }

  find(where, what) {
    this.findings.push(`${where}: ${what}`);
  }

  // From now on, such an answer is right.
  expect(path, status) {
    this.#expected.push({ path, status });
  }

  async over(context) {
    // A policy that stops something says so to the page, too.
    await context.exposeFunction("wasStopped", (what) => this.find("policy", what));
    await context.addInitScript(() =>
      addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => wasStopped(`${violatedDirective} stopped ${blockedURI}`)));
    context.on("request", (request) => this.#request(request));
    context.on("response", (response) => this.#response(response));
    context.on("page", (page) => this.#page(page));
  }

  #page(page) {
    page.on("pageerror", (error) => this.find("page", `a script failed: ${error.stack ?? error.message}`));
    page.on("crash", () => this.find("page", "it crashed"));
    page.on("console", (message) => {
      const url = message.location().url;
      const isRefusal = message.text().startsWith("Failed to load") && this.#isExpected(url, this.#status.get(url));
      if (!isRefusal) this.find("console", `${message.type()}: ${message.text()} (${url})`);
    });
  }

  #request(request) {
    const url = new URL(request.url());
    if (url.origin !== this.#origin) this.find("request", `it left for ${url.origin}`);
    if (SECRET.test(url.pathname + url.search)) this.find("request", `there is a token in ${url}`);
  }

  #response(response) {
    const [url, status] = [response.url(), response.status()];
    this.#status.set(url, status);
    if (status >= 400 && !this.#isExpected(url, status)) this.find("response", `${url} is answered with ${status}`);
    if (response.request().resourceType() !== "document") return;
    const policy = response.headers()["content-security-policy"] ?? "";
    const parts = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"];
    if (!parts.every((part) => policy.includes(part)) || /unsafe|data:|\*/.test(policy)) this.find("policy", JSON.stringify(policy));
  }

  #isExpected(url, status) {
    const { pathname } = new URL(url);
    return this.#expected.some((expected) => expected.path === pathname && expected.status === status);
  }

  // What the browser keeps. `isIn`: a session goes on.
  async cookies(page, isIn) {
    const cookies = await page.context().cookies(`${this.#origin}/console/session`);
    for (const { name, httpOnly, sameSite, path, expires } of cookies) {
      if (!httpOnly || sameSite !== "Strict" || path !== "/console/session") this.find("cookies", `${name} is not HttpOnly, Strict and of the session's path`);
      if (expires < 0) this.find("cookies", `${name} has no end`);
    }
    const names = cookies.map(({ name }) => name).join(" ");
    if (names !== (isIn ? "daybook-console" : "")) this.find("cookies", `there are: ${names}`);
    const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length].join());
    if (kept !== ",0,0") this.find("cookies", `a script can read what is kept: ${kept}`);
  }
}
