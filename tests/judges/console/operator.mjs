// An operator at work, from the log-in to the log-out. What is pressed is named as people see or hear it.

import { AuthenticatorApp } from "../browser/mails.mjs";

const WHY = "the judge wants to see it";

export class Operator {
  constructor(given) {
    Object.assign(this, given);
  }

  async walk() {
    await this.shop.open();
    await this.logsIn();
    await this.isCalm();
    await this.stopsAndStartsAProjection();
    await this.rebuildsAndRollsBack();
    await this.cancelsARebuild();
    await this.comparesAll();
    await this.seesABrokenLog();
    await this.looksAtWorkers();
    await this.skipsAnEventForAll();
    await this.decidesAboutDeadLetters();
    await this.looksAtAStream();
    await this.followsTheLog();
    await this.readsTheAudit();
    await this.readsTheConfiguration();
    await this.changesLevels();
    await this.findsTheReasons();
    await this.usesTheKeyboard();
    await this.logsOut();
    await this.comesWithAToken();
    await this.mayNotSeeEverything();
    await this.logsInWithACode();
  }

  async logsIn() {
    const { page, given, watch } = this;
    await page.goto("/console");
    await this.isAt("Log in");
    await this.looks.look(page, "log-in");
    await this.press("Log in");
    await this.alerts("Fill in your e-mail address");
    await page.getByLabel("E-mail address").fill(given.ADMIN);
    await page.getByLabel("Password").fill("another kettle of rooibos");
    watch.expect("/console/session", 401);
    await this.press("Log in");
    await this.alerts("is wrong");
    await this.looks.look(page, "log-in-refused");
    await watch.cookies(page, false);
    await page.getByLabel("Password").fill(given.PASSWORD);
    await this.press("Log in");
    await this.isAt("Now");
    await watch.cookies(page, true);
    await page.reload();
    await this.isAt("Now");
    await watch.cookies(page, true);
  }

  async isCalm() {
    const { page } = this;
    await this.shop.order();
    await page.getByText("All is well").waitFor();
    // The history has begun, with rates.
    await this.shop.until("something is drawn", async () => (await page.locator("path.line[d*=L]").count()) > 0);
    await this.looks.look(page, "now");
  }

  async stopsAndStartsAProjection() {
    const { page } = this;
    await this.goTo("Projections");
    await this.looks.look(page, "projections");
    await this.press("Pause orders …");
    await page.getByRole("dialog").getByRole("heading", { name: "Pause orders?" }).waitFor();
    await this.looks.look(page, "why");
    // Without a reason nothing is done.
    await this.press("Pause");
    await this.alerts("Say why");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await this.does("Pause orders …", "Pause", "orders is paused");
    await this.goTo("Now");
    await page.getByRole("heading", { name: "orders is paused" }).waitFor();
    await this.looks.look(page, "now-paused");
    await page.getByRole("link", { name: "Go to Projections" }).first().click();
    await this.isAt("Projections");
    await this.does("Resume orders …", "Resume", "orders goes on");
    await this.card("orders").getByText("running").waitFor();
  }

  async rebuildsAndRollsBack() {
    const { page } = this;
    const generation = async () => Number((await this.fact("orders", "Generation")).match(/^\d+/)[0]);
    const before = await generation();
    await this.does("Rebuild orders …", "Rebuild", "The rebuild of orders has begun");
    await this.shop.until("the rebuild is swapped in", async () => (await generation()) > before);
    await page.getByRole("row", { name: /orders, generation/ }).first().getByText("done").waitFor();
    await this.looks.look(page, "rebuilt");
    await this.does("Roll back orders …", "Roll back", `orders serves generation ${before}`);
    await this.shop.until("the generation before is served", async () => (await generation()) === before);
  }

  async cancelsARebuild() {
    const { page, shop } = this;
    shop.holdRebuildsOf("orders");
    await this.does("Rebuild orders …", "Rebuild", "The rebuild of orders has begun");
    await this.card("orders").getByText("Rebuild: reading the log").waitFor();
    await this.looks.look(page, "rebuilding");
    await this.does("Cancel the rebuild of orders …", "Cancel the rebuild", "The rebuild is cancelled");
    await page.getByRole("row", { name: /orders, generation/ }).first().getByText("cancelled").waitFor();
    await this.card("orders").getByText("Rebuild: ").waitFor({ state: "hidden" });
    shop.letRebuildsGoOn("orders");
  }

  async comparesAll() {
    const { page } = this;
    await this.does("Compare all …", "Compare", "Everything agrees with the log");
    await page.getByText("no differences", { exact: true }).waitFor();
    await this.looks.look(page, "compared");
  }

