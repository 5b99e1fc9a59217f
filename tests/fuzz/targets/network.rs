//! Lists of layers in TOML: networks that fit together, with a name for every tensor, or a sentence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use valleys::model::{Io, NetworkSpec};
use valleys_core::network::Shape;

fuzz_target!(|text: &str| {
    let Ok(table) = text.parse::<toml::Table>() else { return };
    let Ok(spec) = NetworkSpec::from_toml(&toml::Value::Table(table)) else { return };
    for input in [Shape { channels: 2, height: 9, width: 8 }, Shape::flat(5)] {
        let Ok(model) = spec.model(Io { input, outputs: 3 }) else { continue };
        let network = model.network();
        network.check().unwrap();
        assert_eq!((network.input, network.outputs()), (input, 3));
        let state = model.state();
        let mut names = HashSet::new();
        let mut end = 0;
        for tensor in &state.parameters {
            assert_eq!(tensor.range.start, end);
            assert_eq!(tensor.range.len(), tensor.shape.iter().product::<usize>());
            assert!(names.insert(tensor.name.as_str()), "{}", tensor.name);
            end = tensor.range.end;
        }
        assert_eq!(end, network.parameter_len());
        // The same again from what is written.
        let written = toml::to_string(&spec).unwrap();
        let again = NetworkSpec::from_toml(&toml::Value::Table(written.parse().unwrap())).unwrap();
        assert_eq!(again, spec);
    }
});
