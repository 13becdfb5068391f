//! What stands around every page: where the viewer is, where he may go, and who he is.

use crate::dashboard::components::Toast;
use crate::dashboard::paths;
use crate::domain::tenant::OrganisationId;

/// The frame of a page of a signed-in viewer.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The page's name.
    pub title: String,
    /// What it belongs to.
    pub section: Section,
    /// Who looks at it.
    pub viewer: Viewer,
    /// What just happened.
    pub toasts: Vec<Toast>,
    /// Something on it is drawn.
    pub has_chart: bool,
}

/// Who looks.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// As he calls himself.
    pub name: String,
    /// As he signs in.
    pub email: String,
    /// He runs the installation.
    pub is_operator: bool,
    /// Where he is; `None` on pages that belong to no organisation.
    pub organisation: Option<Membership>,
    /// Where he may go.
    pub organisations: Vec<Membership>,
}

/// An organisation and what the viewer may do there.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The organisation.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// What he is there, such as `owner`.
    pub role: &'static str,
    /// Members, tokens and the audit log are his matter.
    pub is_admin: bool,
}

/// A part of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are what the pages are called")]
pub enum Section {
    Overview,
    Keys,
    Usage,
    Projects,
    Members,
    Tokens,
    Audit,
    Settings,
    Organisations,
    Providers,
    Account,
}

/// One way through the dashboard.
pub(super) struct Way {
    section: Section,
    pub(super) name: &'static str,
    pub(super) icon: &'static str,
    pub(super) address: String,
}

impl Frame {
    /// The frame of a page without toasts or charts.
    pub fn new(title: impl Into<String>, section: Section, viewer: Viewer) -> Self {
        Self {
            title: title.into(),
            section,
            viewer,
            toasts: Vec::new(),
            has_chart: false,
        }
    }

    /// With something drawn.
    #[must_use]
    pub fn with_chart(mut self) -> Self {
        self.has_chart = true;
        self
    }

    /// Saying what just happened.
    #[must_use]
    pub fn saying(mut self, toast: Toast) -> Self {
        self.toasts.push(toast);
        self
    }

    /// Where the viewer may go in his organisation.
    pub(super) fn ways(&self) -> Vec<Way> {
        self.viewer
            .organisation
            .as_ref()
            .map(Membership::ways)
            .unwrap_or_default()
    }

    /// Where the operator may go.
    pub(super) fn operator_ways(&self) -> Vec<Way> {
        if !self.viewer.is_operator {
            return Vec::new();
        }
        let way = |section, name, icon, address| Way {
            section,
            name,
            icon,
            address,
        };
        vec![
            way(
                Section::Organisations,
                "Organisations",
                "building-2",
                paths::operator_orgs(),
            ),
            way(
                Section::Providers,
                "Providers",
                "server",
                paths::operator_providers(),
            ),
        ]
    }

    /// What the switcher says.
    pub(super) fn place(&self) -> &str {
        let organisation = self.viewer.organisation.as_ref();
        let elsewhere = if self.viewer.is_operator {
            "Installation"
        } else {
            "Organisations"
        };
        organisation.map_or(elsewhere, |organisation| organisation.name.as_str())
    }

    pub(super) fn place_letter(&self) -> String {
        let letters = self
            .place()
            .chars()
            .filter(|letter| letter.is_alphanumeric());
        letters.take(1).collect::<String>().to_uppercase()
    }

    pub(super) fn is_here(&self, way: &Way) -> bool {
        way.section == self.section
    }
}

impl Viewer {
    /// Two letters at most, for the account's badge.
    pub(super) fn initials(&self) -> String {
        let words = self
            .name
            .split_whitespace()
            .filter_map(|word| word.chars().next());
        words
            .filter(|letter| letter.is_alphanumeric())
            .take(2)
            .collect::<String>()
            .to_uppercase()
    }

    /// No page but his own account is his.
    pub(super) fn is_nowhere(&self) -> bool {
        self.organisations.is_empty() && !self.is_operator
    }

    pub(super) fn is_in(&self, organisation: &Membership) -> bool {
        self.organisation
            .as_ref()
            .is_some_and(|here| here.id == organisation.id)
    }
}

impl Membership {
    fn ways(&self) -> Vec<Way> {
        let id = self.id;
        let way = |section, name, icon, address| Way {
            section,
            name,
            icon,
            address,
        };
        let mut ways = vec![
            way(
                Section::Overview,
                "Overview",
                "layout-dashboard",
                paths::overview(id),
            ),
            way(Section::Keys, "Keys", "key-round", paths::keys(id)),
            way(Section::Usage, "Usage", "chart-column", paths::usage(id)),
            way(Section::Projects, "Projects", "folder", paths::projects(id)),
        ];
        if self.is_admin {
            ways.push(way(
                Section::Members,
                "Members",
                "users",
                paths::members(id),
            ));
            ways.push(way(
                Section::Tokens,
                "Tokens",
                "terminal",
                paths::tokens(id),
            ));
            ways.push(way(
                Section::Audit,
                "Audit",
                "scroll-text",
                paths::audit(id),
            ));
        }
        ways.push(way(
            Section::Settings,
            "Settings",
            "settings",
            paths::settings(id),
        ));
        ways
    }
}
