// How a screen is looked at: by axe, in light and dark, in widths that nothing may stick out of, and for pictures.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDE = { width: 1280, height: 900 };
// 320 px is what 1280 px are at a zoom of 400 % (WCAG 2.2, 1.4.10).
const NARROW = [{ width: 380, height: 800 }, { width: 320, height: 740 }];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export class Looks {
  names = new Set();
  #folder;
  #watch;

  constructor(folder, watch) {
    this.#folder = folder;
    this.#watch = watch;
  }

  async look(page, name) {
    this.names.add(name);
    const find = (what) => this.#watch.find(`screen ${name}`, what);
    for (const scheme of ["dark", "light"]) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      for (const what of await this.#axe(page)) find(`${scheme}: ${what}`);
      await page.screenshot({ path: join(this.#folder, `${name}.${scheme}.png`), fullPage: true });
    }
    for (const size of NARROW) {
      await page.setViewportSize(size);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > size.width) find(`it is ${width} px wide where there are ${size.width}`);
      if (size !== NARROW[0]) continue;
      for (const what of await this.#axe(page)) find(`narrow: ${what}`);
      await page.screenshot({ path: join(this.#folder, `${name}.narrow.png`), fullPage: true });
    }
    await page.setViewportSize(WIDE);
  }

  async #axe(page) {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate((rules) => axe.run(document, { runOnly: { type: "tag", values: rules } }), RULES);
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  }
}
