//! Images in PNG and JPEG files, and their resized copies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valleys::data::{Picture, Pixels};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let start: &[u8] = if choice % 2 == 0 { b"\x89PNG\r\n\x1a\n" } else { b"\xff\xd8\xff" };
    // A header may promise millions of pixels: only small images are decoded here.
    let is_small = |picture: &Picture| picture.height * picture.width < 1 << 16;
    if let Ok(picture) = Picture::decode(&[start, rest].concat()) {
        let count = picture.height * picture.width * picture.channels;
        let len = match &picture.pixels {
            Pixels::Bytes(bytes) => bytes.len(),
            Pixels::Floats(floats) => floats.len(),
        };
        assert_eq!(len, count);
        if is_small(&picture) {
            let small = picture.resized(3, 1 + usize::from(choice));
            let Pixels::Floats(floats) = small.pixels else { panic!("floats expected") };
            assert_eq!(floats.len(), 3 * (1 + usize::from(choice)) * picture.channels);
            assert!(floats.iter().all(|x| (-0.001..=255.001).contains(x)));
        }
    }
});
