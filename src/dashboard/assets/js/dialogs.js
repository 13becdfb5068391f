// Links that name a dialog open it over the page; a name to be typed arms its button.
{
  const open = (dialog) => {
    dialog.showModal();
    dialog.querySelector("input:not([type=hidden]), select")?.focus();
    arm(dialog);
  };
  const arm = (within) => {
    for (const field of within.querySelectorAll("[data-typed]")) {
      const typed = field.value.trim().replace(/\s+/g, " ");
      field.form.querySelector("button:not([type=button])").disabled = typed !== field.dataset.typed;
    }
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-dialog]");
    const dialog = link && document.getElementById(`dialog-${link.dataset.dialog}`);
    if (dialog && !(event.metaKey || event.ctrlKey || event.shiftKey)) {
      event.preventDefault();
      open(dialog);
    }
    if (event.target.closest("[data-close]")) {
      const within = event.target.closest("dialog");
      if (within) within.close();
      else history.back();
    }
    if (event.target instanceof HTMLDialogElement) event.target.close(); // the backdrop
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-typed]")) arm(event.target.form);
  });
  arm(document);
}
