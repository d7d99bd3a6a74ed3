// Wires the page together: what comes in from the sandbox, what the reader does.

import { door, listen } from "./api.js";
import { asked, closeMenu, command, openMenu } from "./asking.js";
import { setUpComposer } from "./composer.js";
import { makeReachable, walk } from "./list.js";
import {
  author, forget, here, isMine, isReply, lastOfMine, load, model, put, remove, setState, visibleChannels,
} from "./model.js";
import { closePicker, openPicker } from "./picker.js";
import { plain } from "./text.js";
import { announce, draw, pointAt, toNewest } from "./view.js";

const $ = (id) => document.getElementById(id);
const READ_AT_ONCE = 5000; // messages of one channel; older ones stay in the sandbox

async function readEverything() {
  setState(await door("GET", "state"));
  for (const channel of model.channels.values()) channel.loaded = false;
  await readWhispers();
  if (!here()) {
    const [id] = location.hash.slice(1).split("/");
    model.here = model.channels.has(id) ? id : visibleChannels()[0].id;
  }
  await readChannel();
}

async function readWhispers() {
  const { ephemeral, views, home } = await door("GET", `users/${model.me}/sees`);
  const others = model.ephemerals.filter((one) => one.to !== model.me);
  Object.assign(model, { ephemerals: [...others, ...ephemeral.map(asWhisper)], views, home });
}

const asWhisper = (one) => ({
  ...one, ephemeral: true, user: model.me,
  ...(one.by === "slack" ? { user: "USLACKBOT", name: "Slackbot", to: model.me } : { bot_id: model.bot.bot_id, name: model.bot.name, to: model.me }),
});

async function readChannel() {
  const channel = here();
  if (!channel.loaded) load(channel, await door("GET", `channels/${channel.id}/messages?limit=${READ_AT_ONCE}`));
  channel.unread = 0;
  draw();
}

async function go(id, { thread = "", focus = true } = {}) {
  if (!model.channels.has(id)) return;
  Object.assign(model, { here: id, thread, editing: "", shown: 100, atHome: false });
  closeDrawer();
  history.replaceState(null, "", `#${id}`);
  await readChannel();
  if (focus) $("composer-text").focus({ preventScroll: true });
}

// A permalink: `#CHANNEL/p1700000000000100`.
async function followHash() {
  const [id, moment] = location.hash.slice(1).split("/");
  if (!model.channels.has(id)) return;
  await go(id, { focus: false });
  if (!moment) return;
  const ts = `${moment.slice(1, 11)}.${moment.slice(11)}`;
  const message = here().messages.get(ts);
  if (message && isReply(message)) model.thread = message.thread_ts;
  draw();
  requestAnimationFrame(() => requestAnimationFrame(() => pointAt(message && isReply(message) ? $("thread-messages") : $("messages"), ts)));
}

// What the sandbox tells

const NOTES = {
  message(note, channel) {
    const fresh = put(channel, note.message) && !note.message.reactions && !note.message.edited;
    if (fresh && !isMine(note.message)) hear(channel, note.message);
  },
  deleted: (note, channel) => remove(channel, note.ts),
  ephemeral(note) {
    if (note.user !== model.me) return;
    if (!model.ephemerals.some((one) => one.ts === note.message.ts)) model.ephemerals.push(asWhisper(note.message));
    announce(plain(note.message.text, model));
  },
  sees(note) {
    if (note.user === model.me) readWhispers().then(draw);
  },
  bot: (note) => Object.assign(model.bot, { connected: note.connected, sockets: note.sockets }),
  places: () => door("GET", "state").then(setState).then(draw),
  reset() {
    forget();
    readEverything();
  },
};

function hear(channel, message) {
  if (channel.id !== model.here) {
    if (!isReply(message)) channel.unread += 1;
    return;
  }
  const verb = isReply(message) ? "replied" : "wrote";
  announce(`${author(message).name} ${verb}: ${plain(message.text, model)}`);
}

function onNote(note) {
  if (!model.team || (note.team && note.team !== model.team.id)) return;
  const channel = model.channels.get(note.channel);
  if (note.channel && !channel) return;
  NOTES[note.kind]?.(note, channel);
  draw();
}

// What the reader does

const rowOf = (target) => target.closest(".message");
const messageOf = (target) => here().messages.get(rowOf(target)?.dataset.ts);

async function openHome() {
  Object.assign(model, { atHome: true, thread: "", editing: "" });
  closeDrawer();
  draw();
  await asked("home", {});
  setState(await door("GET", "state"));
  await readWhispers();
  draw();
}

async function react(message, name) {
  const mine = message.reactions?.find((one) => one.name === name)?.users.includes(model.me);
  await door("POST", "reactions", { channel: model.here, ts: message.ts, user: model.me, name, remove: Boolean(mine) });
}

function openThread(message) {
  model.thread = isReply(message) ? message.thread_ts : message.ts;
  draw();
  requestAnimationFrame(() => requestAnimationFrame(() => $("thread-text").focus()));
}

function closeThread() {
  const row = [...$("messages").querySelectorAll(".message")].find((one) => one.dataset.ts === model.thread);
  Object.assign(model, { thread: "", editing: "" });
  draw();
  (row || $("composer-text")).focus();
}

