// Windows of the app as dialogs, and App Home as a place: both are views, drawn anew only when they change.

import { door } from "./api.js";
import { asked, collect } from "./asking.js";
import { drawBlocks } from "./blocks.js";
import { fromState, setValue } from "./elements.js";
import { model } from "./model.js";

const $ = (id) => document.getElementById(id);

// Draws `view` into `root`; what somebody has typed by now stays.
function fill(root, body, view) {
  if (root.dataset.view === view.id && root.dataset.hash === view.hash) return false;
  const typed = root.dataset.view === view.id ? collect(root) : {};
  const focused = root.contains(document.activeElement) ? document.activeElement.closest(".el")?.dataset.action : "";
  Object.assign(root.dataset, { view: view.id, hash: view.hash });
  body.replaceChildren(...drawBlocks(view.blocks, model));
  for (const holder of body.querySelectorAll(".el")) {
    const { block, action } = holder.dataset;
    const kept = typed[block] && action in typed[block] ? typed[block][action] : undefined;
    const state = view.values[block]?.[action];
    if (kept !== undefined) setValue(holder, kept);
    else if (state) setValue(holder, fromState(state));
    if (focused && action === focused) holder.querySelector("button, select, input, textarea, summary")?.focus();
  }
  return true;
}

const top = () => model.views.at(-1);

export function drawWindow() {
  const dialog = $("window");
  const view = top();
  if (!view) {
    delete dialog.dataset.view;
    if (dialog.open) dialog.close();
    return;
  }
  if (fill(dialog, $("window-body"), view)) tell({});
  $("window-title").textContent = view.title;
  $("window-submit").hidden = !view.submit;
  $("window-submit").textContent = view.submit || "";
  $("window-close").textContent = view.close || "Close";
  if (!dialog.open) {
    dialog.showModal();
    $("window-body").querySelector(".el :is(input, select, textarea, button, summary)")?.focus();
  }
}

// Why a window stays open: beside each input, or below all.
function tell({ errors = {}, error = "" }) {
  for (const holder of $("window-body").querySelectorAll("[data-input]")) {
    const words = errors[holder.dataset.input] || "";
    const problem = holder.querySelector(".problem");
    problem.textContent = words;
    problem.hidden = !words;
    holder.querySelector("select, input, textarea, fieldset").setAttribute("aria-invalid", String(Boolean(words)));
  }
  $("window-problem").textContent = error;
  $("window-problem").hidden = !error;
  $("window-body").querySelector("[aria-invalid='true']")?.focus();
}

const shut = (all) => asked(`views/${top().id}`, { close: true, all });

$("window-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const view = top();
  if (!view?.submit) return;
  $("window-submit").disabled = true;
  try {
    const answer = await door("POST", `views/${view.id}`, { user: model.me, values: collect($("window")) });
    tell(answer);
  } catch (error) {
    tell({ error: error.message });
  }
  $("window-submit").disabled = false;
});
$("window").addEventListener("cancel", (event) => {
  event.preventDefault();
  shut(false);
});
$("window-close").addEventListener("click", () => shut(false));
$("window-x").addEventListener("click", () => shut(true));

export function drawHome() {
  const home = $("home");
  home.hidden = !model.atHome;
  for (const id of ["scroller", "composer", "newest", "invite"]) $(id).classList.toggle("under-home", model.atHome);
  if (!model.atHome) return;
  const view = model.home;
  $("home-empty").hidden = Boolean(view);
  if (view) fill(home, $("home-body"), view);
  else $("home-body").replaceChildren();
}
