//! What holds for the markup of every page.

use super::gallery::pages;

#[test]
fn no_page_needs_inline_script_or_style() {
    for page in pages() {
        let html = page.html.to_lowercase();
        for inline in [" style=", "<style", "javascript:", "hx-on", "<script>"] {
            assert!(!html.contains(inline), "{}: {inline}", page.name);
        }
        let tags = html
            .split('<')
            .filter_map(|tag| tag.split_once('>'))
            .map(|(tag, _)| tag);
        let names = |tag: &str| tag.split('"').step_by(2).any(|part| part.contains(" on"));
        let handlers: Vec<_> = tags.filter(|tag| names(tag)).collect();
        assert!(handlers.is_empty(), "{}: {handlers:?}", page.name);
    }
}

#[test]
fn names_of_tenants_are_text_and_nothing_else() {
    let all: String = pages().into_iter().map(|page| page.html).collect();
    assert!(all.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
    assert!(!all.contains("<script>alert") && !all.contains("</title>\" &"));
    assert!(all.contains("{{7*7}}") && !all.contains(">49 $"));
}

#[test]
fn every_page_is_small_has_a_title_one_main_heading_and_no_id_twice() {
    for page in pages() {
        let html = &page.html;
        assert!(html.len() < 100_000, "{}: {} bytes", page.name, html.len());
        assert_eq!(html.matches("<h1").count(), 1, "{}", page.name);
        assert_eq!(html.matches("<main ").count(), 1, "{}", page.name);
        let mut ids: Vec<_> = html
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}: an id stands twice", page.name);
    }
}

#[test]
fn every_reference_leads_to_something_on_the_page() {
    for page in pages() {
        for attribute in [
            " for=\"",
            " aria-labelledby=\"",
            " aria-describedby=\"",
            " data-copy=\"",
        ] {
            let references = page
                .html
                .split(attribute)
                .skip(1)
                .filter_map(|rest| rest.split('"').next());
            for id in references.flat_map(|ids| ids.split(' ')) {
                assert!(
                    page.html.contains(&format!(" id=\"{id}\"")),
                    "{}: {attribute}{id}",
                    page.name
                );
            }
        }
    }
}

#[test]
fn what_draws_charts_comes_only_where_a_chart_is() {
    for page in pages() {
        let draws = page.html.contains("/chart.js\"");
        assert_eq!(draws, page.html.contains("data-chart="), "{}", page.name);
    }
}

#[test]
fn no_two_pages_share_an_address() {
    let mut paths: Vec<_> = pages().into_iter().map(|page| page.path).collect();
    let all = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), all);
    assert!(paths.iter().all(|path| path.starts_with('/')));
}
