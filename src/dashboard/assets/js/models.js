// Finds models in a long list while one types.
for (const picker of document.querySelectorAll("[data-models]")) {
  const search = picker.querySelector("[data-models-search]");
  const none = picker.querySelector("[data-models-none]");
  const items = [...picker.querySelectorAll("li")].map((item) => [item, item.textContent.toLowerCase()]);
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const [item, text] of items) item.hidden = !words.every((word) => text.includes(word));
    none.hidden = items.some(([item]) => !item.hidden);
    none.parentElement.querySelector("ul").hidden = !none.hidden;
  });
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
}
