// What the pages do more with JavaScript than without; each works by reload too.
"use strict";

// A part of a page that may change carries data-live="rollout:12 overview": words that the server says on /live.
// htmx then fetches the part's own hx-get, and morphs it in, so that focus stays where it is. Each stream begins
// with "all": the page may have changed after it was drawn, while nobody listened yet.
function listen() {
  if (!document.querySelector("[data-live]")) return;
  const stream = new EventSource("/live");
  stream.addEventListener("changed", (event) => {
    refresh(new Set(event.data.split(" ")));
  });
  // a page that is left must not hold one of the browser's few connections, nor ask for parts after a sign-out
  window.addEventListener("pagehide", () => stream.close());
  document.addEventListener("submit", () => stream.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

function refresh(words) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const its = part.dataset.live.split(" ");
    if (words.has("all") || its.some((word) => words.has(word))) htmx.trigger(part, "live");
  }
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// one press, one request; back from the history, it may be pressed again
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button")) {
    setTimeout(() => { button.disabled = true; });
  }
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});

for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = "Copied";
  });
}

// on a phone the navigation is a strip: where one is must be in sight
document.querySelector(".side [aria-current='page']")?.scrollIntoView({ block: "nearest", inline: "center" });

// htmx is set up by then
document.addEventListener("DOMContentLoaded", listen);
