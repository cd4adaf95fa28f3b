// Walks through the console with a Chromium, as operators do: logs in and out, comes to every screen, does every deed, and
// is refused what they may not. Each screen is looked at by axe, in light and dark, wide and narrow, with pictures.
//
// The environment says where the console is (CONSOLE), where the API is (API), who may log in (ADMIN and OPERATOR, with
// PASSWORD), a token of an administrator and of a customer (TOKEN and CUSTOMER), how the database is asked (PSQL and
// DATABASE), which program the browser is (CHROMIUM), and where pictures of all screens go (SCREENS).

import { mkdirSync, rmSync } from "node:fs";

import { chromium } from "playwright-core";

import { Looks } from "./looks.mjs";
import { Operator } from "./operator.mjs";
import { Shop } from "./shop.mjs";
import { Watch } from "./watch.mjs";

const { CONSOLE, CHROMIUM, SCREENS } = process.env;
const PATIENCE_MS = 30_000;
// No name of another host has an address, and the browser itself asks nobody.
const ALONE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking"];
const FEWEST_SCREENS = 19;

rmSync(SCREENS, { recursive: true, force: true });
mkdirSync(SCREENS, { recursive: true });
const watch = new Watch(CONSOLE);
const looks = new Looks(SCREENS, watch);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ALONE });
const context = await browser.newContext({ baseURL: CONSOLE, viewport: { width: 1280, height: 900 } });
context.setDefaultTimeout(PATIENCE_MS);
await watch.over(context);
const page = await context.newPage();
try {
  await new Operator({ page, watch, looks, shop: new Shop(process.env), given: process.env }).walk();
} catch (error) {
  watch.find("walk", `${error.stack}\nat ${page.url()}`);
  await page.screenshot({ path: `${SCREENS}/failed.png`, fullPage: true });
}
await browser.close();
if (looks.names.size < FEWEST_SCREENS) watch.find("screens", `there were ${looks.names.size} only`);
console.log(watch.findings.join("\n"));
console.log(`${looks.names.size} screens in ${SCREENS}, ${watch.findings.length} findings`);
process.exit(watch.findings.length > 0 ? 1 : 0);
