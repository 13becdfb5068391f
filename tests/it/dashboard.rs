//! The dashboard.

mod gallery;
mod markup;
