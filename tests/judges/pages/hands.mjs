// How someone uses a page: with a mouse, or with a keyboard alone. Things are named as people see or hear them.

// More presses of Tab than any page has stops.
const STOPS = 60;

class Hands {
  constructor(page) {
    this.page = page;
  }

  field(label) {
    return this.page.getByLabel(label, { exact: typeof label === "string" });
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  link(name) {
    return this.page.getByRole("link", { name, exact: true });
  }

  // Does something that leads to a page, perhaps the same one, and returns when that is there.
  async andArrive(action) {
    await Promise.all([this.page.waitForEvent("load"), action()]);
  }
}

export class Mouse extends Hands {
  async fill(label, text) {
    await this.field(label).fill(text);
  }

  async press(name) {
    await this.andArrive(() => this.button(name).click());
  }

  async follow(name) {
    await this.andArrive(() => this.link(name).click());
  }
}

export class Keyboard extends Hands {
  async fill(label, text) {
    await this.#reach(this.field(label), label);
    await this.page.keyboard.press("ControlOrMeta+A");
    await this.page.keyboard.type(text);
  }

  async press(name) {
    await this.#reach(this.button(name), name);
    await this.andArrive(() => this.page.keyboard.press("Space"));
  }

  async follow(name) {
    await this.#reach(this.link(name), name);
    await this.andArrive(() => this.page.keyboard.press("Enter"));
  }

  async #reach(thing, name) {
    for (let stop = 0; stop < STOPS; stop += 1) {
      if (await thing.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`Tab never comes to ${name} at ${this.page.url()}`);
  }
}
