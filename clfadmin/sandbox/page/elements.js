// The elements of Block Kit that people use: drawn as the browser's own controls, read and set by plain values.

import { people, visibleChannels } from "./model.js";
import { element, nodes } from "./text.js";

let numbers = 0; // for ids that labels point at

const words = (part) => part?.text || "";

function said(part, model) {
  const holder = element("span");
  if (part.type === "mrkdwn") holder.append(...nodes(part.text, model));
  else holder.textContent = part.text;
  return holder;
}

// A control that knows whose it is: `.el` with block, action and kind.
function wrap(block, part, ...inside) {
  const holder = element("div", `el el-${part.type}`);
  Object.assign(holder.dataset, { block: block.block_id, action: part.action_id, kind: part.type });
  if (part.confirm) holder.dataset.confirm = JSON.stringify(part.confirm);
  holder.append(...inside);
  return holder;
}

function named(control, part, label) {
  numbers += 1;
  control.id = `control-${numbers}`;
  if (label) control.setAttribute("aria-label", label);
  else if (part.placeholder) control.setAttribute("aria-label", words(part.placeholder));
  return control;
}

function button(block, part) {
  const made = element("button", `button quiet ${part.style || ""}`, words(part.text));
  made.type = "button";
  made.dataset.act = `press:${part.action_id}`;
  if (part.url) made.dataset.url = part.url;
  if (part.accessibility_label) made.setAttribute("aria-label", part.accessibility_label);
  return wrap(block, part, made);
}

function choices(part, model) {
  const kind = part.type.replace(/^multi_/, "");
  if (kind === "users_select") return [{ options: people().map((user) => [user.id, user.name]) }];
  if (kind === "channels_select" || kind === "conversations_select") {
    return [{ options: visibleChannels().map((one) => [one.id, `#${one.name}`]) }];
  }
  const groups = part.option_groups || [{ options: part.options }];
  return groups.map((group) => ({
    label: words(group.label), options: group.options.map((one) => [one.value, words(one.text)]),
  }));
}

function select(block, part, model, label) {
  const made = named(element("select"), part, label);
  made.append(new Option(words(part.placeholder) || "Choose…", ""));
  for (const group of choices(part, model)) {
    const options = group.options.map(([value, text]) => new Option(text, value));
    const holder = group.label ? element("optgroup") : made;
    if (group.label) holder.label = group.label;
    holder.append(...options);
    if (group.label) made.append(holder);
  }
  return wrap(block, part, made);
}

function box(type, name, value, ...inside) {
  const label = element("label", "check");
  const input = element("input");
  Object.assign(input, { type, name, value });
  label.append(input, ...inside);
  return label;
}

function boxes(block, part, model, label) {
  numbers += 1;
  const type = part.type === "radio_buttons" ? "radio" : "checkbox";
  const set = named(element("fieldset"), part, label || "Choices");
  const name = `set-${numbers}`;
  for (const one of part.options) {
    const text = said(one.text, model);
    if (one.description) text.append(element("small", "hint", words(one.description)));
    set.append(box(type, name, one.value, text));
  }
  return wrap(block, part, set);
}

// Several of many: a box to open, with a check box for each.
function many(block, part, model, label) {
  const made = element("details", "many");
  const title = element("summary", "", words(part.placeholder) || "Choose…");
  if (label) title.title = label;
  const set = named(element("fieldset"), part, label || words(part.placeholder));
  for (const group of choices(part, model)) {
    if (group.label) set.append(element("b", "", group.label));
    for (const [value, text] of group.options) set.append(box("checkbox", "", value, element("span", "", text)));
  }
  title.append(element("span", "count", ""));
  made.append(title, set);
  return wrap(block, part, made);
}

function overflow(block, part) {
  const made = element("details", "more");
  const title = element("summary", "icon-button", "⋯");
  title.setAttribute("aria-label", "More choices");
  const list = element("div", "more-list");
  for (const one of part.options) {
    const item = element("button", "", words(one.text));
    item.type = "button";
    item.dataset.act = `choose:${one.value}`;
    list.append(item);
  }
  made.append(title, list);
  return wrap(block, part, made);
}

const TYPES = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local", number_input: "number",
  email_text_input: "email", url_text_input: "url" };

function typed(block, part, _model, label) {
  const made = named(element(part.multiline ? "textarea" : "input"), part, label);
  if (!part.multiline) made.type = TYPES[part.type] || "text";
  if (part.placeholder) made.placeholder = words(part.placeholder);
  if (part.max_length) made.maxLength = part.max_length;
  if (part.is_decimal_allowed) made.step = "any";
  return wrap(block, part, made);
}

const DRAW = { button, overflow, checkboxes: boxes, radio_buttons: boxes };

export function drawElement(block, part, model, label = "") {
  const draw = DRAW[part.type] || (part.type.startsWith("multi_") ? many : part.type.endsWith("_select") ? select : typed);
  const made = draw(block, part, model, label);
  setValue(made, started(part));
  return made;
}

const asList = (value) => (Array.isArray(value) ? value : [value]);
const bare = (value) => (value && typeof value === "object" ? value.value : value);

// What an element starts with, as a plain value.
function started(part) {
  const key = Object.keys(part).find((one) => one.startsWith("initial_"));
  return key ? plainly(part[key]) : null;
}

function plainly(value) {
  return Array.isArray(value) ? value.map(bare) : bare(value);
}

// The same from the state that the sandbox keeps.
export function fromState(entry) {
  const key = Object.keys(entry).find((one) => one !== "type");
  return plainly(entry[key]);
}

export function readValue(holder) {
  if (holder.dataset.kind === "radio_buttons") return holder.querySelector("input:checked")?.value ?? null;
  if (holder.querySelector("fieldset")) return [...holder.querySelectorAll("input:checked")].map((one) => one.value);
  const control = holder.querySelector("select, input, textarea");
  if (control?.type === "datetime-local") return control.value ? Date.parse(control.value) / 1000 : null;
  return control?.value || null;
}

export function setValue(holder, value) {
  if (holder.querySelector("fieldset")) {
    const wanted = asList(value);
    for (const one of holder.querySelectorAll("input")) one.checked = wanted.includes(one.value);
    count(holder);
    return;
  }
  const control = holder.querySelector("select, input, textarea");
  if (control?.type === "datetime-local") control.value = value ? new Date(value * 1000).toISOString().slice(0, 16) : "";
  else if (control) control.value = value ?? "";
}

export function count(holder) {
  const shown = holder.querySelector("summary .count");
  if (!shown) return;
  const chosen = holder.querySelectorAll("input:checked").length;
  shown.textContent = chosen ? ` (${chosen})` : "";
}

export const isStateless = (holder) => holder.dataset.kind === "button" || holder.dataset.kind === "overflow";
