//! Shapes that only the description of the interface needs.

use utoipa::ToSchema;

/// Bytes of a form that is drawn in docs/spec/coordinator.md.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)]
pub struct Octets(Vec<u8>);

impl std::fmt::Debug for Octets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Octets")
    }
}
