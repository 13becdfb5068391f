//! Every route beside every role, in one table; and strangers' things, which read as if there were none.
//! The routes are the router's own: one without a row fails.

use std::collections::BTreeMap;

use http::Method;
use tollgate::domain::role::Role;
use tollgate::domain::tenant::OrganisationId;
use uuid::Uuid;

use super::openapi::operations;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::people::{Asker, Nobody, Person};

const TABLE: &str = include_str!("matrix.txt");

/// The columns that are members.
const ROLES: [(Role, usize); 4] = [
    (Role::Viewer, 1),
    (Role::Member, 2),
    (Role::Admin, 3),
    (Role::Owner, 4),
];
const NOBODY: usize = 0;
const OPERATOR: usize = 5;

/// Method and path.
type Route = (String, String);

/// The rows by their route.
fn table() -> BTreeMap<Route, Vec<u16>> {
    let lines = TABLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let rows = lines.map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let route = (words.next().unwrap(), words.next().unwrap());
        let statuses: Vec<u16> = words.map(|word| word.parse().unwrap()).collect();
        assert_eq!(statuses.len(), 6, "{line}");
        (route, statuses)
    });
    rows.collect()
}

/// A path whose names stand for things of a new organisation, some of them `asker`'s.
struct Place {
    org: Uuid,
    path: String,
    body: String,
}

impl Place {
    /// What `(method, path)` names, for someone of this role.
    async fn new(app: &TestApp, route: &Route, role: Role) -> (Self, Person) {
        let name = Uuid::now_v7().to_string();
        let organisation = app.another_organisation(&name).await;
        let asker = app.person_in(organisation.id, role).await;
        let place = Self::in_organisation(app, route, organisation.id.0, &asker).await;
        (place, asker)
    }

    async fn in_organisation(app: &TestApp, route: &Route, org: Uuid, asker: &Person) -> Self {
        let id = Self::thing(app, route, org, asker).await;
        let path = route.1.replace("{org}", &org.to_string());
        Self {
            org,
            path: named(&path, id),
            body: body(route, id),
        }
    }

    /// What `{id}` or `{user}` stands for.
    async fn thing(app: &TestApp, (_, path): &Route, org: Uuid, asker: &Person) -> Uuid {
        let organisation = OrganisationId(org);
        let (of, rest) = path.split_once("{org}").unwrap_or(("", path));
        match (rest.split('/').nth(1), of) {
            (Some("projects"), _) => app.project_of(organisation).await.0,
            (Some("keys"), _) => app.key_of(organisation, Some(asker)).await.0.id.0,
            (Some("members"), _) => app.person_in(organisation, Role::Viewer).await.id.0,
            (Some("invitations"), "/orgs/") => invitation(app, organisation).await,
            (Some("tokens"), "/orgs/") => {
                app.token_of(Some((organisation, Role::Viewer))).await.id.0
            }
            (Some("tokens"), _) => app.operator_token().await.id.0,
            (Some("users"), _) => app.stranger().await.id.0,
            _ => Uuid::now_v7(),
        }
    }

    async fn ask(&self, app: &TestApp, who: &dyn Asker, (method, _): &Route) -> Reply {
        let method: Method = method.parse().unwrap();
        app.ask(who, method, &self.path, &self.body).await
    }

    /// The same in an organisation that is not there.
    fn nowhere(&self) -> Self {
        let org = Uuid::now_v7();
        Self {
            path: self.path.replace(&self.org.to_string(), &org.to_string()),
            org,
            body: self.body.clone(),
        }
    }

    /// The same organisation, another thing.
    fn naming(&self, route: &Route, id: Uuid) -> Self {
        let path = route.1.replace("{org}", &self.org.to_string());
        Self {
            org: self.org,
            path: named(&path, id),
            body: body(route, id),
        }
    }
}

async fn invitation(app: &TestApp, organisation: OrganisationId) -> Uuid {
    let admin = app.person_in(organisation, Role::Admin).await;
    let path = format!("/orgs/{organisation}/invitations");
    let body = r#"{"email":"new@example.com","role":"viewer"}"#;
    let made = app
        .ask(&admin, Method::POST, &path, body)
        .await
        .assert_json(201);
    made["invitation"]["id"].as_str().unwrap().parse().unwrap()
}

