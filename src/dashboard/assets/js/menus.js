// Menus close when one looks elsewhere; a choice that saves itself does.
{
  const closeAll = (but) => {
    for (const menu of document.querySelectorAll("[data-menu][open]")) if (menu !== but) menu.open = false;
  };

  document.addEventListener("click", (event) => closeAll(event.target.closest("[data-menu]")));
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest("[data-menu][open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !isTyping) {
      const search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
    show(event.target);
  });

  // A field that matters with one answer only.
  const show = (changed) => {
    for (const part of document.querySelectorAll("[data-shows-with]")) {
      const [name, value] = part.dataset.showsWith.split("=");
      if (!changed || changed.name === name) part.hidden = document.querySelector(`[name="${name}"]`).value !== value;
    }
  };
  show();
}
