//! The parts that pages are made of. Each is plain data with a template of its own, and shows
//! itself when it stands in another template; one that refreshes by itself is also an answer.

mod chart;
mod conflict;
mod dialog;
mod empty;
mod field;
mod filters;
mod icon;
mod key_badge;
mod limit_fields;
mod model_picker;
mod pill;
mod quota_bar;
mod secret;
mod sparkline;
mod stat;
mod table;
mod time;
mod toast;

pub use chart::{Chart, ChartKind, Series};
pub use conflict::{Conflict, Difference};
pub use dialog::Dialog;
pub use empty::Empty;
pub use field::{Choice, Control, Field};
pub use filters::{Chip, Filters};
pub use icon::Icon;
pub use key_badge::KeyBadge;
pub use limit_fields::LimitFields;
pub use model_picker::{ModelChoice, ModelPicker};
pub use pill::{Pill, Tone};
pub use quota_bar::{QuotaBar, Unit};
pub use secret::{CopyField, Snippet};
pub use sparkline::Sparkline;
pub use stat::{Change, Stat, Told};
pub use table::{Column, Head, Order, Pager};
pub use time::{Time, TimeStyle};
pub use toast::Toast;

/// Their templates have escaped what is in them.
macro_rules! markup {
    ($($component:ty),* $(,)?) => {
        $(impl askama::filters::HtmlSafe for $component {})*
    };
}

markup!(
    Chart,
    Conflict,
    CopyField,
    Dialog,
    Empty,
    Field,
    Filters,
    Head,
    Icon,
    KeyBadge,
    LimitFields,
    ModelPicker,
    Pager,
    Pill,
    QuotaBar,
    Snippet,
    Sparkline,
    Stat,
    Time,
    Toast,
);