/// With the name of a thing filled in.
fn named(path: &str, id: Uuid) -> String {
    let id = id.to_string();
    path.replace("{id}", &id).replace("{user}", &id)
}

/// A body that is right.
fn body((method, path): &Route, id: Uuid) -> String {
    let name = Uuid::now_v7();
    match (method.as_str(), path.as_str()) {
        ("GET" | "DELETE", _) => String::new(),
        (_, "/keys/revoke-leaked") => r#"{"key":"sk-unknown"}"#.to_owned(),
        (_, "/orgs/{org}/keys/bulk") => format!(r#"{{"action":"disable","ids":["{id}"]}}"#),
        (_, "/orgs/{org}/keys/{id}/rotate") => r#"{"grace_seconds":60}"#.to_owned(),
        (_, "/orgs/{org}/members" | "/orgs/{org}/invitations") => {
            format!(r#"{{"email":"{name}@example.com","role":"viewer"}}"#)
        }
        (_, "/users/{id}") => r#"{"status":"disabled"}"#.to_owned(),
        (_, "/orgs/{org}/members/{user}") => r#"{"role":"member"}"#.to_owned(),
        (_, "/orgs/{org}/tokens") => format!(r#"{{"name":"{name}","role":"viewer"}}"#),
        (_, path) if path.starts_with("/orgs") || path == "/tokens" => {
            format!(r#"{{"name":"{name}"}}"#)
        }
        _ => "{}".to_owned(),
    }
}

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let mut routes = operations();
    routes.sort_unstable();
    let rows: Vec<Route> = table().into_keys().collect();
    assert_eq!(rows, routes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_gets_what_the_table_says() {
    let app = TestApp::start().await;
    for (route, statuses) in table() {
        for (role, column) in ROLES {
            let (place, asker) = Place::new(&app, &route, role).await;
            let reply = place.ask(&app, &asker, &route).await;
            assert_eq!(
                reply.status, statuses[column],
                "{route:?} as {role}: {:?}",
                reply.body
            );
        }
        let (place, _) = Place::new(&app, &route, Role::Owner).await;
        let reply = place.ask(&app, &Nobody, &route).await;
        assert_eq!(reply.status, statuses[NOBODY], "{route:?} as nobody");
        let reply = place.ask(&app, &app.operator().await, &route).await;
        assert_eq!(reply.status, statuses[OPERATOR], "{route:?} as operator");
    }
}

/// All of an answer but what names the request.
fn bytes(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let headers = reply.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let unlike = ["x-request-id", "request-id", "date"];
    let headers = headers.filter(|(name, _)| !unlike.contains(&name.as_str()));
    (
        reply.status.as_u16(),
        headers.collect(),
        reply.text().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_things_read_as_if_there_were_none() {
    let app = TestApp::start().await;
    let routes = table()
        .into_keys()
        .filter(|(_, path)| path.starts_with("/orgs/{org}"));
    for route in routes {
        for (role, _) in ROLES {
            let (theirs, stranger) = Place::new(&app, &route, Role::Owner).await;
            let (own, asker) = Place::new(&app, &route, role).await;
            let foreign = bytes(&theirs.ask(&app, &asker, &route).await);
            let unknown = bytes(&theirs.nowhere().ask(&app, &asker, &route).await);
            assert_eq!(foreign, unknown, "{route:?} as {role}");
            assert_eq!(foreign.0, 404, "{route:?} as {role}");
            if route.1.matches('{').count() > 1 {
                let id = Place::thing(&app, &route, theirs.org, &stranger).await;
                let mixed = own.naming(&route, id);
                let missing = own.naming(&route, Uuid::now_v7());
                let mixed = bytes(&mixed.ask(&app, &asker, &route).await);
                let missing = bytes(&missing.ask(&app, &asker, &route).await);
                assert_eq!(mixed, missing, "{route:?} as {role}");
            }
        }
    }
}
