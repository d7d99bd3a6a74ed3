// Small drawings shared by the lists: avatars, times, the bot's face.

import { element } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
const FACE = '<circle cx="12" cy="12" r="8.5" fill="#ffd257"/><circle cx="9" cy="10.4" r="1.3" fill="#4a2352"/><circle cx="15" cy="10.4" r="1.3" fill="#4a2352"/><path d="M8 14.2q4 3.6 8 0" fill="none" stroke="#4a2352" stroke-width="1.6" stroke-linecap="round"/>';

export function botFace() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = FACE; // our own drawing
  return svg;
}

function hue(id) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum % 8;
}

export function avatar(user) {
  const box = element("span", `avatar hue-${hue(user.id || "")}`);
  box.setAttribute("aria-hidden", "true");
  if (user.bot) {
    box.classList.add("bot");
    box.append(botFace());
  } else {
    box.textContent = user.name.slice(0, 1).toUpperCase();
  }
  return box;
}

const moment = (ts) => new Date(Number(ts) * 1000);
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export function stamp(ts) {
  const time = element("time", "stamp", CLOCK.format(moment(ts)));
  time.dateTime = moment(ts).toISOString();
  time.title = FULL.format(moment(ts));
  return time;
}

export function day(ts) {
  const that = moment(ts).toDateString();
  if (that === new Date().toDateString()) return "Today";
  if (that === new Date(Date.now() - 86_400_000).toDateString()) return "Yesterday";
  return DAY.format(moment(ts));
}

export function button(className, act, label, text = "") {
  const made = element("button", className, text);
  made.type = "button";
  made.dataset.act = act;
  if (label) {
    made.setAttribute("aria-label", label);
    made.title = label;
  }
  return made;
}
