// The message boxes: Enter sends, Shift+Enter starts a line, arrow up in an empty box edits the last message.

export function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

// `send(text)` may fail: then the text stays and the problem is told.
export function setUpComposer(form, { send, editLast }) {
  const area = form.querySelector("textarea");
  const problem = form.querySelector(".problem");

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = area.value;
    if (!text.trim()) return;
    area.value = "";
    grow(area);
    problem.hidden = true;
    try {
      await send(text);
    } catch (error) {
      area.value = area.value || text;
      grow(area);
      problem.textContent = error.message;
      problem.hidden = false;
    }
  });
  area.addEventListener("input", () => grow(area));
  area.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "ArrowUp" && !area.value && editLast()) {
      event.preventDefault();
    }
  });
}
