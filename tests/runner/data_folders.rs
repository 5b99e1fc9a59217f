//! Data sets in folders as they are unpacked, and folders that cannot be used.

use super::data::{gzip, idx, records, small_fashion, wanted, word};
use std::path::Path;
use valleys::data::{LoadOptions, Subset, bounded, load};
use valleys::error::ErrorKind;

/// A folder of a small data set of the names of an unpacked one: which spelling, compressed or not.
fn write_idx(folder: &Path, spelling: &str, compressed: bool) {
    std::fs::create_dir_all(folder).unwrap();
    for (prefix, count) in [("train", 40), ("t10k", 20)] {
        let (images, labels) = idx(count);
        for (what, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
            let name = format!("{prefix}-{what}-ubyte").replace("-idx", spelling);
            let (name, bytes) = if compressed { (name + ".gz", gzip(&bytes)) } else { (name, bytes) };
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

#[test]
fn folders_as_they_are_unpacked() {
    for (set, inside, spelling, compressed) in [
        ("fashion-mnist", "", "-idx", false),
        ("fashion-mnist", "", ".idx", true),
        ("fashion-mnist", "fashion-mnist", ".idx", false),
        ("fashion-mnist", "FashionMNIST/raw", "-idx", true),
        ("fashion-mnist", "raw", "-idx", false),
        ("mnist", "", ".idx", false),
        ("mnist", "mnist", "-idx", true),
        ("mnist", "MNIST/raw", "-idx", false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write_idx(&dir.path().join(inside), spelling, compressed);
        let loaded = load(set, &wanted(Some(dir.path()))).unwrap();
        assert_eq!((loaded.data.train.len(), loaded.data.test.len()), (40, 20), "{set} in {inside}");
        let (mean, std) = if set == "mnist" { (0.1307, 0.3081) } else { (0.2860, 0.3530) };
        assert_eq!((&loaded.source.mean[..], &loaded.source.std[..]), (&[mean][..], &[std][..]));
        assert!(loaded.source.notes.is_empty());
    }
    for inside in ["", "cifar-10", "cifar-10-batches-bin", "cifar-10-batches-py"] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(inside);
        std::fs::create_dir_all(&folder).unwrap();
        for batch in 1..=5 {
            std::fs::write(folder.join(format!("data_batch_{batch}.bin")), records(10, batch)).unwrap();
        }
        std::fs::write(folder.join("test_batch.bin"), records(10, 6)).unwrap();
        let loaded = load("cifar-10", &wanted(Some(dir.path()))).unwrap();
        assert_eq!((loaded.data.train.len(), loaded.source.notes.len()), (50, 0), "{inside}");
    }
    // A link to the folder is the same folder.
    #[cfg(unix)]
    {
        let dir = tempfile::tempdir().unwrap();
        write_idx(&dir.path().join("MNIST/raw"), "-idx", false);
        std::os::unix::fs::symlink("MNIST/raw", dir.path().join("mnist")).unwrap();
        assert_eq!(load("mnist", &wanted(Some(dir.path()))).unwrap().data.train.len(), 40);
    }
}

fn refusal(set: &str, dir: &Path) -> String {
    let failure = load(set, &wanted(Some(dir))).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Data, "{failure}");
    assert_eq!(failure.message.lines().count(), 1, "{failure}");
    failure.message
}

fn contains_all(message: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(message.contains(word), "{word:?} in {message}"));
}

#[test]
fn folders_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let words = ["FashionMNIST/raw", "/fashion-mnist", "train-images-idx3-ubyte.gz", "--data DIR"];
    contains_all(&refusal("fashion-mnist", dir.path()), &words);
    contains_all(&refusal("mnist", &dir.path().join("nowhere")), &["nowhere does not exist", "--data DIR"]);
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    contains_all(&refusal("cifar-10", &file), &["file is not a folder"]);
    // Files that could be of either data set.
    write_idx(dir.path(), "-idx", false);
    write_idx(&dir.path().join("FashionMNIST/raw"), "-idx", false);
    contains_all(
        &refusal("fashion-mnist", dir.path()),
        &["both", "FashionMNIST/raw have files of fashion-mnist"],
    );
    // The official labels of another data set.
    let dir = small_fashion();
    let mut labels: Vec<u8> = [2049, 40].into_iter().flat_map(word).collect();
    labels.extend((0..40).map(|i| [5, 0, 4, 1, 9, 2, 1, 3, 1, 4].get(i).copied().unwrap_or(7)));
    std::fs::write(dir.path().join("train-labels-idx1-ubyte.gz"), gzip(&labels)).unwrap();
    contains_all(&refusal("fashion-mnist", dir.path()), &["are those of mnist, not of fashion-mnist"]);
    assert_eq!(load("mnist", &wanted(Some(dir.path()))).unwrap().data.train.targets.labels().unwrap()[4], 9);
    std::fs::remove_file(dir.path().join("t10k-images-idx3-ubyte.gz")).unwrap();
    let words =
        ["t10k-images-idx3-ubyte or t10k-images-idx3-ubyte.gz or t10k-images.idx3-ubyte", "expected in"];
    contains_all(&refusal("mnist", dir.path()), &words);
}

