//! What a command prints: tables, Go templates, JSON, and the words for sizes and times.

pub(crate) mod human;
pub(crate) mod indent;
pub(crate) mod json;
pub(crate) mod natural;
pub(crate) mod outfile;
pub(crate) mod rows;
mod structures;
pub(crate) mod table;
pub(crate) mod template;
pub(crate) mod typed;
