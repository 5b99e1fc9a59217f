//! placeholder
use crate::weights::Weights;
/// x
pub fn page(_: &[Weights], _: bool) -> anyhow::Result<String> {
    Ok(String::new())
}
