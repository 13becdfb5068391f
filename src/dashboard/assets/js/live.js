// Parts that refresh: not while nobody looks, and not under someone's hands.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  const isBusy = part.contains(document.activeElement) || part.querySelector("details[open]") || String(getSelection());
  if (document.hidden || isBusy || document.querySelector("dialog[open]")) event.preventDefault();
});

// Says how many rows are ticked.
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-bulk]");
  if (!form) return;
  const ticked = form.querySelectorAll("tbody :checked").length;
  form.querySelector("[data-bulk-count]").textContent = ticked === 1 ? "1 key ticked" : `${ticked} keys ticked`;
});
