//! The one list of the dashboard's addresses: each as the router's pattern and as a function that
//! fills it in. `GET` shows what a path names; the same path with `POST` does it.

use std::fmt::Display;

macro_rules! paths {
    ($($(#[$doc:meta])* $pattern:ident $name:ident($($part:ident),*) = $path:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $pattern: &str = $path;
            $(#[$doc])*
            pub fn $name($($part: impl Display),*) -> String {
                format!($path)
            }
        )*

        #[cfg(test)]
        const ALL: &[&str] = &[$($path),*];
    };
}

paths! {
    /// An embedded file.
    ASSET asset(hash, name) = "/assets/{hash}/{name}";
    /// Leads to the overview of the viewer's first organisation.
    HOME home() = "/";
    /// The sign-in form.
    SIGN_IN sign_in() = "/sign-in";
    /// Ends the session.
    SIGN_OUT sign_out() = "/sign-out";
    /// Creates the first operator, from the link that `serve` printed.
    SET_UP set_up(token) = "/set-up/{token}";
    /// Signs in once, from a link.
    SIGN_IN_LINK sign_in_link(token) = "/sign-in/{token}";
    /// Joins an organisation.
    INVITATION invitation(token) = "/invitations/{token}";
    /// A new password, from a link.
    RESET reset(token) = "/reset/{token}";
    /// The viewer's own name, password and sessions.
    ACCOUNT account() = "/account";
    /// Changes the password.
    ACCOUNT_PASSWORD account_password() = "/account/password";
    /// Ends one of the viewer's sessions.
    SESSION_END session_end(session) = "/account/sessions/{session}/end";

    /// What an organisation did lately.
    OVERVIEW overview(org) = "/orgs/{org}";
    /// All keys.
    KEYS keys(org) = "/orgs/{org}/keys";
    /// Disables or deletes several keys.
    KEYS_BULK keys_bulk(org) = "/orgs/{org}/keys/bulk";
    /// The form that creates a key; its answer shows the secret, once.
    KEY_NEW key_new(org) = "/orgs/{org}/keys/new";
    /// A key's usage.
    KEY key(org, key) = "/orgs/{org}/keys/{key}";
    /// Where a key stands with its limits.
    KEY_LIMITS key_limits(org, key) = "/orgs/{org}/keys/{key}/limits";
    /// A key's calls.
    KEY_CALLS key_calls(org, key) = "/orgs/{org}/keys/{key}/calls";
    /// The calls of a key that were refused, and why.
    KEY_REFUSALS key_refusals(org, key) = "/orgs/{org}/keys/{key}/refusals";
    /// Edits a key.
    KEY_SETTINGS key_settings(org, key) = "/orgs/{org}/keys/{key}/settings";
    /// Stops a key.
    KEY_DISABLE key_disable(org, key) = "/orgs/{org}/keys/{key}/disable";
    /// Lets a key call again.
    KEY_ENABLE key_enable(org, key) = "/orgs/{org}/keys/{key}/enable";
    /// Gives a key a new secret; its answer shows it, once.
    KEY_ROTATE key_rotate(org, key) = "/orgs/{org}/keys/{key}/rotate";
    /// Deletes a key.
    KEY_DELETE key_delete(org, key) = "/orgs/{org}/keys/{key}/delete";
    /// Usage in any grouping.
    USAGE usage(org) = "/orgs/{org}/usage";
    /// All projects.
    PROJECTS projects(org) = "/orgs/{org}/projects";
    /// Creates a project.
    PROJECT_NEW project_new(org) = "/orgs/{org}/projects/new";
    /// Edits a project.
    PROJECT project(org, project) = "/orgs/{org}/projects/{project}";
    /// Deletes a project.
    PROJECT_DELETE project_delete(org, project) = "/orgs/{org}/projects/{project}/delete";
    /// All members and invitations.
    MEMBERS members(org) = "/orgs/{org}/members";
    /// Invites someone.
    MEMBER_INVITE member_invite(org) = "/orgs/{org}/members/invite";
    /// Gives a member another role.
    MEMBER member(org, user) = "/orgs/{org}/members/{user}";
    /// Removes a member.
    MEMBER_REMOVE member_remove(org, user) = "/orgs/{org}/members/{user}/remove";
    /// Withdraws an invitation.
    INVITATION_REVOKE invitation_revoke(org, invitation) = "/orgs/{org}/invitations/{invitation}/revoke";
    /// All management tokens.
    TOKENS tokens(org) = "/orgs/{org}/tokens";
    /// Creates a token; its answer shows it, once.
    TOKEN_NEW token_new(org) = "/orgs/{org}/tokens/new";
    /// Deletes a token.
    TOKEN_DELETE token_delete(org, token) = "/orgs/{org}/tokens/{token}/delete";
    /// Who changed what.
    AUDIT audit(org) = "/orgs/{org}/audit";
    /// An organisation's name and limits.
    SETTINGS settings(org) = "/orgs/{org}/settings";

    /// All organisations of the installation.
    OPERATOR_ORGS operator_orgs() = "/operator/orgs";
    /// Creates an organisation.
    OPERATOR_ORG_NEW operator_org_new() = "/operator/orgs/new";
    /// Edits an organisation's name and limits.
    OPERATOR_ORG operator_org(org) = "/operator/orgs/{org}";
    /// Stops all keys of an organisation.
    OPERATOR_ORG_SUSPEND operator_org_suspend(org) = "/operator/orgs/{org}/suspend";
    /// Lets them call again.
    OPERATOR_ORG_RESUME operator_org_resume(org) = "/operator/orgs/{org}/resume";
    /// Providers and models, with health.
    OPERATOR_PROVIDERS operator_providers() = "/operator/providers";
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;

    #[test]
    fn a_path_is_its_pattern_filled_in() {
        assert_eq!(key_rotate("o", 7), "/orgs/o/keys/7/rotate");
    }

    #[test]
    fn all_patterns_stand_beside_each_other_in_a_router() {
        let router: Router = ALL.iter().fold(Router::new(), |router, path| {
            router.route(path, get(|| async {}))
        });
        assert!(router.has_routes());
    }
}
