// The sidebar: places with their unread counts, the bot's state, who is writing.

import { model, people, title, visibleChannels, visibleDirects } from "./model.js";
import { avatar, button } from "./parts.js";
import { element } from "./text.js";

const $ = (id) => document.getElementById(id);

// A padlock, drawn: not every system has the character.
const LOCK = "M7 10V7.5a5 5 0 0 1 10 0V10h1.5v10h-13V10zm2.2 0h5.6V7.5a2.8 2.8 0 0 0-5.6 0z";

function place(act, sign, label, { unread = 0, current = false } = {}) {
  const item = document.createElement("li");
  const row = button(unread ? "place unread" : "place", act, "");
  row.append(sign, element("span", "label", label));
  if (current) row.setAttribute("aria-current", "page");
  if (unread) {
    row.append(element("span", "count", unread > 99 ? "99+" : String(unread)));
    row.append(element("span", "hidden", "unread"));
  }
  item.append(row);
  return item;
}

const sign = (text) => {
  const made = element("span", "sign", text);
  made.setAttribute("aria-hidden", "true");
  return made;
};

function lock() {
  const made = sign("");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  path.setAttribute("d", LOCK);
  svg.append(path);
  made.append(svg);
  return made;
}

function forChannel(channel) {
  const mark = { channel: () => sign("#"), private: lock, mpim: () => sign(String(channel.members.length - 1)) }[channel.kind];
  const other = model.users.get(channel.members.find((id) => id !== model.me)) || model.users.get(model.me);
  return place(`go:${channel.id}`, mark ? mark() : avatar(other), title(channel),
    { unread: channel.unread, current: channel.id === model.here && !model.atHome });
}

function refill(list, items) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.act : "";
  list.replaceChildren(...items);
  if (focused) list.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

export function drawSidebar() {
  refill($("channels"), visibleChannels().map(forChannel));
  const { withBot, others } = visibleDirects();
  const bot = model.users.get(model.bot.user);
  const botPlace = withBot ? forChannel(withBot) : place("go-bot", avatar(bot), bot.name);
  refill($("apps"), [place("home", avatar(bot), `${bot.name} Home`, { current: model.atHome })]);
  refill($("directs"), [botPlace, ...others.map(forChannel)]);
}

export function drawWorkspace() {
  $("team-name").textContent = model.team.name;
  const connected = model.bot.connected;
  $("bot-state").classList.toggle("connected", connected);
  const text = connected ? "bot connected" : "waiting for the bot";
  if ($("bot-state-text").textContent !== text) $("bot-state-text").textContent = text;
  const select = $("me");
  const names = people().map((user) => [user.id, user.admin ? `${user.name} (admin)` : user.name]);
  if (JSON.stringify(names) !== select.dataset.names) {
    select.dataset.names = JSON.stringify(names);
    select.replaceChildren(...names.map(([id, name]) => new Option(name, id)));
  }
  select.value = model.me;
}
