// Buttons that copy what they name, and say so.
{
  const text = (source) => source.value ?? source.textContent;

  // Works on plain http too, where there is no clipboard API.
  const copyByHand = (value) => {
    const area = document.createElement("textarea");
    area.value = value;
    area.className = "sr";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  };
  const copy = async (value) => {
    try {
      await navigator.clipboard.writeText(value);
      return true;
    } catch {
      return copyByHand(value);
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const copied = await copy(text(document.getElementById(button.dataset.copy)));
    const label = button.querySelector("[data-copy-text]");
    label.textContent = copied ? "Copied" : "Select and copy it";
    button.classList.toggle("is-done", copied);
    window.tollgate.say(copied ? "Copied to the clipboard." : "The browser did not let it be copied. Select the text and copy it.", copied ? "good" : "bad");
    setTimeout(() => {
      label.textContent = "Copy";
      button.classList.remove("is-done");
    }, 2000);
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches(".copy-line input")) event.target.select();
  });
}
