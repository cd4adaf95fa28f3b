// Functions that are sent into a page. Each stands alone, and says what it finds.

// Language, title, headings, landmarks, labels and names.
export function structure() {
  const found = [];
  const check = (isGood, what) => isGood || found.push(what);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (element) => element.checkVisibility();
  const named = (element) => element.getAttribute("aria-label") ?? element.textContent.trim();

  check(document.documentElement.lang === "en", "it doesn't say its language");
  check(all("h1").length === 1, `it has ${all("h1").length} headings of the first level`);
  check(document.title.includes(all("h1")[0]?.textContent), `the title is ${document.title}`);
  check(all("main").length === 1 && all("body > header").length === 1, "it has not one main part and one header");
  check([...document.body.children].every((part) => /^(HEADER|MAIN|NAV|FOOTER)$/.test(part.tagName)), "something is in no landmark");
  const levels = all("h1, h2, h3, h4").map((heading) => Number(heading.tagName[1]));
  check(levels.every((level, at) => at === 0 || level <= levels[at - 1] + 1), `headings have the levels ${levels}`);
  const ids = all("[id]").map((element) => element.id);
  check(new Set(ids).size === ids.length, `ids are not unique: ${ids}`);
  check(!/maximum-scale|user-scalable/.test(all("meta[name=viewport]")[0]?.content ?? "maximum-scale"), "it can't be zoomed");
  check(all("[style], [onclick], [onload], style, script:not([src])").length === 0, "it has a style or script in it");
  check(all("[tabindex]").every((element) => element.tabIndex < 0), "something has a place of its own in the order of Tab");

  for (const field of all("input:not([type=hidden])").filter(shown)) {
    const label = [...field.labels].find(shown)?.textContent.trim();
    check(label, `the field ${field.name} has no label`);
    check(field.autocomplete, `the field ${field.name} doesn't say what a browser may fill in`);
    const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
    check(described.every((id) => document.getElementById(id)), `the field ${field.name} is described by nothing`);
    check(parseFloat(getComputedStyle(field).fontSize) >= 16, `the field ${field.name} makes phones zoom`);
  }
  const actions = new Map();
  for (const thing of all("a[href], button").filter(shown)) {
    const name = named(thing);
    check(name, `there is a ${thing.tagName} without a name`);
    // What people see is what they can say (WCAG 2.2, 2.5.3).
    check(name.toLowerCase().startsWith(thing.textContent.trim().toLowerCase()), `${name} is not called what it shows`);
    const does = thing.href ?? new URLSearchParams(new FormData(thing.form)) + thing.form.action;
    const other = actions.get(`${thing.tagName} ${name}`) ?? does;
    check(other === does, `two different things are called ${name}`);
    actions.set(`${thing.tagName} ${name}`, does);
    const { width, height } = thing.getBoundingClientRect();
    const isInText = thing.tagName === "A" && thing.parentElement.textContent.trim() !== thing.textContent.trim();
    // WCAG 2.2, 2.5.8.
    check(isInText || (width >= 24 && height >= 24), `${name} is ${Math.round(width)} by ${Math.round(height)} px`);
  }
  return found;
}

// The names of all that Tab comes to, in the order in which it is read. The first of them has the focus then.
export function stops() {
  const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), summary, [tabindex='0']")];
  const shown = all.filter((element) => element.checkVisibility() && !element.disabled);
  shown[0]?.focus();
  return shown.map((element) => element.name || element.getAttribute("aria-label") || element.textContent.trim());
}

// What has the focus, and whether that is seen.
export function focused() {
  const element = document.activeElement;
  const name = element.name || element.getAttribute("aria-label") || element.textContent.trim();
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const { top, bottom } = element.getBoundingClientRect();
  const found = [];
  if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) found.push(`the focus on ${name} is not seen`);
  if (bottom < 0 || top > innerHeight) found.push(`${name} has the focus out of sight`);
  return { name: element === document.body ? "nothing" : name, found };
}

// Text that is too faint, and edges of fields (WCAG 2.2, 1.4.3 and 1.4.11).
export function contrasts() {
  const found = new Set();
  const numbers = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
    return { parts: [red, green, blue], alpha };
  };
  const luminance = (parts) => {
    const [red, green, blue] = parts.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const over = (front, back) => front.parts.map((part, at) => part * front.alpha + back[at] * (1 - front.alpha));
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    const paint = numbers(getComputedStyle(element).backgroundColor);
    return paint.alpha === 1 ? paint.parts : over(paint, behind(element.parentElement));
  };
  const contrast = (front, back) => {
    const [light, dark] = [luminance(front), luminance(back)].sort((one, other) => other - one);
    return (light + 0.05) / (dark + 0.05);
  };
  const check = (what, colour, back, least) => {
    const is = contrast(over(numbers(colour), back), back);
    if (is < least) found.add(`${what} has a contrast of ${is.toFixed(2)}`);
  };
  const readable = (element, what) => {
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const size = parseFloat(fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700);
    check(what, color, behind(element), isLarge ? 3 : 4.5);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { textContent, parentElement } = texts.currentNode;
    if (textContent.trim() && parentElement.checkVisibility()) readable(parentElement, JSON.stringify(textContent.trim()));
  }
  for (const field of document.querySelectorAll("input:not([type=hidden])")) {
    if (!field.checkVisibility()) continue;
    readable(field, `what is in ${field.name}`);
    check(`the edge of ${field.name}`, getComputedStyle(field).borderTopColor, behind(field.parentElement), 3);
    const kept = document.activeElement;
    field.focus();
    check(`the focus on ${field.name}`, getComputedStyle(field).outlineColor, behind(field.parentElement), 3);
    field.blur();
    kept.focus();
  }
  return [...found];
}
