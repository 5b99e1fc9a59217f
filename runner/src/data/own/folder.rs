//! A folder of images, a folder for each class.

use super::frame::{Column, Gathered, Inputs, Parts, Places, Values, check_memory, data_error, key_error};
use super::picture::{self, Picture};
use super::read::{Told, no_column};
use super::roles::list;
use crate::config::Data;
use crate::error::Result;
use crate::memory;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use valleys_core::network::Shape;

/// Names of images that are read.
const READ: [&str; 4] = ["png", "jpg", "jpeg", "jpe"];

/// Names of images that are not.
const OTHERS: [&str; 10] = ["gif", "bmp", "tif", "tiff", "webp", "ppm", "pgm", "pnm", "heic", "avif"];

/// Folders in folders that are gone through.
const DEEPEST: usize = 16;

/// Files and folders of a folder, sorted by name, hidden ones left out.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let wrong = |e: std::io::Error| data_error(format!("cannot list {}: {e}", folder.display()));
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            all.push(path);
        }
    }
    all.sort();
    Ok(all.into_iter().partition(|path| !path.is_dir()))
}

/// The images of one part.
struct Part {
    /// Names of the classes with their images.
    classes: Vec<(String, Vec<PathBuf>)>,
    /// Other files.
    others: Vec<PathBuf>,
}

impl Part {
    fn find(folder: &Path) -> Result<Self> {
        let (files, folders) = entries(folder)?;
        let mut part = Self { classes: Vec::new(), others: files };
        for class in folders {
            let mut images = Vec::new();
            collect(&class, &mut images, &mut part.others, 0)?;
            let name = class.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if images.is_empty() {
                return Err(data_error(format!(
                    "{}: no PNG or JPEG image is in the folder of this class",
                    class.display()
                )));
            }
            part.classes.push((name, images));
        }
        if let Some(image) = part.others.iter().find(|path| path.parent() == Some(folder) && has(path, &READ))
        {
            let what =
                format!("{}: an image beside the folders of the classes, in none of them", image.display());
            return Err(data_error(what));
        }
        Ok(part)
    }

    fn len(&self) -> usize {
        self.classes.iter().map(|(_, images)| images.len()).sum()
    }
}

/// Whether a file has the name of an image.
pub(super) fn is_image(path: &Path) -> bool {
    has(path, &READ) || has(path, &OTHERS)
}

