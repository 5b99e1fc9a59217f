//! Configurations: one that is accepted is printed and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use valleys::config::Config;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("x");
    if let Ok(config) =
        std::str::from_utf8(bytes).map_err(drop).and_then(|t| Config::parse(path, t).map_err(drop))
    {
        assert_eq!(Config::parse(path, &config.to_toml()).unwrap(), config);
    }
});
