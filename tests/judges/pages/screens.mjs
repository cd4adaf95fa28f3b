// How a page is looked at: what it is made of, what can be read, and what Tab does.

import { Looks } from "../browser/looks.mjs";
import { contrasts, focused, structure, stops } from "./in_page.mjs";

export class Screens extends Looks {
  async made(page) {
    return [...(await this.#problem(page)), ...(await page.evaluate(structure))];
  }

  seen(page) {
    return page.evaluate(contrasts);
  }

  used(page) {
    return this.#tabs(page);
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
}
