//! Clauses T-5 to T-7: where a cancel arrives.

mod arrival;
mod branches;
mod first_step;
mod requests;

use super::*;
