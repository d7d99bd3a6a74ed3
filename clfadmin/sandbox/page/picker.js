// The little menu of reactions.

import { emoji, QUICK } from "./emoji.js";
import { button } from "./parts.js";

const picker = document.getElementById("picker");
let opener = null;
let choose = () => {};

for (const name of QUICK) {
  const item = button("", name, name.replaceAll("_", " "));
  item.setAttribute("role", "menuitem");
  item.append(emoji(name));
  picker.append(item);
}

export function openPicker(from, onChoose) {
  opener = from;
  choose = onChoose;
  picker.hidden = false;
  const box = from.getBoundingClientRect();
  const left = Math.min(box.left, innerWidth - picker.offsetWidth - 8);
  const below = box.bottom + picker.offsetHeight + 8 < innerHeight;
  picker.style.left = `${Math.max(8, left)}px`;
  picker.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - picker.offsetHeight - 4)}px`;
  picker.firstElementChild.focus();
}

export function closePicker() {
  if (picker.hidden) return false;
  picker.hidden = true;
  opener?.focus?.({ preventScroll: true });
  return true;
}

picker.addEventListener("click", (event) => {
  const item = event.target.closest("button");
  if (!item) return;
  closePicker();
  choose(item.dataset.act);
});

picker.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 6, ArrowUp: -6 }[event.key];
  if (!step) return;
  const items = [...picker.children];
  items[items.indexOf(document.activeElement) + step]?.focus();
  event.preventDefault();
});

document.addEventListener("pointerdown", (event) => {
  if (!picker.hidden && !picker.contains(event.target)) picker.hidden = true;
});
