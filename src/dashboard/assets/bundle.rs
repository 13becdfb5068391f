//! Which files there are. Those that always go together are one: a page asks for one style sheet and
//! one script, whatever number of sources they have.

use bytes::Bytes;

/// A file by the name that it is served under.
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) content: Bytes,
}

const STYLES: [&str; 8] = [
    include_str!("css/tokens.css"),
    include_str!("css/base.css"),
    include_str!("css/frame.css"),
    include_str!("css/controls.css"),
    include_str!("css/forms.css"),
    include_str!("css/tables.css"),
    include_str!("css/figures.css"),
    include_str!("css/pages.css"),
];

const SCRIPTS: [&str; 9] = [
    include_str!("js/copy.js"),
    include_str!("js/times.js"),
    include_str!("js/toasts.js"),
    include_str!("js/dialogs.js"),
    include_str!("js/menus.js"),
    include_str!("js/leaving.js"),
    include_str!("js/models.js"),
    include_str!("js/live.js"),
    include_str!("js/sending.js"),
];

macro_rules! icons {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("vendor/lucide/", $name, ".svg")))),*]
    };
}

const ICONS: &[(&str, &str)] = &icons![
    "arrow-down" "arrow-up" "building-2" "chart-column" "check" "chevron-right" "chevrons-up-down"
    "circle-alert" "clock" "copy" "download" "folder" "info" "key-round" "layout-dashboard"
    "log-out" "menu" "monitor" "moon" "pencil" "plus" "power" "rotate-cw" "scroll-text" "search"
    "server" "settings" "shield-check" "sun" "terminal" "trash-2" "triangle-alert" "users" "x"
];

/// Every file.
pub(super) fn files() -> Vec<Source> {
    let file = |name, content| Source { name, content };
    vec![
        file("app.css", STYLES.concat().into()),
        file("app.js", SCRIPTS.concat().into()),
        file(
            "theme.js",
            Bytes::from_static(include_bytes!("js/theme.js")),
        ),
        file(
            "charts.js",
            Bytes::from_static(include_bytes!("js/charts.js")),
        ),
        file(
            "htmx.js",
            Bytes::from_static(include_bytes!("vendor/htmx.min.js")),
        ),
        file(
            "chart.js",
            Bytes::from_static(include_bytes!("vendor/chart.umd.min.js")),
        ),
        file("icons.svg", sprite().into()),
        file(
            "favicon.svg",
            Bytes::from_static(include_bytes!("favicon.svg")),
        ),
        file(
            "geist.woff2",
            Bytes::from_static(include_bytes!("vendor/fonts/geist-latin-wght-normal.woff2")),
        ),
        file(
            "geist-mono.woff2",
            Bytes::from_static(include_bytes!(
                "vendor/fonts/geist-mono-latin-wght-normal.woff2"
            )),
        ),
    ]
}

/// All icons in one file, each to be shown by its name.
fn sprite() -> String {
    let symbols: String = ICONS.iter().map(|(name, svg)| symbol(name, svg)).collect();
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{symbols}</svg>")
}

fn symbol(name: &str, svg: &str) -> String {
    let drawing = svg.split_once("\n>").map_or("", |(_, rest)| rest);
    let drawing = drawing.trim().trim_end_matches("</svg>").trim();
    format!("<symbol id=\"{name}\" viewBox=\"0 0 24 24\">{drawing}</symbol>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_has_a_drawing() {
        for (name, svg) in ICONS {
            let symbol = symbol(name, svg);
            assert!(
                symbol.contains("><path")
                    || symbol.contains("><circle")
                    || symbol.contains("><rect"),
                "{symbol}"
            );
        }
    }
}
