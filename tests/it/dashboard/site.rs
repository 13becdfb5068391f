//! The dashboard's pages and forms as a browser without scripts sends them, over sockets.

use http::Method;

use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::people::Asker;

mod confirmations;
mod doors;
mod errors;
mod keys;
mod limits;
mod roles;
mod usage;
mod versions;

impl TestApp {
    /// A page.
    async fn page(&self, who: &dyn Asker, path: &str) -> Reply {
        let headers = who.headers();
        let opened = self.client.send(Method::GET, path, &headers, "");
        opened.await.read().await
    }

    /// What a form of one of our pages is answered.
    async fn submit(&self, who: &dyn Asker, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut headers = who.headers();
        if headers.is_empty() {
            headers.push(("sec-fetch-site", "same-origin"));
        }
        self.submit_with(&headers, path, fields).await
    }

    /// The same with nothing but these headers.
    async fn submit_with(
        &self,
        headers: &[(&str, &str)],
        path: &str,
        fields: &[(&str, &str)],
    ) -> Reply {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let opened = self.client.send(Method::POST, path, &headers, &body);
        opened.await.read().await
    }
}

impl Reply {
    /// Where it leads.
    #[track_caller]
    fn leads_to(&self) -> &str {
        assert_eq!(self.status.as_u16(), 303, "{}", self.text());
        self.header("location").unwrap()
    }

    /// Its text, if it is a page of this status that nobody keeps.
    #[track_caller]
    fn assert_page(&self, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.header("content-security-policy").is_some());
        assert!(self.header("x-request-id").is_some());
        self.text()
    }
}

/// What stands between `before` and `after` in a page, the first time.
#[track_caller]
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}
