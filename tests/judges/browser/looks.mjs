// How a screen is looked at: in light and dark, in widths that nothing may stick out of, and for pictures. What there is
// to see on it, a walk says itself.

import { join } from "node:path";

export const WIDE = { width: 1280, height: 900 };
// 320 px is what 1280 px are at a zoom of 400 % (WCAG 2.2, 1.4.10).
const NARROW = [{ width: 380, height: 800 }, { width: 320, height: 740 }];

export class Looks {
  names = new Set();
  #folder;
  #watch;

  constructor(folder, watch) {
    this.#folder = folder;
    this.#watch = watch;
  }

  // What is wrong however it is shown; asked before anything is changed.
  async made(_page) {
    return [];
  }

  // What is wrong as it is shown now.
  async seen(_page) {
    return [];
  }

  // What is wrong with the ways through it; the focus may be elsewhere then.
  async used(_page) {
    return [];
  }

  async look(page, name) {
    this.names.add(name);
    const found = await this.made(page);
    const see = async (how) => {
      found.push(...(await this.seen(page)).map((what) => `${how}: ${what}`));
      await page.screenshot({ path: join(this.#folder, `${name}.${how}.png`), fullPage: true });
    };
    for (const scheme of ["dark", "light"]) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await see(scheme);
    }
    for (const size of NARROW) {
      await page.setViewportSize(size);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > size.width) found.push(`it is ${width} px wide where there are ${size.width}`);
      if (size === NARROW[0]) await see("narrow");
    }
    await page.setViewportSize(WIDE);
    found.push(...(await this.used(page)));
    for (const what of found) this.#watch.find(`screen ${name}`, what);
  }
}
