// How a walk begins and ends. The environment says which program the browser is (CHROMIUM), and where pictures of all
// screens go (SCREENS).

import { mkdirSync, rmSync } from "node:fs";

import { chromium } from "playwright-core";

import { WIDE } from "./looks.mjs";

const { CHROMIUM } = process.env;
export const { SCREENS } = process.env;
const PATIENCE_MS = 30_000;
// No name of another host has an address, and the browser itself asks nobody.
const ALONE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking"];

export class Walk {
  #watch;
  #looks;
  #browser;

  static async begin(watch, looks) {
    rmSync(SCREENS, { recursive: true, force: true });
    mkdirSync(SCREENS, { recursive: true });
    const walk = new Walk();
    [walk.#watch, walk.#looks] = [watch, looks];
    walk.#browser = await chromium.launch({ executablePath: CHROMIUM, args: ALONE });
    return walk;
  }

  // A page in a browser of its own, which keeps nothing of another one.
  async page(who, given) {
    const context = await this.#browser.newContext({ viewport: WIDE, ...given });
    context.setDefaultTimeout(PATIENCE_MS);
    await this.#watch.over(context, who);
    return context.newPage();
  }

  // What goes wrong ends this way, and there are pictures of where.
  async go(who, pages, way) {
    try {
      await way();
    } catch (error) {
      this.#watch.find(who, `${error.stack}\nat ${pages.map((page) => page.url()).join(" and ")}`);
      for (const [at, page] of pages.entries()) await page.screenshot({ path: `${SCREENS}/failed-${who}-${at}.png`, fullPage: true });
    }
    await this.#watch.end();
    for (const page of pages) await page.context().close();
  }

  // Says what was found. `fewest` are the screens that must have been come to.
  async end(fewest) {
    await this.#browser.close();
    const { findings } = this.#watch;
    const { size } = this.#looks.names;
    if (size < fewest) this.#watch.find("screens", `there were ${size} only`);
    console.log(findings.join("\n"));
    console.log(`${size} screens in ${SCREENS}, ${findings.length} findings`);
    process.exit(findings.length > 0 ? 1 : 0);
  }
}
