// Someone who has an account from the first page to the last one, in two browsers: `here`, and `there` elsewhere.

import { randomUUID } from "node:crypto";

import { AuthenticatorApp, Mailbox } from "../browser/mails.mjs";

const NAME = "Alice Example";
const PASSWORD = "correct horse battery staple";
const OTHER_PASSWORD = "quite another battery staple";
const ADDRESS = "E-mail address";

export class Person {
  #app;
  #recovery = [];

  constructor(given) {
    Object.assign(this, given);
    this.address = `${this.who}.${randomUUID()}@example.com`;
    this.mailbox = new Mailbox(this.mails, this.address);
  }

  async walk() {
    await this.registers();
    await this.verifies();
    await this.logsIn();
    await this.turnsTheSecondFactorOn();
    await this.logsInWithIt();
    await this.endsASessionFromElsewhere();
    await this.forgetsThePassword();
    await this.changesTheSecondFactor();
    await this.leaves();
  }

  async registers() {
    const { here } = this;
    await here.page.goto("/account");
    await this.is(here, "Log in", "/account/log-in");
    await this.look("log-in");
    await this.saysWhatCookiesAreFor();
    await here.follow("Register");
    await this.is(here, "Register");
    await this.look("registration");
    await here.fill(ADDRESS, this.address);
    await here.fill(/^Name/, NAME);
    await here.fill("New password", "password1");
    await here.press("Register");
    await this.isRefused(here, "weak_password");
    await this.look("registration-refused");
    await here.fill("New password", PASSWORD);
    await here.press("Register");
    await this.is(here, "Verify your e-mail address", "/account/verification");
    await this.look("verification");
  }

  async verifies() {
    const { here } = this;
    const link = await this.opens(here, "/account/verification");
    await this.look("verification-by-link");
    await here.press("Verify");
    await this.is(here, "Your e-mail address is verified");
    await this.look("verified");
    await here.follow("Go on to your account");
    await this.is(here, "Log in", "/account/log-in");
    await this.opens(here, "/account/verification", link);
    await here.press("Verify");
    await this.isRefused(here, "invalid_link");
    await this.look("verification-refused");
  }

  async logsIn() {
    const { here } = this;
    await here.page.goto("/account/log-in");
    await here.fill(ADDRESS, this.address);
    await here.fill("Password", "pw");
    await here.press("Log in");
    await this.isRefused(here, "validation_failed");
    await this.look("log-in-mistaken");
    await here.fill("Password", "a password that is wrong");
    await here.press("Log in");
    await this.isRefused(here, "invalid_credentials");
    await this.look("log-in-refused");
    await here.fill("Password", PASSWORD);
    await here.press("Log in");
    await this.isAtTheAccount(here);
    await this.look("account");
    await this.watch.cookies(here.page, true, this.who);
  }