#[test]
fn versions_of_cifar_that_cannot_be_read_are_named_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("cifar-10-binary.tar.gz");
    std::fs::write(&archive, b"").unwrap();
    contains_all(&refusal("cifar-10", dir.path()), &["not unpacked: tar -xzf", "cifar-10-binary.tar.gz -C"]);
    let folder = dir.path().join("cifar-10-batches-py");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("data_batch_1"), b"\x80\x04").unwrap();
    let message = refusal("cifar-10", dir.path());
    contains_all(
        &message,
        &["cifar-10-batches-py/data_batch_1: a pickle", "cifar-10-binary.tar.gz", "python3 -c"],
    );
}

#[test]
fn missing_batches_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let batch = |number: u64| dir.path().join(format!("data_batch_{number}.bin"));
    for number in [1, 2, 4] {
        std::fs::write(batch(number), records(10, number)).unwrap();
    }
    std::fs::write(dir.path().join("test_batch.bin"), records(10, 6)).unwrap();
    let notes = || load("cifar-10", &wanted(Some(dir.path()))).unwrap().source.notes;
    assert_eq!(notes(), ["data_batch_3.bin and data_batch_5.bin are missing; 3 of 5 batches are used"]);
    std::fs::write(batch(5), records(10, 5)).unwrap();
    assert_eq!(notes(), ["data_batch_3.bin is missing; 4 of 5 batches are used"]);
    // They are not missed where they are not needed.
    let test = LoadOptions { train: Subset::Nothing, ..wanted(Some(dir.path())) };
    assert!(load("cifar-10", &test).unwrap().source.notes.is_empty());
}

/// Compressed files put one behind the other are one file, as for gzip.
#[test]
fn all_members_of_a_compressed_file_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let batches = [records(30, 1), records(20, 2), records(1, 3)];
    let joined: Vec<u8> = batches.iter().flat_map(|batch| gzip(batch)).collect();
    std::fs::write(dir.path().join("data_batch_1.bin.gz"), &joined).unwrap();
    std::fs::write(dir.path().join("test_batch.bin"), records(10, 6)).unwrap();
    assert_eq!(load("cifar-10", &wanted(Some(dir.path()))).unwrap().data.train.len(), 51);
    let path = Path::new("x.gz");
    assert_eq!(bounded(path, joined.as_slice()).unwrap(), batches.concat());
    for behind in [&b"other"[..], &[0; 4], &[0x1f]] {
        let failure = bounded(path, [&joined[..], behind].concat().as_slice()).unwrap_err();
        let words = format!("x.gz: offset {}: the end of the file or another gzip member", joined.len());
        contains_all(&failure.message, &[&words, "found other bytes"]);
    }
    let cut = bounded(path, &joined[..joined.len() - 9]).unwrap_err();
    contains_all(&cut.message, &["content offset", "gzip data expected"]);
}
