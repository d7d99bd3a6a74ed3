// Draws what the model holds, at most once a frame, and keeps the reader's place while it does.

import { hasBot, here, inThread, isMember, model, title, topLevel } from "./model.js";
import { drawList } from "./list.js";
import { botFace, button } from "./parts.js";
import { drawSidebar, drawWorkspace } from "./sidebar.js";
import { element } from "./text.js";
import { drawHome, drawWindow } from "./windows.js";

const $ = (id) => document.getElementById(id);
const TRIES = ["The new release is great, thank you all!", "This broke the build again, I am really annoyed.",
  "The meeting moves to ten tomorrow."];
const NEAR = 90; // pixels from the end that still count as reading the newest

let due = false;
const place = { key: "", newest: "", threadKey: "" };

export function draw() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    if (model.team) drawAll();
  });
}

function drawAll() {
  drawWorkspace();
  drawSidebar();
  const channel = here();
  if (!channel) return;
  drawHead(channel);
  drawChannel(channel);
  drawThread(channel);
  if (place.follow) $("scroller").scrollTop = $("scroller").scrollHeight; // a thread beside it makes lines longer
  drawHome();
  drawWindow();
  const unread = [...model.channels.values()].reduce((sum, one) => sum + one.unread, 0);
  if (model.atHome) drawHomeHead();
  document.title = `${unread ? `(${unread}) ` : ""}${sign(channel)}${title(channel)} – ${model.team.name}`;
}

const sign = (channel) => (channel.kind === "channel" || channel.kind === "private" ? "#" : "");

function drawHead(channel) {
  $("channel-title").textContent = sign(channel) + title(channel);
  $("channel-topic").textContent = channel.topic;
  const members = channel.members.length === 1 ? "1 member" : `${channel.members.length} members`;
  $("channel-members").textContent = model.bot.connected ? members : "bot not connected";
  const joined = isMember(channel);
  $("composer").hidden = !joined;
  $("composer-label").textContent = `Message to ${sign(channel)}${title(channel)}`;
  $("composer-text").placeholder = `Message ${sign(channel)}${title(channel)}`;
  $("invite").hidden = joined && (hasBot(channel) || channel.kind === "im" || channel.kind === "mpim");
  $("invite-text").textContent = joined ? "The bot is not in this channel and hears nothing of it." : "You are not in this channel.";
  $("invite-button").textContent = joined ? `Invite ${model.bot.name}` : "Join";
  $("invite-button").dataset.act = joined ? "invite" : "join";
}

function drawHomeHead() {
  $("channel-title").textContent = model.bot.name;
  $("channel-topic").textContent = "App Home";
  $("channel-members").textContent = model.bot.connected ? "" : "bot not connected";
}

const atEnd = (scroller) => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;

function drawChannel(channel) {
  const scroller = $("scroller");
  const all = topLevel(channel);
  const key = `${channel.id} ${model.me}`;
  const moved = place.key !== key || !place.loaded;
  const stay = !moved && !atEnd(scroller);
  const fromEnd = scroller.scrollHeight - scroller.scrollTop;
  const grown = place.shown !== model.shown;
  $("earlier").hidden = all.length <= model.shown;
  $("empty").hidden = all.length > 0 || !channel.loaded;
  if (!all.length) drawEmpty(channel);
  drawList($("messages"), channel, all.slice(-model.shown));
  const newest = all.at(-1)?.ts || "";
  if (stay && grown) scroller.scrollTop = scroller.scrollHeight - fromEnd;
  if (!stay) toNewest();
  else if (newest > place.newest) $("newest").hidden = false;
  Object.assign(place, { key, newest, loaded: channel.loaded, shown: model.shown, follow: !stay });
}

// A picture that has come makes its message taller: who reads the newest goes on doing so.
$("messages").addEventListener("load", () => {
  if (place.follow) toNewest();
}, true);
$("scroller").addEventListener("wheel", () => { place.follow = false; }, { passive: true });
$("scroller").addEventListener("touchmove", () => { place.follow = false; }, { passive: true });

export function toNewest() {
  $("newest").hidden = true;
  $("scroller").scrollTop = $("scroller").scrollHeight;
}

function drawEmpty(channel) {
  const empty = $("empty");
  const look = `${channel.id} ${model.bot.connected} ${hasBot(channel)}`;
  if (empty.dataset.look === look) return;
  empty.dataset.look = look;
  const tries = element("div", "tries");
  for (const text of TRIES) tries.append(button("", `try:${text}`, "", text));
  const advice = model.bot.connected || !hasBot(channel)
    ? "This is a Slack of your own: nothing leaves this machine. Try one of these, or words of yours:"
    : "The bot is not connected yet. You can write already: the sandbox tries again to deliver, as Slack does.";
  empty.replaceChildren(botFace(), element("h3", "", "Write something, the bot answers in the thread"),
    element("p", "", advice), tries);
}

function drawThread(channel) {
  const parent = channel.messages.get(model.thread);
  $("thread").hidden = !parent;
  $("frame").classList.toggle("with-thread", Boolean(parent));
  if (!parent) return;
  $("thread-place").textContent = sign(channel) + title(channel);
  $("thread-composer").hidden = !isMember(channel) || parent.subtype === "tombstone";
  const scroller = $("thread-scroller");
  const follow = place.threadKey !== parent.ts || atEnd(scroller);
  drawList($("thread-messages"), channel, [parent, ...inThread(channel, parent.ts)], { inside: true });
  if (follow) scroller.scrollTop = scroller.scrollHeight;
  place.threadKey = parent.ts;
}

// Show one message for a moment, when a link led to it.
export function pointAt(list, ts) {
  const row = [...list.querySelectorAll(".message")].find((one) => one.dataset.ts === ts);
  if (!row) return;
  row.classList.add("target");
  row.scrollIntoView({ block: "center" });
}

let words = [];
// Tell screen readers; many messages at once become a number.
export function announce(text) {
  words.push(text);
  if (words.length > 1) return;
  setTimeout(() => {
    $("announcer").textContent = words.length > 3 ? `${words.length} new messages` : words.join(". ");
    words = [];
  }, 400);
}
