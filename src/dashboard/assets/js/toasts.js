// What just happened. Good news leaves by itself; bad news stays until it is dismissed.
{
  const region = document.querySelector("[data-toasts]");
  const dismissLater = (toast) => {
    if (toast.dataset.tone === "good") setTimeout(() => toast.remove(), 6000);
  };
  const say = (text, tone) => {
    if (!region) return;
    for (const other of region.children) if (other.textContent.trim() === text) other.remove();
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.dataset.tone = tone;
    const line = document.createElement("p");
    line.textContent = text;
    toast.append(line);
    region.append(toast);
    dismissLater(toast);
  };

  window.tollgate = { say };
  // What is there from the beginning is not read out: it is put in again once the region is known.
  const first = [...(region?.children ?? [])];
  for (const toast of first) toast.remove();
  setTimeout(() => {
    region?.prepend(...first);
    first.forEach(dismissLater);
  }, 50);
  document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest(".toast").remove());
  document.addEventListener("htmx:responseError", () => say("The page could not refresh. Reload it.", "bad"));
}
