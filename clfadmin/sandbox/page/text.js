// From Slack's form of a text to DOM nodes. Text becomes text nodes only; nothing is ever parsed as HTML.

import { emoji } from "./emoji.js";

const TOKEN = /```([\s\S]+?)```|`([^`\n]+)`|<([^<>\n]+)>|:([\p{Ll}\p{Lo}\p{N}_+'-]+(?:::skin-tone-\d)?):|(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])|(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])|(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])/gu;

export const unescape = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// `<…>`: a mention, a channel, a broadcast, a date or a link.
function reference(inner, model) {
  const [target, label] = inner.split("|");
  if (target.startsWith("@")) {
    const user = model.users.get(target.slice(1));
    const span = element("span", "mention", `@${user ? user.name : target.slice(1)}`);
    if (target.slice(1) === model.me) span.classList.add("me");
    return span;
  }
  if (target.startsWith("#")) {
    const channel = model.channels.get(target.slice(1));
    const button = element("button", "place-link", `#${channel ? channel.name : label || "unknown"}`);
    button.type = "button";
    button.dataset.act = `go:${target.slice(1)}`;
    return button;
  }
  if (target.startsWith("!date^")) return document.createTextNode(unescape(label || ""));
  if (target.startsWith("!")) return element("span", "mention me", `@${target.slice(1).split("^")[0]}`);
  if (!/^(https?|mailto):/.test(target)) return document.createTextNode(unescape(`<${inner}>`));
  const link = element("a", "", unescape(label || target));
  link.href = unescape(target);
  link.target = "_blank";
  link.rel = "noreferrer noopener";
  return link;
}

function styled(tag, inner, model) {
  const made = document.createElement(tag);
  made.append(...nodes(inner, model));
  return made;
}

function one(match, model) {
  const [whole, block, code, inner, name, bold, italic, struck] = match;
  if (block !== undefined) return element("pre", "", unescape(block.replace(/^\n/, "")));
  if (code !== undefined) return element("code", "", unescape(code));
  if (inner !== undefined) return reference(inner, model);
  if (name !== undefined) return emoji(name) || document.createTextNode(whole);
  if (bold !== undefined) return styled("b", bold, model);
  if (italic !== undefined) return styled("i", italic, model);
  return styled("s", struck, model);
}

export function nodes(text, model) {
  const made = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > end) made.push(document.createTextNode(unescape(text.slice(end, match.index))));
    made.push(one(match, model));
    end = match.index + match[0].length;
    if (match[1] !== undefined && text[end] === "\n") end += 1; // a block ends its own line
  }
  if (end < text.length) made.push(document.createTextNode(unescape(text.slice(end))));
  return made;
}

// The same as plain words, for previews and for screen readers; emoji by their names.
export function plain(text, model) {
  const holder = document.createElement("span");
  holder.append(...nodes(text, model));
  for (const image of holder.querySelectorAll("[role=img]")) image.replaceWith(image.getAttribute("aria-label"));
  return holder.textContent;
}

export const onlyEmoji = (text) => /^\s*(:[a-z0-9_+'-]+:\s*){1,6}$/.test(text);
