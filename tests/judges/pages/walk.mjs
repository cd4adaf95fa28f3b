// Walks through the pages of accounts with a Chromium, as people do: with a mouse, with a keyboard alone, and without
// scripts. Each of them registers, follows the link in the mail, turns a second factor on, uses it, ends a session from
// elsewhere, forgets the password and chooses another one.
//
// The environment says where the server is (API), where it writes its mails (MAILS), and what every walk needs
// (../browser/walk.mjs).

import { SCREENS, Walk } from "../browser/walk.mjs";
import { Keyboard, Mouse } from "./hands.mjs";
import { Person } from "./person.mjs";
import { Screens } from "./screens.mjs";
import { PagesWatch } from "./watch.mjs";

const { API, MAILS } = process.env;

const PEOPLE = [
  { who: "mouse", Hands: Mouse, hasScripts: true, looks: true },
  { who: "keyboard", Hands: Keyboard, hasScripts: true, looks: false },
  { who: "no-script", Hands: Keyboard, hasScripts: false, looks: false },
];
// The screens that the first of them must have come to.
const FEWEST_SCREENS = 24;

const watch = new PagesWatch(API);
const screens = new Screens(SCREENS, watch);
const walk = await Walk.begin(watch, screens);
for (const { who, Hands, hasScripts, looks } of PEOPLE) {
  const open = () => walk.page(who, { baseURL: API, javaScriptEnabled: hasScripts });
  const pages = [await open(), await open()];
  const [here, there] = pages.map((page) => new Hands(page));
  const person = new Person({ who, hasScripts, here, there, mails: MAILS, watch, screens: looks ? screens : null });
  await walk.go(who, pages, () => person.walk());
}
await walk.end(FEWEST_SCREENS);
