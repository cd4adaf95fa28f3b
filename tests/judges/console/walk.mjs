// Walks through the console with a Chromium, as operators do: logs in and out, comes to every screen, does every deed, and
// is refused what they may not. Each screen is looked at by axe, in light and dark, wide and narrow, with pictures.
//
// The environment says where the console is (CONSOLE), where the API is (API), who may log in (ADMIN and OPERATOR, with
// PASSWORD), a token of an administrator and of a customer (TOKEN and CUSTOMER), how the database is asked (PSQL and
// DATABASE), and what every walk needs (../browser/walk.mjs).

import { SCREENS, Walk } from "../browser/walk.mjs";
import { ConsoleLooks } from "./looks.mjs";
import { Operator } from "./operator.mjs";
import { Shop } from "./shop.mjs";
import { ConsoleWatch } from "./watch.mjs";

const { CONSOLE } = process.env;
const FEWEST_SCREENS = 25;

const watch = new ConsoleWatch(CONSOLE);
const looks = new ConsoleLooks(SCREENS, watch);
const walk = await Walk.begin(watch, looks);
const page = await walk.page("operator", { baseURL: CONSOLE });
const operator = new Operator({ page, watch, looks, shop: new Shop(process.env), given: process.env });
await walk.go("operator", [page], () => operator.walk());
await walk.end(FEWEST_SCREENS);
