// What a form sends is sent once: a second click would drop the answer to the first, and the secret in it.
{
  const WAIT = 10_000; // the answer may have got lost
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if ("sent" in form.dataset) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
    setTimeout(() => delete form.dataset.sent, WAIT);
  });
  // Who comes back by the history may send it again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  });
}
