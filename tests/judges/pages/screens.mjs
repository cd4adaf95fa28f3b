// How a screen is looked at: what it is made of, what Tab does, what can be read, in which widths; and its pictures.

import { join } from "node:path";

import { contrasts, focused, structure, stops } from "./in_page.mjs";

const WIDE = { width: 1280, height: 800 };
// Widths that nothing may stick out of. 320 px is what 1280 px are at a zoom of 400 % (WCAG 2.2, 1.4.10).
const NARROW = [{ width: 360, height: 740 }, { width: 320, height: 740 }];

export class Screens {
  names = new Set();
  #folder;
  #watch;

  constructor(folder, watch) {
    this.#folder = folder;
    this.#watch = watch;
  }

  async look(page, name) {
    this.names.add(name);
    const found = await this.#problem(page);
    found.push(...(await page.evaluate(structure)));
    for (const [scheme, end] of [["dark", ".dark"], ["light", ""]]) {
      await page.emulateMedia({ colorScheme: scheme });
      found.push(...(await page.evaluate(contrasts)).map((what) => `${scheme}: ${what}`));
      await this.#picture(page, `${name}${end}`);
    }
    for (const size of NARROW) {
      await page.setViewportSize(size);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > size.width) found.push(`it is ${width} px wide where there are ${size.width}`);
      if (size === NARROW[0]) await this.#picture(page, `${name}.narrow`);
    }
    await page.setViewportSize(WIDE);
    // Afterwards the focus is elsewhere, which pictures would show.
    found.push(...(await this.#tabs(page)));
    found.forEach((what) => this.#watch.find(`screen ${name}`, what));
  }

  // Whoever made a mistake is at what says so, without a script.
  async #problem(page) {
    const alert = page.getByRole("alert");
    if ((await alert.count()) === 0) return [];
    const isAt = await alert.evaluate((element) => element === document.activeElement);
    return isAt ? [] : ["the focus is not on the problem"];
  }

  // Goes through all stops with Tab and back.
  async #tabs(page) {
    const expected = await page.evaluate(stops);
    const found = [];
    const at = async () => page.evaluate(focused);
    const walk = async (key, names) => {
      for (const [index, name] of names.entries()) {
        if (index > 0) await page.keyboard.press(key);
        const now = await at();
        if (now.name !== name) found.push(`${key} comes to ${now.name} in the place of ${name}`);
        found.push(...now.found);
      }
    };
    await walk("Tab", expected);
    await walk("Shift+Tab", expected.toReversed());
    return [...new Set(found)];
  }

  async #picture(page, name) {
    await page.screenshot({ path: join(this.#folder, `${name}.png`), fullPage: true });
  }
}
