// A list of messages: rows are kept as long as they look the same; one row at a time can be reached with Tab.

import { inThread } from "./model.js";
import { drawMessage, signature } from "./message.js";
import { day } from "./parts.js";
import { element } from "./text.js";

const GAP = 300; // seconds after which the same author is named again
const kept = new WeakMap(); // list element -> Map of ts -> { row, look }

function goesOn(channel, before, message, inside) {
  if (!before || before.subtype || message.subtype || before.ephemeral || message.ephemeral) return false;
  if (before.name !== message.name || day(before.ts) !== day(message.ts)) return false;
  if (!inside && inThread(channel, before.ts).length) return false;
  return Number(message.ts) - Number(before.ts) < GAP;
}

function rowFor(rows, channel, message, how) {
  const look = signature(channel, message, how);
  const old = rows.get(message.ts);
  if (old?.look === look) return old.row;
  const row = drawMessage(channel, message, how);
  setReachable(row, false);
  const focused = old?.row.contains(document.activeElement) ? document.activeElement : null;
  rows.set(message.ts, { row, look });
  if (old) {
    old.row.replaceWith(row);
    setReachable(row, old.row.tabIndex === 0);
    if (focused) refocus(row, focused);
  }
  return row;
}

// Kept like rows: a line drawn anew would make all rows after it move, and lose the focus in them.
function ruleFor(rows, present, className, text) {
  const key = `${className} ${text}`;
  if (!rows.has(key)) {
    const row = element("div", className, text);
    row.setAttribute("role", "presentation");
    rows.set(key, { row });
  }
  present.add(key);
  return rows.get(key).row;
}

function refocus(row, old) {
  const same = old.dataset.act && row.querySelector(`[data-act="${CSS.escape(old.dataset.act)}"]`);
  (same || row).focus({ preventScroll: true });
}

function setReachable(row, reachable) {
  row.tabIndex = reachable ? 0 : -1;
  for (const one of row.querySelectorAll("a, button, select, input, textarea, summary")) one.tabIndex = reachable ? 0 : -1;
}

// The row that Tab reaches: where the reader was, else the newest.
export function makeReachable(list, row) {
  for (const old of list.querySelectorAll(".message[tabindex='0']")) if (old !== row) setReachable(old, false);
  if (row) setReachable(row, true);
}

export function drawList(list, channel, messages, { inside = false } = {}) {
  const rows = kept.get(list) || new Map();
  kept.set(list, rows);
  const wanted = [];
  const present = new Set();
  let before = null;
  for (const message of messages) {
    if (!inside && (!before || day(before.ts) !== day(message.ts))) {
      wanted.push(ruleFor(rows, present, "day", day(message.ts)));
    }
    wanted.push(rowFor(rows, channel, message, { compact: goesOn(channel, before, message, inside), inside }));
    if (inside && message === messages[0] && messages.length > 1) {
      const count = messages.length === 2 ? "1 reply" : `${messages.length - 1} replies`;
      wanted.push(ruleFor(rows, present, "thread-rule", count));
    }
    present.add(message.ts);
    before = message;
  }
  for (const key of [...rows.keys()]) if (!present.has(key)) rows.delete(key);
  place(list, wanted);
  const active = list.querySelector(".message[tabindex='0']");
  if (!active || !list.contains(document.activeElement)) makeReachable(list, [...list.querySelectorAll(".message")].at(-1));
}

function place(list, wanted) {
  let at = list.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else list.insertBefore(node, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// Arrow keys walk through the rows.
export function walk(list, event) {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const row = event.target.closest(".message");
  if (!step || !row || /^(TEXTAREA|INPUT|SELECT)$/.test(event.target.tagName)) return;
  const rows = [...list.querySelectorAll(".message")];
  const next = rows[rows.indexOf(row) + step];
  if (!next) return;
  event.preventDefault();
  makeReachable(list, next);
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