  // The auditor finds it by itself; what a comparison found is told until another one finds nothing.
  async seesABrokenLog() {
    const { page, shop, watch } = this;
    const order = await shop.order();
    await shop.confirm(order);
    await shop.loseAnEventOf(order);
    await this.goTo("Now");
    const worst = page.getByRole("list", { name: "What is wrong" }).getByRole("listitem").first();
    await worst.getByRole("heading", { name: "The log itself is broken" }).waitFor();
    await worst.getByText(`${order}: the log has no event 2`).waitFor();
    if ((await page.getByText("does not agree with the log").count()) > 0) watch.find("now", "what the log has lost is told as the fault of a projection");
    await this.looks.look(page, "now-broken-log");
    await worst.getByRole("link", { name: "Go to Projections" }).click();
    await this.card("orders").getByText("which no rebuild repairs").waitFor();
    await this.does("Compare all …", "Compare", "There are differences from the log");
    shop.findTheEventOf(order);
    await this.goTo("Now");
    await worst.getByText("When everything was compared").waitFor();
    await this.goTo("Projections");
    await this.does("Compare all …", "Compare", "Everything agrees with the log");
    await this.goTo("Now");
    await page.getByText("All is well").waitFor();
  }

  async looksAtWorkers() {
    const { page } = this;
    await this.goTo("Workers");
    await page.getByRole("rowheader", { name: "relay", exact: true }).waitFor();
    await this.looks.look(page, "workers");
  }

  async skipsAnEventForAll() {
    const { page, shop, watch } = this;
    const forAll = /^Skip event \S+ for all 3 …$/;
    await this.goTo("Dead letters");
    await shop.poison();
    await page.getByText(/^Event \S+ has stopped orders, reactor and sales\.$/).waitFor();
    await this.looks.look(page, "dead-letters-of-one-event");
    await this.does(forAll, "Skip", "It is left out for orders, reactor and sales.");
    await page.getByText("There is none. What failed").waitFor();
    // Another operator is faster with one of them.
    await shop.poison();
    await page.getByRole("button", { name: forAll }).click();
    watch.expect(await shop.skipFor("sales"), 404);
    await page.getByLabel("Why?").fill(WHY);
    await this.press("Skip");
    await page.getByRole("alert").getByText(/^It is left out for (orders and reactor|reactor and orders), but not for sales: /).waitFor();
    await this.looks.look(page, "skipped-for-some");
    await this.press("Leave it");
    await page.getByText("There is none. What failed").waitFor();
  }

  async decidesAboutDeadLetters() {
    const { page, shop } = this;
    const [retried, skipped] = [await shop.order(), await shop.order()];
    for (const order of [retried, skipped]) await shop.giveUpTheMailOf(order);
    await this.goTo("Now");
    await page.getByRole("heading", { name: /2 effects could not be done/ }).waitFor();
    await this.looks.look(page, "now-dead-letters");
    await page.getByRole("link", { name: "Go to Dead letters" }).click();
    await this.isAt("Dead letters and effects");
    await page.getByRole("button", { name: /^Show the event/ }).first().click();
    await page.getByLabel("Payload of the event").first().waitFor();
    await this.looks.look(page, "dead-letters");
    await this.does(/^Skip /, "Skip", "It is left out");
    await this.does(/^Retry /, "Retry", "It is tried again");
    await page.getByText("There is none. What failed").waitFor();
    await shop.until("one is sent, the other is not", () => [retried, skipped].map((order) => shop.stateOfMailOf(order)).sort().join() === "done,skipped");
    await page.getByLabel("Those that were decided, too").check();
    await page.getByText("retried", { exact: true }).first().waitFor();
    await this.does(/^Send again: /, "Send again", "It will be done once more");
    await this.looks.look(page, "dead-letters-decided");
  }

  async looksAtAStream() {
    const { page, shop } = this;
    const order = await shop.order();
    await shop.confirm(order);
    await this.goTo("Stream");
    await page.getByLabel("Stream", { exact: true }).fill(`order/${order}`);
    await this.press("Show");
    await page.getByText("OrderConfirmed").click();
    await page.getByRole("button", { name: "As of here: behind event 1" }).click();
    const state = page.getByLabel("State", { exact: true });
    await state.waitFor();
    if (!(await state.innerText()).includes('"status": "placed"')) this.watch.find("stream", "behind its first event the order is not placed");
    await this.looks.look(page, "stream");
    await page.getByLabel("Stream", { exact: true }).fill("order/nothing");
    await this.press("Show");
    await page.getByText("There is no such stream").waitFor();
  }

