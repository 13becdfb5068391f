//! The gateway as its clients meet it.

mod calls;
