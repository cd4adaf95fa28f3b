// How a screen of the console is looked at: by axe.

import { axe } from "../browser/axe.mjs";
import { Looks } from "../browser/looks.mjs";

export class ConsoleLooks extends Looks {
  seen(page) {
    return axe(page);
  }
}