  async turnsTheSecondFactorOn() {
    const { here } = this;
    await here.follow("Second factor");
    await this.is(here, "Second factor");
    await this.look("second-factor-off");
    await here.press("Turn it on");
    await this.look("second-factor-secret");
    this.#app = new AuthenticatorApp(await here.page.locator("code.secret").innerText());
    await here.fill("Code", this.#app.wrong());
    await here.press("Turn it on");
    await this.isRefused(here, "invalid_code");
    await this.look("second-factor-refused");
    await here.fill("Code", await this.#app.code());
    await here.press("Turn it on");
    await this.is(here, "Recovery codes");
    await this.look("recovery-codes");
    this.#recovery = await here.page.getByRole("listitem").allInnerTexts();
    await here.follow("I have kept them");
    await this.isAtTheAccount(here);
    await here.press("Log out");
    await this.is(here, "Log in", "/account/log-in");
    await this.watch.cookies(here.page, false, this.who);
    // Nothing of the account is shown to whoever sits down next.
    await here.page.goBack();
    await this.is(here, "Log in", "/account/log-in");
  }

  async logsInWithIt() {
    const { here } = this;
    await this.asksToLogIn(here, PASSWORD);
    await this.look("log-in-code");
    await here.fill("Password", PASSWORD);
    await here.fill("Code", this.#app.wrong());
    await here.press("Log in");
    await this.isRefused(here, "invalid_credentials");
    await this.look("log-in-code-refused");
    await here.fill("Password", PASSWORD);
    await here.fill("Code", await this.#app.code());
    await here.press("Log in");
    await this.isAtTheAccount(here);
  }

  async endsASessionFromElsewhere() {
    const { here, there } = this;
    const [first] = this.#recovery;
    await this.asksToLogIn(there, PASSWORD);
    await there.fill("Password", PASSWORD);
    await there.fill("Code", first);
    await there.press("Log in");
    await this.isAtTheAccount(there);
    await here.page.reload();
    const others = here.page.getByRole("listitem").filter({ has: here.page.getByRole("button") });
    if ((await others.count()) !== 2) throw new Error(`there are ${await others.count()} sessions`);
    await this.look("sessions");
    const other = await others.filter({ hasNotText: "Here" }).getByRole("button").getAttribute("aria-label");
    await here.press(other);
    await this.isAtTheAccount(here);
    await there.page.reload();
    await this.is(there, "Log in", "/account/log-in");
    await this.asksToLogIn(there, PASSWORD);
    await there.fill("Password", PASSWORD);
    await there.fill("Code", first);
    await there.press("Log in");
    await this.isRefused(there, "invalid_credentials");
  }

  async forgetsThePassword() {
    const { here, there } = this;
    await there.page.goto("/account/log-in");
    await there.follow("Forgot your password?");
    await this.is(there, "Forgotten password");
    await this.look("forgotten", there);
    await there.fill(ADDRESS, this.address);
    await there.press("Send me a link");
    await this.is(there, "Choose a new password", "/account/reset");
    await this.look("reset", there);
    await this.opens(there, "/account/reset");
    await this.look("reset-by-link", there);
    await there.fill("New password", "password1");
    await there.press("Change the password");
    await this.isRefused(there, "weak_password");
    await this.look("reset-refused", there);
    await there.fill("New password", OTHER_PASSWORD);
    await there.press("Change the password");
    await this.is(there, "Your password is changed");
    await this.look("password-changed", there);
    await here.page.reload();
    await this.is(here, "Log in", "/account/log-in");
    await there.follow("Log in");
    await there.fill(ADDRESS, this.address);
    await there.fill("Password", PASSWORD);
    await there.press("Log in");
    await this.isRefused(there, "invalid_credentials");
    await this.asksToLogIn(there, OTHER_PASSWORD);
    await there.fill("Password", OTHER_PASSWORD);
    await there.fill("Code", this.#recovery[1]);
    await there.press("Log in");
    await this.isAtTheAccount(there);
  }

  async changesTheSecondFactor() {
    const { there } = this;
    await there.follow("Second factor");
    await this.look("second-factor-on", there);
    await there.press("New recovery codes");
    await this.is(there, "Recovery codes");
    await there.page.goto("/account/second-factor");
    await there.press("Turn it off");
    await this.is(there, "Second factor");
    await there.page.getByRole("button", { name: "Turn it on" }).waitFor();
  }

  async leaves() {
    const { here, there } = this;
    await there.page.goto("/account/nothing");
    await this.look("not-found", there);
    await there.follow("Your account");
    await this.isAtTheAccount(there);
    await there.press("Log out everywhere");
    await this.is(there, "Log in", "/account/log-in");
    if (!this.hasScripts) return;
    for (const { page } of [here, there]) await this.watch.history(page, this.who);
  }

  // Someone whose second factor is on is asked for a code.
  async asksToLogIn(hands, password) {
    await hands.page.goto("/account/log-in");
    await hands.fill(ADDRESS, this.address);
    await hands.fill("Password", password);
    await hands.press("Log in");
    await this.isRefused(hands, "second_factor_required");
  }

  // Opens a link in a mail. Its token goes from the address into the form, or someone copies it where there are no
  // scripts.
  async opens(hands, path, link) {
    const { page } = hands;
    link ??= await this.mailbox.link(path);
    // As from another program: the page isn't there yet, so its fragment alone doesn't count.
    await page.goto("about:blank");
    await page.goto(link);
    const field = page.getByLabel("Token");
    if (this.hasScripts) {
      if (new URL(page.url()).hash) this.watch.find(this.who, `the token stays in the address ${page.url()}`);
      if (await field.isVisible()) this.watch.find(this.who, "the token is shown");
    } else {
      await hands.fill("Token", link.split("#token=")[1]);
    }
    return link;
  }

  // What the page says of cookies is so.
  async saysWhatCookiesAreFor() {
    const said = await this.here.page.getByText(/cookies?/).allInnerTexts();
    const days = Number(/(\d+) days/.exec(said.join(" "))?.[1]);
    if (days !== 400) this.watch.find(this.who, `of cookies the page says ${JSON.stringify(said)}`);
  }

  async isAtTheAccount(hands) {
    await this.is(hands, "Your account", "/account");
  }

  async is(hands, heading, path) {
    const [is, at] = [await hands.page.locator("h1").innerText(), new URL(hands.page.url()).pathname];
    if (is !== heading || at !== (path ?? at)) throw new Error(`this is ${is} at ${at}, not ${heading}`);
  }

  // The problem is told, has the focus, and no password is in the page.
  async isRefused(hands, code) {
    const alert = hands.page.getByRole("alert");
    const is = (await alert.count()) === 1 ? await alert.getAttribute("data-code") : "no refusal";
    if (is !== code) throw new Error(`this is ${is}, not ${code}`);
    const isAt = await alert.evaluate((element) => element === document.activeElement);
    if (!isAt) this.watch.find(this.who, `the focus is not on ${code}`);
    const passwords = await hands.page.locator("input[type=password]").evaluateAll((all) => all.map(({ value }) => value));
    if (passwords.some((value) => value !== "")) this.watch.find(this.who, "there is a password in the page");
  }

  async look(name, hands = this.here) {
    await this.screens?.look(hands.page, name);
  }
}
