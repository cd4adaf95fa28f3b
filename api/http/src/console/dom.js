// Elements are described, and those that are there are changed into what is described: so focus, selection and what was
// typed stay while figures change. What comes from the server only ever becomes text.

const SVG = "http://www.w3.org/2000/svg";
// What people change, which is only set when the element is made.
const THEIRS = new Set(["value", "checked", "open"]);
// What each element was made of last.
const known = new WeakMap();

// Describes an element. `given` has attributes, handlers (`onclick`) and a `key` that tells it from its siblings.
export function h(tag, given, ...children) {
  return { tag, given: given ?? {}, children: children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false) };
}

// Makes the children of `parent` what is described.
export function render(parent, ...children) {
  fill(parent, h("", {}, ...children).children);
}

function fill(parent, wanted) {
  let at = parent.firstChild;
  for (const want of wanted) {
    const found = find(at, want);
    if (!found) {
      parent.insertBefore(make(parent, want), at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else parent.insertBefore(found, at);
    change(found, want);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// The node that becomes what is wanted: this one, or a later one with the same key.
function find(at, want) {
  const key = want.given?.key;
  if (key === undefined) return at && fits(at, want) ? at : null;
  for (let node = at; node; node = node.nextSibling) if (fits(node, want)) return node;
  return null;
}

function fits(node, want) {
  if (typeof want !== "object") return node.nodeType === Node.TEXT_NODE;
  return node.localName === want.tag && known.get(node)?.key === want.given.key;
}

function make(parent, want) {
  if (typeof want !== "object") return document.createTextNode(want);
  const isSvg = want.tag === "svg" || parent.namespaceURI === SVG;
  const element = isSvg ? document.createElementNS(SVG, want.tag) : document.createElement(want.tag);
  for (const name of THEIRS) {
    if (want.given[name] !== undefined && want.tag !== "progress") element[name] = want.given[name];
  }
  change(element, want);
  return element;
}

function change(node, want) {
  if (typeof want !== "object") {
    if (node.data !== String(want)) node.data = want;
    return;
  }
  const before = known.get(node) ?? {};
  for (const name of Object.keys(before)) if (!(name in want.given)) set(node, name, null);
  for (const [name, value] of Object.entries(want.given)) if (value !== before[name]) set(node, name, value);
  known.set(node, want.given);
  fill(node, want.children);
}

function set(node, name, value) {
  if (name === "key" || (THEIRS.has(name) && node.localName !== "progress")) return;
  if (name.startsWith("on")) node[name] = value;
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

// A table whose rows become blocks where there is little room; so roles are said, too. A column has a name, a cell for
// a row, and perhaps a class.
export function table(caption, columns, rows, nothing) {
  if (rows.length === 0) return h("p", { class: "quiet" }, nothing);
  const head = columns.map(({ name, kind }) => h("th", { scope: "col", role: "columnheader", class: kind }, name));
  const line = (row) => {
    const cells = columns.map(({ name, kind, cell }, at) =>
      h(at === 0 ? "th" : "td", { role: at === 0 ? "rowheader" : "cell", scope: at === 0 ? "row" : null, class: kind, "data-name": name }, cell(row)));
    return h("tr", { key: row.key, role: "row", class: row.kind }, cells);
  };
  return h("div", { class: "wide" }, h("table", { role: "table" },
    h("caption", {}, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h("tbody", { role: "rowgroup" }, rows.map(line))));
}

export function badge(word, tone) {
  return h("span", { class: `badge ${tone}` }, word);
}

export function button(name, onclick, given) {
  return h("button", { type: "button", onclick, ...given }, name);
}

export function field(label, input, hint) {
  const { id } = input.given;
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hint && h("p", { class: "hint", id: `${id}-hint` }, hint));
}

// What is in a field follows the address, when that changes.
export function refill(id, value) {
  const input = document.getElementById(id);
  if (input) input.value = value ?? "";
}