  async followsTheLog() {
    const { page, shop } = this;
    await this.goTo("Log");
    await page.getByText("Following the log.").waitFor();
    const order = await shop.order();
    await page.getByRole("link", { name: `order/${order}` }).waitFor();
    await this.looks.look(page, "log");
    await page.getByLabel("Types").fill("OrderConfirmed");
    await this.press("Filter");
    await page.getByText("Following the log.").waitFor();
    await shop.confirm(order);
    await page.getByRole("link", { name: `order/${order}` }).waitFor();
    if ((await page.getByText("OrderPlaced", { exact: true }).count()) > 0) this.watch.find("log", "there is an event that the filter leaves out");
    await this.press("Pause");
    await page.getByText("Paused.").waitFor();
  }

  async readsTheAudit() {
    const { page } = this;
    await this.goTo("Audit");
    await page.getByRole("cell", { name: /^projection\.rollback/ }).first().waitFor();
    await this.looks.look(page, "audit");
    await page.getByLabel("Who").fill("nobody at all");
    await this.press("Filter");
    await page.getByText("There is nothing.").waitFor();
  }

  async readsTheConfiguration() {
    const { page } = this;
    await this.goTo("Configuration");
    await page.getByRole("rowheader", { name: /^database_url/ }).waitFor();
    await this.looks.look(page, "configuration");
    await page.getByLabel("Find").fill("keep_alive");
    await page.getByText(/^[12] settings? of/).waitFor();
    await page.getByLabel("Find").fill("");
    await page.getByLabel("Only what is not the default").check();
    await page.getByText("changed", { exact: true }).first().waitFor();
    // The words of what may be set have an example.
    if (/:\/\/[^:/\s]+:(?!\*|password@)[^@\s]+@/.test(await page.locator("main").innerText())) this.watch.find("configuration", "it shows a password");
  }

  async changesLevels() {
    const { page, watch } = this;
    await page.getByText("Nothing is changed.").waitFor();
    const fill = (target, level, minutes) => async (dialog) => {
      await dialog.getByLabel("Target").fill(target);
      await dialog.getByLabel("Least level").selectOption(level);
      await dialog.getByLabel("Minutes").fill(minutes);
    };
    // What a library writes has no levels here.
    await this.press("Change a level …");
    await fill("sqlx", "trace", "5")(page.getByRole("dialog"));
    await page.getByLabel("Why?").fill(WHY);
    watch.expect("/admin/log-levels", 422);
    await this.press("Change");
    await this.alerts("has to be a module of Daybook");
    await this.looks.look(page, "level");
    await this.press("Leave it");
    await this.does("Change a level …", "Change", "It is so until", fill("daybook_http", "warn", "5"));
    await this.does("Change a level …", "Change", "It is so until", fill("daybook_mirror", "debug", "60"));
    await page.getByRole("row", { name: "daybook_http warn" }).waitFor();
    await page.getByRole("row", { name: "daybook_mirror debug" }).waitFor();
    await page.getByText(/Changed until .*, in (59 min|1 h)/).waitFor();
    await this.looks.look(page, "levels-changed");
    await this.does("As configured …", "As configured", "as configured");
    await page.getByText("Nothing is changed.").waitFor();
  }

  findsTheReasons() {
    const noted = this.shop.audit();
    for (const action of ["projection.pause", "projection.resume", "projection.rebuild", "rebuild.cancel", "projection.rollback", "verify", "dead_letter.retry", "dead_letter.skip", "effect.resend", "log_levels.set"]) {
      if (!noted.includes(`${action} ${WHY}`)) this.watch.find("audit", `${action} is not there with its reason`);
    }
  }

  // Tab comes to the way past the screens' list first; a screen begins at its heading; a dialog gives the focus back.
  async usesTheKeyboard() {
    const { page } = this;
    await this.goTo("Projections");
    const at = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
    if ((await at()) !== "Projections") this.watch.find("keyboard", `a screen begins at ${await at()}`);
    const pause = page.getByRole("button", { name: "Pause orders …" });
    await pause.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    if (!(await page.getByLabel("Why?").evaluate((why) => why === document.activeElement))) this.watch.find("keyboard", "a dialog doesn't begin at its reason");
    await page.keyboard.press("Escape");
    if ((await at()) !== "Pause orders …") this.watch.find("keyboard", `after a dialog the focus is on ${await at()}`);
    await page.reload();
    await this.isAt("Projections");
    await page.keyboard.press("Shift+Tab");
    for (let stop = 0; stop < 20 && (await at()) !== "Skip to the screen"; stop += 1) await page.keyboard.press("Shift+Tab");
    if ((await at()) !== "Skip to the screen") this.watch.find("keyboard", "there is no way past the list of screens");
  }