function edit(message) {
  model.editing = message.ts;
  draw();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const area = document.querySelector(".editor textarea");
    area?.focus();
    area?.setSelectionRange(area.value.length, area.value.length);
  }));
}

function stopEditing() {
  const ts = model.editing;
  model.editing = "";
  draw();
  requestAnimationFrame(() => document.querySelector(`.message[data-ts="${ts}"]`)?.focus());
}

const invite = (user) => door("POST", "membership", { channel: model.here, user, join: true, inviter: model.me });

const ACTS = {
  go: (_, id) => go(id),
  "go-bot": async () => {
    const made = await door("POST", "channels", { kind: "im", members: [model.me] });
    setState(await door("GET", "state"));
    await go(made.channel);
  },
  react: (target, name) => react(messageOf(target), name),
  pick: (target) => {
    const message = messageOf(target);
    openPicker(target, (name) => react(message, name));
  },
  home: openHome,
  more: (target) => openMenu(target, messageOf(target)),
  dismiss: (target) => door("DELETE", `users/${model.me}/sees/${rowOf(target).dataset.ts}`),
  thread: (target) => openThread(messageOf(target)),
  edit: (target) => edit(messageOf(target)),
  "stop-editing": stopEditing,
  delete: (target) => door("DELETE", `messages/${model.here}/${messageOf(target).ts}`),
  invite: () => invite(model.bot.user),
  join: () => invite(model.me),
  try: (_, text) => {
    $("composer-text").value = text;
    $("composer-text").focus();
  },
};

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-act]");
  if (!target || target.closest("#picker")) return;
  const [act, ...rest] = target.dataset.act.split(":");
  ACTS[act]?.(target, rest.join(":"));
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches(".editor")) return;
  event.preventDefault();
  const text = event.target.querySelector("textarea").value;
  const message = messageOf(event.target);
  if (text.trim()) await door("PATCH", `messages/${model.here}/${message.ts}`, { text });
  stopEditing();
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest?.(".editor") && event.key === "Enter" && !event.shiftKey && event.target.tagName === "TEXTAREA") {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (closePicker() || closeMenu()) return;
  if (model.editing) stopEditing();
  else if ($("sidebar").classList.contains("open")) closeDrawer();
  else if (model.thread) closeThread();
});

for (const [list, form, thread] of [["messages", "composer", () => ""], ["thread-messages", "thread-composer", () => model.thread]]) {
  $(list).addEventListener("keydown", (event) => walk($(list), event));
  $(list).addEventListener("focusin", (event) => makeReachable($(list), rowOf(event.target)));
  setUpComposer($(form), {
    send: async (text) => {
      if (await command(text, thread())) return;
      await door("POST", "messages", { channel: model.here, user: model.me, text, ...(thread() ? { thread_ts: thread() } : {}) });
      if (!thread()) requestAnimationFrame(toNewest);
    },
    editLast: () => {
      const last = lastOfMine(here(), thread());
      if (last) edit(last);
      return Boolean(last);
    },
  });
}

$("me").addEventListener("change", async (event) => {
  model.me = event.target.value;
  localStorage.setItem("me", model.me);
  await readWhispers();
  draw();
});
$("close-thread").addEventListener("click", closeThread);
$("newest").addEventListener("click", toNewest);
$("scroller").addEventListener("scroll", () => {
  const { scrollHeight, scrollTop, clientHeight } = $("scroller");
  if (scrollHeight - scrollTop - clientHeight < 40) $("newest").hidden = true;
}, { passive: true });
$("earlier").addEventListener("click", () => {
  model.shown += 200;
  draw();
});
addEventListener("hashchange", followHash);

// Sidebar as a drawer on a phone

function closeDrawer() {
  if (!$("sidebar").classList.contains("open")) return;
  $("sidebar").classList.remove("open");
  $("veil").hidden = true;
  $("open-sidebar").setAttribute("aria-expanded", "false");
  $("open-sidebar").focus();
}
$("open-sidebar").addEventListener("click", () => {
  $("sidebar").classList.add("open");
  $("veil").hidden = false;
  $("open-sidebar").setAttribute("aria-expanded", "true");
  $("sidebar").querySelector("[aria-current]")?.focus();
});
$("veil").addEventListener("click", closeDrawer);

// A new channel

$("add-channel").addEventListener("click", () => $("channel-dialog").showModal());
$("channel-cancel").addEventListener("click", () => $("channel-dialog").close());
$("channel-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const secret = $("channel-private").checked;
  const problem = $("channel-form").querySelector(".problem");
  try {
    const body = { name: $("channel-input").value, kind: secret ? "private" : "channel", creator: model.me };
    const made = await door("POST", "channels", secret ? { ...body, members: [model.me] } : body);
    $("channel-form").reset();
    problem.hidden = true;
    $("channel-dialog").close();
    setState(await door("GET", "state"));
    await go(made.channel);
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
});

listen({
  onNote,
  onOpen: async () => {
    $("lost").hidden = true;
    await readEverything();
    if (location.hash.includes("/")) await followHash();
  },
  onLost: () => {
    $("lost").hidden = false;
  },
});