fn has(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// The images of a class, also in folders inside its own.
fn collect(folder: &Path, images: &mut Vec<PathBuf>, others: &mut Vec<PathBuf>, depth: usize) -> Result<()> {
    if depth > DEEPEST {
        return Err(data_error(format!("{}: more than {DEEPEST} folders in each other", folder.display())));
    }
    let (files, folders) = entries(folder)?;
    for file in files {
        if has(&file, &READ) {
            images.push(file);
        } else if has(&file, &OTHERS) {
            let what =
                "an image that is neither PNG nor JPEG; ImageMagick converts it: `mogrify -format png FILE`";
            return Err(data_error(format!("{}: {what}", file.display())));
        } else {
            others.push(file);
        }
    }
    folders.iter().try_for_each(|folder| collect(folder, images, others, depth + 1))
}

/// Reads `train/CLASS/*.png` and `test/CLASS/*.png`, or `CLASS/*.png`.
pub(super) fn read(root: &Path, keys: &Data, told: &mut Told) -> Result<Gathered> {
    let shown = root.display().to_string();
    let (files, folders) = entries(root)?;
    let inner = |names: &[&str]| {
        let is = |path: &&PathBuf, name: &str| {
            path.file_name().is_some_and(|n| n.to_string_lossy().to_lowercase() == name)
        };
        names.iter().find_map(|name| folders.iter().find(|path| is(path, name)))
    };
    if folders.is_empty() {
        let what = if files.is_empty() {
            "an empty folder"
        } else {
            "a folder without folders; images are read from one for each class: CLASS/*.png, or train/CLASS/*.png"
        };
        return Err(data_error(format!("{shown}: {what}")));
    }
    let (train, test) =
        (inner(&["train", "training"]), inner(&["test", "testing", "val", "valid", "validation"]));
    let (train, test) = match (train, test) {
        (Some(train), test) => {
            let taken = |path: &&PathBuf| *path == train || Some(*path) == test;
            let unused: Vec<String> =
                folders.iter().filter(|path| !taken(path)).map(|path| path.display().to_string()).collect();
            if !unused.is_empty() {
                told.notes
                    .push(format!("folders that are not used: {}", list(unused.iter().map(String::as_str))));
            }
            (Part::find(train)?, test.map(|test| Part::find(test)).transpose()?)
        }
        (None, _) => (Part::find(root)?, None),
    };
    for part in [Some(&train), test.as_ref()].into_iter().flatten() {
        if part.classes.is_empty() {
            return Err(data_error(format!("{shown}: no folders of classes")));
        }
    }
    let others: Vec<&PathBuf> =
        train.others.iter().chain(test.iter().flat_map(|test| &test.others)).collect();
    if let Some(first) = others.first() {
        told.told.push(format!(
            "{} files are no images and are left out, such as {}",
            others.len(),
            first.display()
        ));
    }
    let parts = match &test {
        None => {
            no_column(keys, "folders of images")?;
            Parts::Unknown
        }
        Some(_) if keys.split.is_some() || keys.split_seed.is_some() => {
            return Err(key_error(format!("data.split: {shown} has folders of both parts")));
        }
        Some(test) => {
            let count = train.len();
            let is_test = (0..count + test.len()).map(|i| i >= count).collect();
            Parts::Known { is_test, by: "folders".to_owned() }
        }
    };
    let (mut codes, mut texts, mut paths) = (Vec::new(), Vec::<String>::new(), Vec::new());
    for (name, images) in train.classes.into_iter().chain(test.into_iter().flat_map(|test| test.classes)) {
        let code = texts.iter().position(|text| *text == name).unwrap_or_else(|| {
            texts.push(name);
            texts.len() - 1
        });
        codes.resize(codes.len() + images.len(), code as u32);
        paths.extend(images);
    }
    let (shape, pixels, hash) = pictures(&paths, keys, told)?;
    told.files.push((format!("{shown} ({} images)", paths.len()), hash));
    let rows = paths.len();
    let targets = vec![Column::new("class", Values::Texts { codes, texts })];
    let inputs = Inputs::Images { shape, pixels, scale: 255.0 };
    let places = Places::new(shown, rows, Vec::new());
    Ok(Gathered { inputs, targets, parts, places, rows, columns: shape.len() })
}

/// Decodes all images: their shape, their pixels, and a hash of all files.
fn pictures(paths: &[PathBuf], keys: &Data, told: &mut Told) -> Result<(Shape, Vec<f32>, String)> {
    let size = keys.size.map(|size| size.map(|side| side as usize));
    let one = |path: &PathBuf, expected: Option<[usize; 2]>| -> Result<(Picture, blake3::Hash, [usize; 2])> {
        let wrong = |what: String| data_error(format!("{}: {what}", path.display()));
        let bytes =
            std::fs::read(path).map_err(|e| data_error(format!("cannot read {}: {e}", path.display())))?;
        let check_size = |[other_height, other_width]: [usize; 2]| match expected {
            Some([height, width]) if size.is_none() && [height, width] != [other_height, other_width] => {
                Err(data_error(format!(
                    "{} has {height} x {width} pixels, and {} has {other_height} x {other_width}; data.size = \
                     [HEIGHT, WIDTH] resizes all",
                    paths[0].display(),
                    path.display()
                )))
            }
            _ => Ok(()),
        };
        // Before it is decoded: it may be large.
        picture::size_of(&bytes).map_or(Ok(()), check_size)?;
        let picture = Picture::decode(&bytes).map_err(wrong)?;
        let own = [picture.height, picture.width];
        check_size(own)?;
        let picture = match size {
            Some([height, width]) if own != [height, width] => picture.resized(height, width),
            _ => picture,
        };
        Ok((picture, blake3::hash(&bytes), own))
    };
    let (first, _, _) = one(&paths[0], None)?;
    let (height, width) = (first.height, first.width);
    // The images as they are decoded, and together: bytes first, then floats.
    let bytes = paths.len().saturating_mul(first.channels * height * width * 5);
    let what = format_args!("{} images of {height} x {width} pixels", paths.len());
    check_memory(what, bytes, memory::available())?;
    let all: Vec<Result<_>> = paths.par_iter().map(|path| one(path, Some([height, width]))).collect();
    // The first that is wrong, whichever thread was faster.
    let all: Vec<(Picture, blake3::Hash, [usize; 2])> = all.into_iter().collect::<Result<_>>()?;
    let mut hasher = blake3::Hasher::new();
    all.iter().for_each(|(_, hash, _)| _ = hasher.update(hash.as_bytes()));
    let count = |is: &dyn Fn(&Picture, &[usize; 2]) -> bool| {
        all.iter().filter(|(picture, _, own)| is(picture, own)).count()
    };
    let grey = count(&|picture, _| picture.channels == 1);
    let channels = if grey == all.len() { 1 } else { 3 };
    let alpha = count(&|picture, _| picture.alpha);
    let resized = count(&|_, own| *own != [height, width]);
    if resized > 0 {
        told.told.push(format!(
            "{resized} of {} images are resized to {height} x {width} (bilinear, antialiased)",
            all.len()
        ));
    }
    if grey > 0 && channels == 3 {
        told.told.push(format!("{grey} of {} images are grey, and taken as colour", all.len()));
    }
    if alpha > 0 {
        told.told.push(format!("{alpha} of {} images have transparency, which is dropped", all.len()));
    }
    let area = height * width;
    let mut pixels = Vec::with_capacity(all.len() * channels * area);
    for (picture, ..) in all {
        for channel in 0..channels {
            // Grey is the same in all channels.
            let channel = channel.min(picture.channels - 1);
            pixels.extend((0..area).map(|i| picture.pixels.get(i * picture.channels + channel)));
        }
    }
    let shape = Shape { channels, height, width };
    told.told.push(format!("{} images of {shape}", paths.len()));
    Ok((shape, pixels, hasher.finalize().to_hex().to_string()))
}
