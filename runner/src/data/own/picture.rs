//! Images in PNG and JPEG files.

use crate::formats::foreign::foreign;
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The first bytes of a PNG file.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Most pixels of a side.
const MOST_SIDE: usize = 16_384;

/// Most bytes of a decoded image.
const MOST_BYTES: usize = 1 << 30;

/// A decoded image, row by row, the channels of a pixel beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1, grey, or 3, colour.
    pub channels: usize,
    /// From 0 to 255.
    pub pixels: Pixels,
    /// Whether there was transparency, which was dropped.
    pub alpha: bool,
}

/// The numbers of an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 8 bits.
    Bytes(Vec<u8>),
    /// 16 bits divided by 257, or resized.
    Floats(Vec<f32>),
}

impl Pixels {
    /// The number at a place.
    pub fn get(&self, i: usize) -> f32 {
        match self {
            Self::Bytes(bytes) => bytes[i].into(),
            Self::Floats(floats) => floats[i],
        }
    }
}

impl Picture {
    /// Decodes a file by its first bytes, whatever its name. Palettes become colours, transparency is dropped.
    ///
    /// # Errors
    /// It is neither PNG nor JPEG, damaged, cut off, or too large.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            Err("the file is empty".to_owned())
        } else if bytes.starts_with(SIGNATURE) {
            png(bytes).map_err(|e| format!("a damaged PNG image: {}", one_line(&e)))
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            jpeg(bytes).map_err(|e| format!("a damaged JPEG image: {}", one_line(&e)))
        } else {
            let what = foreign(&bytes[..bytes.len().min(4096)]);
            Err(what.unwrap_or_else(|| "neither a PNG nor a JPEG image, by its first bytes".to_owned()))
        }
    }
}

/// Rows and columns of an image, from its header; none where it cannot be read.
pub(super) fn size_of(bytes: &[u8]) -> Option<[usize; 2]> {
    if bytes.starts_with(SIGNATURE) {
        let side = |from: usize| {
            let field = bytes.get(from..from + 4)?;
            Some(u32::from_be_bytes(field.try_into().expect("four bytes")) as usize)
        };
        return Some([side(20)?, side(16)?]);
    }
    let mut decoder = JpegDecoder::new(Cursor::new(bytes));
    decoder.decode_headers().ok()?;
    let info = decoder.info()?;
    Some([info.height.into(), info.width.into()])
}

/// A message without line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn png(bytes: &[u8]) -> Result<Picture, String> {
    let limits = png::Limits { bytes: MOST_BYTES };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let (height, width) = (reader.info().height as usize, reader.info().width as usize);
    check_size(height, width)?;
    if let Some(palette) = reader.info().palette.as_ref().filter(|palette| palette.len() % 3 != 0) {
        // The decoder panics.
        return Err(format!("a palette of {} bytes, which are no colours of 3", palette.len()));
    }
    let size = reader.output_buffer_size().filter(|&size| size <= MOST_BYTES).ok_or("too large")?;
    let mut out = vec![0; size];
    let info = reader.next_frame(&mut out).map_err(|e| e.to_string())?;
    out.truncate(info.buffer_size());
    let (channels, alpha) = match info.color_type {
        png::ColorType::Grayscale => (1, false),
        png::ColorType::GrayscaleAlpha => (1, true),
        png::ColorType::Rgb => (3, false),
        png::ColorType::Rgba => (3, true),
        png::ColorType::Indexed => return Err("a palette that is not there".to_owned()),
    };
    let stride = channels + usize::from(alpha);
    let pixels = if info.bit_depth == png::BitDepth::Sixteen {
        let deep = out.as_chunks::<2>().0.chunks_exact(stride).flat_map(|pixel| &pixel[..channels]);
        Pixels::Floats(deep.map(|&x| f32::from(u16::from_be_bytes(x)) / 257.0).collect())
    } else if alpha {
        Pixels::Bytes(out.chunks_exact(stride).flat_map(|pixel| &pixel[..channels]).copied().collect())
    } else {
        Pixels::Bytes(out)
    };
    Ok(Picture { height, width, channels, pixels, alpha })
}

fn jpeg(bytes: &[u8]) -> Result<Picture, String> {
    // Strict: what is cut off is an error, not grey.
    let options =
        DecoderOptions::default().set_strict_mode(true).set_max_width(MOST_SIDE).set_max_height(MOST_SIDE);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| e.to_string())?;
    let info = decoder.info().ok_or("without a header")?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    check_size(height, width)?;
    let channels = if info.components == 1 { 1 } else { 3 };
    let space = if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let pixels = decoder.decode().map_err(|e| e.to_string())?;
    if pixels.len() != height * width * channels {
        return Err(format!("{} bytes for {height} x {width} pixels", pixels.len()));
    }
    Ok(Picture { height, width, channels, pixels: Pixels::Bytes(pixels), alpha: false })
}

fn check_size(height: usize, width: usize) -> Result<(), String> {
    match [height, width].iter().all(|side| (1..=MOST_SIDE).contains(side)) {
        true => Ok(()),
        false => Err(format!("{height} x {width} pixels, but each side must be 1 to {MOST_SIDE}")),
    }
}
