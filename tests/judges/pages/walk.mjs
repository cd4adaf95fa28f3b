// Walks through the pages of accounts with a Chromium, as people do: with a mouse, with a keyboard alone, and without
// scripts. Each of them registers, follows the link in the mail, turns a second factor on, uses it, ends a session from
// elsewhere, forgets the password and chooses another one.
//
// The environment says where the server is (API), where it writes its mails (MAILS), which program the browser is
// (CHROMIUM), and where pictures of all screens go (SCREENS).

import { mkdirSync, rmSync } from "node:fs";

import { chromium } from "playwright-core";

import { Keyboard, Mouse } from "./hands.mjs";
import { Person } from "./person.mjs";
import { Screens } from "./screens.mjs";
import { Watch } from "./watch.mjs";

const { API, MAILS, CHROMIUM, SCREENS } = process.env;
const PATIENCE_MS = 30_000;
// No name of another host has an address, and the browser itself asks nobody.
const ALONE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking"];
const WIDE = { width: 1280, height: 800 };

const PEOPLE = [
  { who: "mouse", Hands: Mouse, hasScripts: true, looks: true },
  { who: "keyboard", Hands: Keyboard, hasScripts: true, looks: false },
  { who: "no-script", Hands: Keyboard, hasScripts: false, looks: false },
];
// The screens that the first of them must have come to.
const FEWEST_SCREENS = 24;

rmSync(SCREENS, { recursive: true, force: true });
mkdirSync(SCREENS, { recursive: true });
const watch = new Watch(API);
const screens = new Screens(SCREENS, watch);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ALONE });
for (const { who, Hands, hasScripts, looks } of PEOPLE) {
  const open = async () => {
    const context = await browser.newContext({ baseURL: API, javaScriptEnabled: hasScripts, viewport: WIDE });
    context.setDefaultTimeout(PATIENCE_MS);
    watch.over(context, who);
    return new Hands(await context.newPage());
  };
  const [here, there] = [await open(), await open()];
  const person = new Person({ who, hasScripts, here, there, mails: MAILS, watch, screens: looks ? screens : null });
  try {
    await person.walk();
  } catch (error) {
    watch.find(who, `${error.stack}\nat ${here.page.url()} and ${there.page.url()}`);
    await here.page.screenshot({ path: `${SCREENS}/failed-${who}-here.png`, fullPage: true });
    await there.page.screenshot({ path: `${SCREENS}/failed-${who}-there.png`, fullPage: true });
  }
  await watch.end();
  for (const { page } of [here, there]) await page.context().close();
}
await browser.close();
if (screens.names.size < FEWEST_SCREENS) watch.find("screens", `there were ${screens.names.size} only`);
console.log(watch.findings.join("\n"));
console.log(`${screens.names.size} screens in ${SCREENS}, ${watch.findings.length} findings`);
process.exit(watch.findings.length > 0 ? 1 : 0);
