// How numbers, durations and times are said.

import { h } from "./dom.js";

const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const few = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const number = (value) => numbers.format(value);

const lists = new Intl.ListFormat("en-GB");

// Names as they are said one after the other: orders, sales and stock.
export const list = (names) => lists.format(names);

// With a digit behind the point where the number is small.
export const figure = (value) => (Math.abs(value) < 10 ? few : numbers).format(value);

export const count = (many, one, several = `${one}s`) => `${number(many)} ${many === 1 ? one : several}`;

export function duration(seconds) {
  if (seconds < 0.0005) return "0 s";
  if (seconds < 1) return `${figure(seconds * 1000)} ms`;
  if (seconds < 60) return `${figure(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

// A time in UTC, without what is the same for all: 2026-11-28 05:36:12.
export const clock = (time) => new Date(time).toISOString().replace("T", " ").slice(0, 19);

export function time(given) {
  return given ? h("time", { datetime: given }, clock(given)) : "never";
}

// How long it is ago, or until then; the time itself is shown to who points at it.
export function ago(given, never = "never") {
  if (!given) return never;
  const seconds = (Date.now() - new Date(given)) / 1000;
  const text = seconds < 0 ? `in ${duration(Math.ceil(-seconds))}` : seconds < 1 ? "just now" : `${duration(Math.floor(seconds))} ago`;
  return h("time", { datetime: given, title: `${clock(given)} UTC` }, text);
}

// A trace id out of a W3C traceparent.
export const traceOf = (traceparent) => (/^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent ?? "") ?? [])[1];

export const state = (word) => word.replaceAll("_", " ");

// What a program says, with a full stop behind, and a capital letter in front unless it begins with an id.
export function sentence(text) {
  return text ? (/^[a-z]+(?![\w:.-])/.test(text) ? text[0].toUpperCase() + text.slice(1) : text) + (/[.!?]$/.test(text) ? "" : ".") : "";
}
