// What people ask of the app: clicks, choices, shortcuts, commands. The answer comes back as what they then see.

import { door } from "./api.js";
import { count, isStateless, readValue } from "./elements.js";
import { model } from "./model.js";
import { element } from "./text.js";

const $ = (id) => document.getElementById(id);
const WORDS = {
  operation_timeout: "The app did not answer in time.",
  dispatch_failed: "The app could not be reached.",
};

let hiding = 0;
// One line that goes away by itself.
export function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { $("toast").hidden = true; }, 6000);
}

export async function asked(path, body) {
  try {
    const answer = await door("POST", path, { user: model.me, ...body });
    if (answer.error) toast(WORDS[answer.error] || answer.error);
    return answer;
  } catch (error) {
    toast(error.message);
    return { ok: false };
  }
}

// What stands in the inputs of a window or App Home: block -> action -> value.
export function collect(root) {
  const values = {};
  for (const holder of root.querySelectorAll(".el")) {
    if (isStateless(holder)) continue;
    (values[holder.dataset.block] ||= {})[holder.dataset.action] = readValue(holder);
  }
  return values;
}

function sure(confirm) {
  const dialog = $("confirm");
  $("confirm-title").textContent = confirm.title.text;
  $("confirm-text").textContent = confirm.text.text;
  $("confirm-yes").textContent = confirm.confirm.text;
  $("confirm-no").textContent = confirm.deny.text;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

// Somebody used `holder`, in a message, a window or App Home.
async function use(holder, value) {
  if (holder.dataset.confirm && !(await sure(JSON.parse(holder.dataset.confirm)))) return;
  const root = holder.closest("[data-view]");
  const where = root
    ? { view: root.dataset.view, values: collect(root) }
    : { channel: model.here, ts: holder.closest(".message").dataset.ts };
  holder.setAttribute("aria-busy", "true");
  await asked("actions", { ...where, action_id: holder.dataset.action, block_id: holder.dataset.block, value });
  holder.removeAttribute("aria-busy");
}

document.addEventListener("click", (event) => {
  const control = event.target.closest("[data-act^='press:'], [data-act^='choose:']");
  if (!control) return;
  const holder = control.closest(".el");
  if (control.dataset.url && /^https?:/.test(control.dataset.url)) open(control.dataset.url, "_blank", "noreferrer");
  const chosen = control.dataset.act.startsWith("choose:") ? control.dataset.act.slice(7) : null;
  holder.querySelector("details[open]")?.removeAttribute("open");
  use(holder, chosen);
});

document.addEventListener("change", (event) => {
  const holder = event.target.closest(".el");
  if (!holder || isStateless(holder)) return;
  count(holder);
  const block = holder.closest(".block");
  if (block?.classList.contains("input") && !block.dataset.dispatch) return; // told when the window is submitted
  use(holder, readValue(holder));
});

document.addEventListener("click", (event) => {
  for (const one of document.querySelectorAll(".more[open]")) if (!one.contains(event.target)) one.removeAttribute("open");
});

// The menu of shortcuts on a message.
const menu = $("menu");
let opener = null;

export function openMenu(from, message) {
  opener = from;
  menu.replaceChildren(...model.shortcuts.map((one) => {
    const item = element("button", "", one.name);
    item.type = "button";
    item.setAttribute("role", "menuitem");
    item.addEventListener("click", () => {
      closeMenu();
      asked("shortcuts", { callback_id: one.callback_id, channel: model.here, ts: message.ts });
    });
    return item;
  }));
  menu.hidden = false;
  const place = from.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(place.left, innerWidth - menu.offsetWidth - 8))}px`;
  const below = place.bottom + menu.offsetHeight + 8 < innerHeight;
  menu.style.top = `${below ? place.bottom + 4 : Math.max(8, place.top - menu.offsetHeight - 4)}px`;
  menu.firstElementChild.focus();
}

export function closeMenu() {
  if (menu.hidden) return false;
  menu.hidden = true;
  opener?.focus?.({ preventScroll: true });
  return true;
}

document.addEventListener("pointerdown", (event) => {
  if (!menu.hidden && !menu.contains(event.target)) menu.hidden = true;
});

// `/command words` typed into a message box; false when it is an ordinary message.
export async function command(text, thread) {
  const [, name, words] = text.match(/^(\/[a-z][\w-]*)\s*([\s\S]*)$/) || [];
  if (!name) return false;
  if (thread) throw new Error(`${name} is not supported in threads. Sorry!`);
  if (!model.commands.includes(name)) {
    throw new Error(`${name} is not a valid command. There is: ${model.commands.join(", ") || "none"}.`);
  }
  const body = { command: name, text: words, channel: model.here, user: model.me };
  await door("POST", "commands", body);
  return true;
}
