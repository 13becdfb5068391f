// Draws the tables behind charts, in the colours of the style sheet.
{
  const drawn = new Map();
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const dollars = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumSignificantDigits: 3 });
  const whole = new Intl.NumberFormat("en");
  const exactDollars = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 4 });

  // Asks the browser, because a variable may differ between light and dark.
  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };

  const read = (figure) => {
    const isMoney = figure.dataset.unit === "usd";
    const rows = [...figure.querySelectorAll("tbody tr")];
    const names = [...figure.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent);
    return {
      isMoney,
      row: figure.querySelector("thead th").textContent,
      labels: rows.map((row) => row.cells[0].textContent),
      series: names.map((name, at) => ({
        name,
        values: rows.map((row) => Number(row.cells[at + 1].dataset.value) / (isMoney ? 1e9 : 1)),
      })),
    };
  };

  const datasets = (series, isStacked) => series.map(({ name, values }, at) => {
    const own = colour(`--series-${Math.min(at, 6)}`);
    const shape = isStacked
      ? { borderRadius: 2, maxBarThickness: 36, categoryPercentage: 0.8, barPercentage: 0.95 }
      : { borderColor: own, borderWidth: 2, pointRadius: 0, pointHoverRadius: 4, cubicInterpolationMode: "monotone" };
    return { label: name, data: values, backgroundColor: own, ...shape };
  });

  const options = ({ isMoney, row }, isStacked) => {
    const [muted, line, raised, text] = ["--muted", "--line", "--raised", "--text"].map(colour);
    const short = (value) => (isMoney ? dollars : compact).format(value);
    const long = (value) => (isMoney ? exactDollars : whole).format(value);
    const ticks = { color: muted, font: { size: 11 } };
    return {
      maintainAspectRatio: false,
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 250 },
      interaction: { mode: "index", intersect: false },
      plugins: {
        legend: { display: false },
        tooltip: {
          backgroundColor: raised, titleColor: text, bodyColor: text, borderColor: line, borderWidth: 1, padding: 10,
          boxWidth: 8, boxHeight: 8, boxPadding: 4, usePointStyle: false,
          filter: (item) => item.raw !== 0,
          callbacks: { label: (item) => ` ${item.dataset.label}: ${long(item.raw)}` },
        },
      },
      scales: {
        x: { stacked: isStacked, grid: { display: false }, border: { color: line }, ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 20 }, title: { display: true, text: row, align: "end", color: muted, font: { size: 11 } } },
        y: { stacked: isStacked, beginAtZero: true, grid: { color: line }, border: { display: false }, ticks: { ...ticks, maxTicksLimit: 5, callback: short } },
      },
    };
  };

  const draw = (figure) => {
    const canvas = figure.querySelector("canvas");
    if (!canvas) return; // nothing was used
    drawn.get(figure)?.destroy();
    const data = read(figure);
    const isStacked = figure.dataset.chart === "stacked";
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    drawn.set(figure, new Chart(canvas, {
      type: isStacked ? "bar" : "line",
      data: { labels: data.labels, datasets: datasets(data.series, isStacked) },
      options: options(data, isStacked),
    }));
  };
  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

  for (const table of document.querySelectorAll(".chart-table")) table.open = false;
  document.fonts.ready.then(drawAll);
  document.addEventListener("themechange", drawAll);
}
