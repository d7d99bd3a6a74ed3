// One message: its row, reactions, tools, editor, and the preview of its thread.

import { drawBlocks, picture } from "./blocks.js";
import { emoji } from "./emoji.js";
import { author, inThread, isMine, model } from "./model.js";
import { avatar, button, stamp } from "./parts.js";
import { element, nodes, onlyEmoji, unescape } from "./text.js";

const HAPPENINGS = new Set(["channel_join", "channel_leave", "channel_topic", "channel_archive", "channel_unarchive"]);

function heading(message, user) {
  const line = element("div", "by");
  line.append(element("span", "author", user.name));
  if (user.bot) line.append(element("span", "app", "APP"));
  line.append(stamp(message.ts));
  if (message.ephemeral) line.append(element("span", "only-you", "Only visible to you"));
  return line;
}

function content(message) {
  const holder = element("div", "text");
  const blocks = message.blocks ? drawBlocks(message.blocks, model) : [];
  if (message.subtype === "tombstone") holder.classList.add("gone");
  if (HAPPENINGS.has(message.subtype)) holder.classList.add("event");
  if (message.subtype === "me_message") holder.classList.add("me-message");
  if (onlyEmoji(message.text)) holder.classList.add("only-emoji");
  if (blocks.length) holder.append(...blocks);
  else holder.append(...nodes(message.text, model));
  if (message.edited && !blocks.length) holder.append(" ", element("span", "edited", "(edited)"));
  return holder;
}

function extras(message) {
  const uploads = message.uploads || [];
  const shown = uploads.filter((one) => one.mimetype.startsWith("image/"));
  const pictures = shown.map((one) => {
    const holder = element("figure", "upload");
    holder.append(element("figcaption", "", one.title), picture(one.id, one.alt_txt || one.title));
    return holder;
  });
  const names = (message.files || []).filter((name) => !shown.some((one) => one.name === name));
  const files = names.map((name) => element("div", "file", `📄 ${name}`));
  const cards = (message.attachments || []).map((one) => {
    const card = element("div", "card");
    card.append(element("b", "", one.title || one.fallback || ""), element("span", "", one.text || ""));
    return card;
  });
  return [...pictures, ...files, ...cards];
}

function reactions(message) {
  const row = element("div", "reactions");
  for (const one of message.reactions) {
    const mine = one.users.includes(model.me);
    const names = one.users.map((id) => model.users.get(id)?.name || id).join(", ");
    const label = `${one.name.replaceAll("_", " ")}: ${one.count}, by ${names}`;
    const chip = button("reaction", `react:${one.name}`, label);
    chip.setAttribute("aria-pressed", String(mine));
    chip.append(emoji(one.name) || `:${one.name}:`, element("span", "", String(one.count)));
    row.append(chip);
  }
  return row;
}

function previewLine(reply) {
  const user = author(reply);
  const line = element("span", "line");
  const said = element("span", "latest");
  said.append(element("span", "who", user.name), " ");
  said.append(...nodes(reply.text.split("\n")[0], model).map((node) => (/^(A|BUTTON)$/.test(node.tagName) ? node.textContent : node)));
  line.append(avatar(user), said);
  return line;
}

// The bot's answer and the latest reply, readable where the message stands: nobody has to open the thread for them.
function preview(channel, message) {
  const replies = inThread(channel, message.ts);
  if (!replies.length) return [];
  const shown = new Set([replies.filter((one) => one.bot_id).at(-1), replies.at(-1)].filter(Boolean));
  const lines = [...shown].map(previewLine);
  lines.at(-1).append(element("span", "more", replies.length === 1 ? "1 reply" : `${replies.length} replies`));
  const card = button("preview", "thread", "");
  card.append(...lines);
  return [card];
}

function tools(message, inside) {
  if (message.subtype === "tombstone") return [];
  const bar = element("div", "tools");
  if (message.ephemeral) {
    bar.append(button("icon-button", "dismiss", "Dismiss this message", "Dismiss"));
    return [bar];
  }
  bar.append(button("icon-button", "pick", "Add a reaction", "☺+"));
  if (!inside) bar.append(button("icon-button", "thread", "Reply in thread", "Reply"));
  if (isMine(message) && !message.subtype) bar.append(button("icon-button", "edit", "Edit message", "Edit"));
  if (isMine(message) && !HAPPENINGS.has(message.subtype)) bar.append(button("icon-button", "delete", "Delete message", "Delete"));
  if (model.shortcuts.length) bar.append(button("icon-button", "more", "More actions", "⋯"));
  return [bar];
}

function editor(message) {
  const form = element("form", "editor");
  const area = element("textarea");
  area.value = unescape(message.text.replace(/<@([A-Z0-9]+)>/g, (whole, id) => `@${model.users.get(id)?.name || id}`)
    .replace(/<#[A-Z0-9]+\|([^>]+)>/g, "#$1").replace(/<!(here|channel|everyone)>/g, "@$1").replace(/<(https?:[^|>]+)[^>]*>/g, "$1"));
  area.setAttribute("aria-label", "Edit message");
  area.dataset.act = "editor";
  const foot = element("div", "dialog-foot");
  const save = element("button", "button", "Save");
  foot.append(save, button("button quiet", "stop-editing", "", "Cancel"));
  form.append(area, foot);
  return form;
}

// What decides how a row looks; equal strings mean that the row on the page can stay.
export function signature(channel, message, { compact, inside }) {
  const replies = inside ? [] : inThread(channel, message.ts);
  const told = replies.slice(-1).concat(replies.filter((one) => one.bot_id).slice(-1)).map((one) => [one.ts, one.text]);
  return JSON.stringify([message, compact, model.me, model.editing === message.ts, replies.length, told]);
}

export function drawMessage(channel, message, { compact, inside }) {
  const row = element("div", compact ? "message compact" : "message");
  const user = author(message);
  row.setAttribute("role", "listitem");
  row.tabIndex = -1;
  row.dataset.ts = message.ts;
  if (message.ephemeral) row.classList.add("ephemeral");
  const body = element("div", "body");
  if (!compact) body.append(heading(message, user));
  else row.setAttribute("aria-label", `${user.name} goes on`);
  body.append(model.editing === message.ts ? editor(message) : content(message), ...extras(message));
  if (message.reactions?.length) body.append(reactions(message));
  if (!inside) body.append(...preview(channel, message));
  row.append(compact ? stamp(message.ts) : avatar(user), body, ...tools(message, inside));
  return row;
}
