// Parts that refresh: not while nobody looks, and not under someone's hands.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  const isBusy = part.contains(document.activeElement) || part.querySelector("details[open], input:checked") || String(getSelection());
  if (document.hidden || isBusy || document.querySelector("dialog[open]")) event.preventDefault();
});

// An answer without the part (the session ended, the key is gone) is another page: show that.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, serverResponse, shouldSwap } = event.detail;
  if (!shouldSwap || serverResponse.includes(`id="${target.id}"`)) return;
  event.detail.shouldSwap = false;
  location.reload();
});

// Says how many rows are ticked.
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-bulk]");
  if (!form) return;
  const ticked = form.querySelectorAll("tbody :checked").length;
  form.querySelector("[data-bulk-count]").textContent = ticked === 1 ? "1 key ticked" : `${ticked} keys ticked`;
});
