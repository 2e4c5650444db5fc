//! What a suite found, for people and for programs.

mod html;
mod table;

pub use html::page;
pub use table::{detail, table};
