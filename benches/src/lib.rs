//! Placeholder while the benches are written.
