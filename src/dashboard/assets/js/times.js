// Times in the viewer's zone; pointing at one shows UTC as well.
{
  // A unit, its seconds, and from when on it is told in it: `in 49 days` says more than `next month`.
  const UNITS = [["year", 31536000, 63072000], ["month", 2592000, 7776000], ["day", 86400, 86400], ["hour", 3600, 3600], ["minute", 60, 60], ["second", 1, 1]];
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const STYLES = {
    exact: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }),
    day: new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }),
  };
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

  const distance = (at) => {
    const seconds = Math.round((at - Date.now()) / 1000);
    if (Math.abs(seconds) < 10) return seconds > 0 ? "in a moment" : "just now";
    const [unit, length] = UNITS.find(([, , from]) => Math.abs(seconds) >= from);
    return relative.format(Math.trunc(seconds / length), unit);
  };
  const show = (element) => {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const style = STYLES[element.dataset.time];
    element.textContent = style ? style.format(at) : distance(at);
    element.title = `${full.format(at)}\n${at.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC")}`;
  };
  const showAll = (root) => root.querySelectorAll("time[data-time]").forEach(show);

  showAll(document);
  setInterval(() => showAll(document), 30_000);
  document.addEventListener("htmx:afterSwap", () => showAll(document));
}
