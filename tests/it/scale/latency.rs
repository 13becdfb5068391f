//! What calls notice of those who look: how much longer they take through the gateway than without it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::admin;
use super::watch::first_byte;
use crate::support::app::{CREDENTIAL, TestApp};
use crate::support::client::{CHAT, Client, chat_body};
use crate::support::people::PASSWORD;

/// Makes calls while nobody looks, and while somebody looks at lists and charts all the time.
#[expect(clippy::print_stdout, reason = "a long run is read by people")]
pub async fn beside_lists(app: &TestApp, is_long: bool) {
    let calls = if is_long { 2000 } else { 20 };
    let (asker, key) = (admin(app).await, app.key().await);
    let org = format!("/orgs/{}", app.organisation.id);
    let paths = [
        "/keys",
        "/keys?search=zzzz",
        "/usage",
        "/usage.csv",
        "/calls",
    ];
    let over = AtomicBool::new(false);
    let look = async {
        let mut looks = 0;
        while !over.load(Ordering::Relaxed) {
            for path in paths {
                first_byte(app, &asker, &format!("{org}{path}")).await;
                looks += 1;
            }
        }
        looks
    };
    let direct = Client::new(app.provider.address());
    let quiet = added(app, &direct, &key.secret, calls).await;
    let work = async {
        let busy = added(app, &direct, &key.secret, calls).await;
        over.store(true, Ordering::Relaxed);
        busy
    };
    let (looks, busy) = futures_util::join!(look, work);
    println!("added to a call while nobody looks: {quiet}");
    println!("added to a call while somebody looks ({looks} lists and charts): {busy}");
}

/// The same beside fifty people who sign in at once, again and again.
#[expect(clippy::print_stdout, reason = "a long run is read by people")]
pub async fn beside_sign_ins(app: &TestApp, is_long: bool) {
    let (calls, key) = (if is_long { 2000 } else { 50 }, app.key().await);
    let ann = app.stranger().await;
    let direct = Client::new(app.provider.address());
    let quiet = added(app, &direct, &key.secret, calls).await;
    let (over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let sign_in = async || {
        while !over.load(Ordering::Relaxed) {
            app.sign_in_as(&ann.email, PASSWORD, &[])
                .await
                .assert_json(200);
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let work = async {
        let busy = added(app, &direct, &key.secret, calls).await;
        over.store(true, Ordering::Relaxed);
        busy
    };
    let began = Instant::now();
    let (busy, _) = futures_util::join!(work, join_all((0..50).map(|_| sign_in())));
    let (done, seconds) = (done.into_inner(), began.elapsed().as_secs_f64());
    println!("added to a call while nobody signs in: {quiet}");
    println!("added to a call beside {done} sign-ins in {seconds:.1} s: {busy}");
}

/// Calls in turn with and without the gateway.
async fn added(app: &TestApp, direct: &Client, secret: &str, calls: usize) -> String {
    let (mut through, mut without) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        through.push(call(&app.client, secret).await);
        without.push(call(direct, CREDENTIAL).await);
    }
    through.sort_unstable();
    without.sort_unstable();
    let difference = |percent: usize| {
        let place = (calls * percent / 100).min(calls - 1);
        (through[place].as_secs_f64() - without[place].as_secs_f64()) * 1000.0
    };
    format!(
        "median {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
        difference(50),
        difference(95),
        difference(99)
    )
}

async fn call(client: &Client, secret: &str) -> Duration {
    let body = chat_body("");
    let began = Instant::now();
    let reply = client.post(CHAT, secret, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    began.elapsed()
}
