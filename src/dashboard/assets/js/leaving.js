// A secret is shown once: leaving the page before it is stored asks first, and coming back by the
// history never shows it again. Snippets become tabs.
{
  const page = document.querySelector("[data-leaving]");
  const stored = document.querySelector("[data-stored]");
  const warn = (event) => {
    if (!stored || stored.checked) return;
    event.preventDefault();
    event.returnValue = page.dataset.leaving;
  };
  if (page) {
    // A reload leads on, and does not send the form again that made the secret.
    const next = page.querySelector("form").action;
    history.replaceState(null, "", next);
    window.addEventListener("beforeunload", warn);
    // The browser may keep the page in memory, whatever `no-store` says.
    window.addEventListener("pagehide", () => page.replaceChildren());
    window.addEventListener("pageshow", (event) => { if (event.persisted) location.replace(next); });
  }

  for (const tabs of document.querySelectorAll("[data-tabs]")) {
    const panels = [...tabs.querySelectorAll("[data-tab]")];
    const list = document.createElement("div");
    list.className = "tab-list";
    list.setAttribute("role", "tablist");
    const buttons = panels.map((panel) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = panel.dataset.tab;
      button.id = `for-${panel.id}`;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", button.id);
      return button;
    });
    const choose = (at) => buttons.forEach((button, index) => {
      button.setAttribute("aria-selected", String(index === at));
      button.tabIndex = index === at ? 0 : -1;
      panels[index].hidden = index !== at;
    });
    list.append(...buttons);
    list.addEventListener("click", (event) => { if (buttons.includes(event.target)) choose(buttons.indexOf(event.target)); });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const at = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
      choose(at);
      buttons[at].focus();
    });
    tabs.prepend(list);
    choose(0);
  }
}
