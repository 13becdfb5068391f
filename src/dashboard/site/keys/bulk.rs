//! What is done to several keys at once.

use uuid::Uuid;

use crate::api::ids::Ids;
use crate::dashboard::components::Dialog;
use crate::dashboard::format::counted;
use crate::dashboard::frame::Section;
use crate::dashboard::pages::ConfirmPage;
use crate::dashboard::paths;
use crate::dashboard::site::answer::{Answer, again, see_other, show};
use crate::dashboard::site::form::Form;
use crate::dashboard::site::query;
use crate::dashboard::site::visitor::Visitor;
use crate::domain::role::Role;
use crate::management::keys::BulkAction;
use crate::management::{Access, Problem};

/// Disables several keys at once; deletes them after a question.
pub(super) async fn bulk(visitor: Visitor, Ids(org): Ids<Uuid>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Member)?;
    let is_sure = visitor.query.get("sure").is_some();
    let ids: Vec<Uuid> = if is_sure {
        visitor
            .query
            .all("id")
            .filter_map(|id| id.parse().ok())
            .collect()
    } else {
        form.all("id").filter_map(|id| id.parse().ok()).collect()
    };
    let back = paths::keys(access.organisation());
    if ids.is_empty() {
        return Ok(see_other(&query::address(&back, [("done", "none")])));
    }
    let question = question(&visitor, &access, &ids);
    let action = match form.get("action") {
        _ if is_sure => BulkAction::Delete,
        Some("disable") => BulkAction::Disable,
        Some("delete") => return show(&question),
        _ => return Err(Problem::NotFound),
    };
    if is_sure && !question.dialog.is_confirmed(form.get("confirm")) {
        return again(&question);
    }
    visitor
        .management
        .change_keys(&access, action, &ids)
        .await?;
    let done = if is_sure { "deleted" } else { "disabled" };
    Ok(see_other(&query::address(&back, [("done", done)])))
}

fn question(visitor: &Visitor, access: &Access, ids: &[Uuid]) -> ConfirmPage {
    let organisation = access.organisation();
    let texts: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let named = texts.iter().map(|id| ("id", id.as_str()));
    let pairs = [("sure", "yes")].into_iter().chain(named);
    ConfirmPage {
        frame: visitor.frame("Delete keys", Section::Keys, access),
        dialog: Dialog {
            id: "delete",
            title: format!("Delete {}?", many(ids)),
            text: "All their secrets stop within a second, for good. Their usage stays in the reports."
                .to_owned(),
            action: query::address(&paths::keys_bulk(organisation), pairs),
            fields: Vec::new(),
            typed: Some(many(ids)),
            submit: "Delete for good",
            is_danger: true,
        },
        back: paths::keys(organisation),
    }
}

fn many(ids: &[Uuid]) -> String {
    counted(i64::try_from(ids.len()).unwrap_or(i64::MAX), "key", "keys")
}