  async logsOut() {
    const { page, watch } = this;
    await this.press("Log out");
    await this.isAt("Log in");
    await page.getByText("You are logged out.").waitFor();
    await watch.cookies(page, false);
    await page.reload();
    await this.isAt("Log in");
    // Nothing of before is shown to who sits down next.
    await page.goBack().catch(() => null);
    await this.isAt("Log in");
  }

  async comesWithAToken() {
    const { page, given, watch } = this;
    await page.goto("/console#/workers");
    await this.isAt("Log in");
    watch.expect("/v1/permissions/mine", 401);
    await this.pastes("not.a.token");
    await page.getByText("This token is not good here").waitFor();
    await this.pastes(given.TOKEN);
    await this.isAt("Workers");
    await watch.cookies(page, false);
    // It was in the page's memory only.
    await page.reload();
    await this.isAt("Log in");
  }

  async mayNotSeeEverything() {
    const { page, given, watch } = this;
    await page.getByLabel("E-mail address").fill(given.OPERATOR);
    await page.getByLabel("Password").fill(given.PASSWORD);
    await this.press("Log in");
    await this.isAt("Workers");
    watch.expect("/v1/events", 403);
    await this.goTo("Log");
    await page.getByRole("heading", { name: "You may not see this" }).waitFor();
    await page.getByText("events.read").waitFor();
    await this.looks.look(page, "forbidden");
    await this.press("Log out");
    await this.isAt("Log in");
    for (const path of ["projections", "workers", "log", "dead-letters", "effects", "rebuilds", "measures"]) watch.expect(`/admin/${path}`, 403);
    await page.goto("/console#/now");
    await this.pastes(given.CUSTOMER);
    await page.getByRole("heading", { name: "You may not see this" }).waitFor();
    await this.looks.look(page, "forbidden-customer");
  }

  async logsInWithACode() {
    const { page, given, shop } = this;
    const { access_token: token } = await shop.ask("POST", "/v1/sessions", { email: given.OPERATOR, password: given.PASSWORD });
    const { secret } = await shop.ask("POST", "/v1/accounts/me/totp", {}, token);
    const app = new AuthenticatorApp(secret);
    await shop.ask("POST", "/v1/accounts/me/totp/confirmation", { code: await app.code() }, token);
    await page.reload();
    await this.isAt("Log in");
    await page.getByLabel("E-mail address").fill(given.OPERATOR);
    await page.getByLabel("Password").fill(given.PASSWORD);
    await this.press("Log in");
    await this.alerts("second factor");
    await this.looks.look(page, "log-in-code");
    await page.getByLabel("Code").fill(app.wrong());
    await this.press("Log in");
    await this.alerts("is wrong");
    await page.getByLabel("Code").fill(await app.code());
    await this.press("Log in");
    await this.isAt("Now");
    await shop.ask("DELETE", "/v1/accounts/me/totp", {}, token);
  }

  async pastes(token) {
    const { page } = this;
    const field = page.getByLabel("Token");
    if (!(await field.isVisible())) await page.getByText("Use a token instead").click();
    await field.fill(token);
    await this.press("Use the token");
  }

  async isAt(title) {
    await this.page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
  }

  async goTo(title) {
    await this.page.getByRole("navigation").getByRole("link", { name: new RegExp(`^${title}`) }).click();
    await this.page.getByRole("heading", { level: 1, name: new RegExp(`^${title}`) }).waitFor();
  }

  async press(name) {
    await this.page.getByRole("button", { name, exact: true }).click();
  }

  async alerts(text) {
    await this.page.getByRole("alert").filter({ hasText: text }).waitFor();
  }

  // Presses, fills in what is asked, says why, and reads that it is done.
  async does(name, verb, done, fill) {
    const { page } = this;
    await page.getByRole("button", { name, exact: typeof name === "string" }).first().click();
    const dialog = page.getByRole("dialog");
    await fill?.(dialog);
    await dialog.getByLabel("Why?").fill(WHY);
    await dialog.getByRole("button", { name: verb, exact: true }).click();
    await dialog.waitFor({ state: "hidden" });
    await page.locator("#said").getByText(done).waitFor();
  }

  card(name) {
    return this.page.getByRole("region", { name, exact: true });
  }

  async fact(name, term) {
    return this.card(name).locator("dl div").filter({ hasText: term }).locator("dd").innerText();
  }
}
