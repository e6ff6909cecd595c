//! Tests of live.
