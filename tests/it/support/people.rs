//! People and management tokens as tests need them: made in the store, proved as a browser or a
//! script would.

use std::sync::LazyLock;

use http::Method;
use serde_json::Value;
use tollgate::domain::role::Role;
use tollgate::domain::secret::{Secret, TOKEN_PREFIX};
use tollgate::domain::tenant::{OrganisationId, TokenId, UserId};
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::management::passwords;
use tollgate::store::Db;
use tollgate::store::organisations::{self, Organisation};
use tollgate::store::sessions::{self, NewSession};
use tollgate::store::tokens::{self, NewToken};
use tollgate::store::users::{self, NewUser};
use uuid::Uuid;

use super::app::TestApp;
use super::client::Reply;

/// The password of everybody here.
pub const PASSWORD: &str = "correct horse battery staple";

static HASH: LazyLock<String> = LazyLock::new(|| passwords::hash(&PASSWORD.into()).unwrap());

/// Someone who asks the management API.
pub trait Asker {
    /// What proves who they are, and what a browser or script sends besides.
    fn headers(&self) -> Vec<(&str, &str)>;
}

/// Nobody: not signed in.
pub struct Nobody;

/// Someone who is signed in, in a browser.
pub struct Person {
    pub id: UserId,
    pub email: String,
    /// `tollgate_session=…`
    pub cookie: String,
}

/// A management token as its owner has it.
pub struct TestToken {
    pub id: TokenId,
    /// `mk-…`
    pub secret: String,
    bearer: String,
}

impl TestApp {
    /// A new member of the test's organisation, signed in.
    pub async fn person(&self, role: Role) -> Person {
        self.person_in(self.organisation.id, role).await
    }

    /// A new member of another one.
    pub async fn person_in(&self, organisation: OrganisationId, role: Role) -> Person {
        self.join(Some((organisation, role)), false).await
    }

    /// Someone who belongs nowhere, signed in.
    pub async fn stranger(&self) -> Person {
        self.join(None, false).await
    }

    /// Someone who runs the installation and belongs nowhere, signed in.
    pub async fn operator(&self) -> Person {
        self.join(None, true).await
    }

    /// A token of the test's organisation.
    pub async fn token(&self, role: Role) -> TestToken {
        self.token_of(Some((self.organisation.id, role))).await
    }

    /// The operator's token.
    pub async fn operator_token(&self) -> TestToken {
        self.token_of(None).await
    }

    /// A token of `place`, or of the operator.
    pub async fn token_of(&self, place: Option<(OrganisationId, Role)>) -> TestToken {
        TestToken::new(self.db(), place).await
    }

    /// Another organisation of this installation.
    pub async fn another_organisation(&self, name: &str) -> Organisation {
        let limits = tollgate::domain::limits::Limits::default();
        let created = organisations::create(self.db(), name, &limits, now()).await;
        created.unwrap()
    }

    /// What the management API answers to `who`. `path` begins after `/api/v1`.
    pub async fn ask(&self, who: &dyn Asker, method: Method, path: &str, body: &str) -> Reply {
        self.ask_with(who, method, path, &[], body).await
    }

    /// The same with further headers.
    pub async fn ask_with(
        &self,
        who: &dyn Asker,
        method: Method,
        path: &str,
        further: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut headers = who.headers();
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        headers.extend(further);
        let path = format!("/api/v1{path}");
        let opened = self.client.send(method, &path, &headers, body).await;
        opened.read().await
    }

    /// Signs in as a browser does; the answer.
    pub async fn sign_in_as(&self, email: &str, password: &str, headers: &[(&str, &str)]) -> Reply {
        let body = serde_json::json!({"email": email, "password": password}).to_string();
        self.ask_with(&Nobody, Method::POST, "/session", headers, &body)
            .await
    }

    /// The same for what is read.
    pub async fn look(&self, who: &dyn Asker, path: &str) -> Reply {
        self.ask(who, Method::GET, path, "").await
    }

    async fn join(&self, place: Option<(OrganisationId, Role)>, is_operator: bool) -> Person {
        let email = format!("{}@example.com", Uuid::now_v7().simple());
        let new = NewUser {
            email: &email,
            name: "Test",
            password: Some(&HASH),
            is_operator,
        };
        let user = users::create(self.db(), new, place, now()).await.unwrap();
        let cookie = self.sign_in(&user).await;
        let id = user.id;
        Person { id, email, cookie }
    }

    /// The cookie of a new session.
    async fn sign_in(&self, user: &users::User) -> String {
        let secret = Secret::generate("", |bytes| getrandom::fill(bytes).unwrap());
        let new = NewSession {
            hash: secret.hash(),
            user,
            address: None,
            agent: None,
            replaces: None,
        };
        sessions::begin(self.db(), new, now()).await.unwrap();
        format!("{}={}", tollgate::api::COOKIE, secret.expose())
    }
}

impl TestToken {
    /// A token of `place`, or of the operator.
    pub async fn new(db: &Db, place: Option<(OrganisationId, Role)>) -> Self {
        let secret = Secret::generate(TOKEN_PREFIX, |bytes| getrandom::fill(bytes).unwrap());
        let new = NewToken {
            place,
            name: "test",
            hash: secret.hash(),
            display: &secret.display(),
            expires_at: None,
        };
        let token = tokens::create(db, new, now()).await.unwrap();
        Self {
            id: token.id,
            ..Self::of(secret.expose())
        }
    }

    /// Whatever has this secret.
    pub fn of(secret: &str) -> Self {
        Self {
            id: TokenId::default(),
            secret: secret.to_owned(),
            bearer: format!("Bearer {secret}"),
        }
    }
}

impl Person {
    /// The same person in another session.
    pub fn with(&self, cookie: Option<String>) -> Self {
        Self {
            id: self.id,
            email: self.email.clone(),
            cookie: cookie.unwrap(),
        }
    }
}

impl Asker for Nobody {
    fn headers(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }
}

impl Asker for Person {
    fn headers(&self) -> Vec<(&str, &str)> {
        vec![("cookie", &self.cookie), ("sec-fetch-site", "same-origin")]
    }
}

impl Asker for TestToken {
    fn headers(&self) -> Vec<(&str, &str)> {
        vec![("authorization", &self.bearer)]
    }
}

impl Reply {
    /// Fails unless it is this problem (RFC 9457).
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        let found = (self.status.as_u16(), &problem["code"]);
        assert_eq!(found, (status, &code.into()), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(self.header("x-request-id").is_some());
        problem
    }

    /// What a browser sends from now on, if this answer gave it a session.
    pub fn cookie(&self) -> Option<String> {
        let cookie = self.header("set-cookie")?.split(';').next()?;
        Some(cookie.to_owned()).filter(|cookie| !cookie.ends_with('='))
    }

    /// Its JSON, if it is of this status.
    #[track_caller]
    pub fn assert_json(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.body);
        self.json()
    }
}

fn now() -> Timestamp {
    Clock::default().now()
}
