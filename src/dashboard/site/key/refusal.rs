//! Why a call was refused, in words: the rule, its value, when there is room again.

use crate::dashboard::components::Time;
use crate::dashboard::format::{counted, exact_money, grouped};
use crate::dashboard::pages::RefusalRow;
use crate::dashboard::site::bars;
use crate::store::refusals;

/// A refusal; `key` where it is not the key's own page.
pub(in crate::dashboard::site) fn row(
    refusal: refusals::RefusalRow,
    key: Option<(String, String)>,
) -> RefusalRow {
    let rule = refusal.rule.as_deref();
    let amount = refusal.amount.map(|amount| match rule {
        Some("budget") => exact_money(amount),
        Some("quota") => counted(amount, "token", "tokens"),
        _ => grouped(amount),
    });
    let scope = refusal.scope.as_deref().unwrap_or("key");
    let named = rule.map(|rule| format!("{}, of the {scope}", bars::rule(rule)));
    RefusalRow {
        at: Time::relative(refusal.at),
        reason: reason(&refusal.code, scope),
        otherwise: otherwise(&refusal.code),
        rule: named.zip(amount),
        frees_at: refusal.frees_at.map(Time::relative),
        request_id: refusal.id.to_string(),
        code: refusal.code,
        key,
    }
}

fn reason(code: &str, scope: &str) -> String {
    match code {
        "rate_limit_exceeded" => format!("The {scope} had used up what a minute allows."),
        "concurrency_limit_exceeded" => {
            format!("As many calls of the {scope} ran as may run at once.")
        }
        "insufficient_quota" => {
            format!("The call could need more than is left of the {scope}'s limit.")
        }
        "quota_held" => {
            format!("What is left of the {scope}'s limit is held by calls that were running.")
        }
        "model_not_found" => "The key may not call the model, or no provider serves it.".to_owned(),
        "model_unpriced" => format!("The {scope} has a budget, and the model has no price."),
        "key_disabled" => "The key was disabled.".to_owned(),
        "key_expired" => "The key had expired.".to_owned(),
        "organization_suspended" => "The organisation was suspended.".to_owned(),
        "upstream_rate_limited" => "The provider throttled the account that all share.".to_owned(),
        "upstream_error" | "upstream_unreachable" | "upstream_invalid_response" => {
            "The provider failed.".to_owned()
        }
        _ => "The request itself was not accepted.".to_owned(),
    }
}

/// What must happen where no time can be told.
fn otherwise(code: &str) -> &'static str {
    match code {
        "concurrency_limit_exceeded" | "quota_held" => "When a running call ends",
        "rate_limit_exceeded" | "insufficient_quota" => "When the limit is raised",
        "model_not_found" => "When the key's models are edited",
        "model_unpriced" => "When the operator declares a price",
        "key_disabled" => "When the key is enabled",
        "key_expired" => "When its expiry is moved",
        "organization_suspended" => "When the operator resumes it",
        "upstream_rate_limited"
        | "upstream_error"
        | "upstream_unreachable"
        | "upstream_invalid_response" => "When the provider works again",
        _ => "When the request is corrected",
    }
}
