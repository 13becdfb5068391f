//! The dashboard.

mod gallery;
mod markup;
mod site;
