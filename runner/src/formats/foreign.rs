//! What a file of another format is, by its first bytes, and what to do with it.

/// Files that always begin with the same bytes, which no other of these begins with.
const FIRST_BYTES: [(&[u8], &str); 17] = [
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file; an array of it, in Python: numpy.save(\"x.npy\", h5py.File(FILE)[\"NAME\"][:]); a model of Keras: \
         model = keras.models.load_model(FILE); \
         safetensors.numpy.save_file({w.path: w.numpy() for w in model.weights}, \"model.safetensors\")",
    ),
    (
        b"GGUF",
        "a GGUF file of llama.cpp, with quantised weights: take the safetensors files it was converted from",
    ),
    (
        b"\x93NUMPY",
        "a NumPy array (.npy); as a checkpoint, in Python: safetensors.numpy.save_file({\"weight\": numpy.load(FILE)}, \
         \"model.safetensors\")",
    ),
    (b"PAR1", "a Parquet file; in Python: pandas.read_parquet(FILE).to_csv(\"table.csv\", index=False)"),
    (
        b"ARROW1\0\0",
        "a Feather file; in Python: pandas.read_feather(FILE).to_csv(\"table.csv\", index=False)",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel workbook or another file of Office; save the table as CSV",
    ),
    (
        b"MATLAB 5.0 MAT-file",
        "a MATLAB file; in Python: numpy.save(\"x.npy\", scipy.io.loadmat(FILE)[\"NAME\"])",
    ),
    (b"%PDF-", "a PDF document: save the table as CSV"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: decompress it with `zstd -d`"),
    (b"\xfd7zXZ\0", "compressed by xz: decompress it with `xz -d`"),
    (b"\x1f\x8b", "compressed by gzip: decompress it with `gzip -d`"),
    (
        b"\x89PNG\r\n\x1a\n",
        "a PNG image; in Python: numpy.save(\"image.npy\", numpy.asarray(PIL.Image.open(FILE)))",
    ),
    (
        b"\xff\xd8\xff",
        "a JPEG image; in Python: numpy.save(\"image.npy\", numpy.asarray(PIL.Image.open(FILE)))",
    ),
    (
        b"SQLite format 3\0",
        "an SQLite database: export the table, `sqlite3 -header -csv FILE 'SELECT * FROM TABLE' > table.csv`",
    ),
    (b"RDX2\n", "a file of R; in R: write.csv(readRDS(FILE), \"table.csv\")"),
    (b"RDX3\n", "a file of R; in R: write.csv(readRDS(FILE), \"table.csv\")"),
    (b"X\n\0\0\0", "a file of R; in R: write.csv(readRDS(FILE), \"table.csv\")"),
];

/// What a file is that starts with these bytes (a few hundred are enough), and the next step. None if it is not known.
///
/// The sentence has no full stop, and goes after the name of the file: "a Git LFS pointer, not the file itself: run `git
/// lfs pull`".
pub fn foreign(start: &[u8]) -> Option<String> {
    let text = start.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let begins =
        |word: &str| text.get(..word.len()).is_some_and(|first| first.eq_ignore_ascii_case(word.as_bytes()));
    let what = if begins("version https://git-lfs.github.com/spec/") {
        "a Git LFS pointer, not the file itself: run `git lfs pull`, or download the file"
    } else if begins("<!DOCTYPE html") || begins("<html") {
        "an HTML page, not the file itself: the download answered with a page (a login, an error); download it again"
    } else if start.starts_with(b"PK\x03\x04") {
        return Some(zip(start));
    } else if is_pickle(start) {
        return Some(pickle(start));
    } else if let Some((_, what)) = FIRST_BYTES.iter().find(|(bytes, _)| start.starts_with(bytes)) {
        what
    } else if start.starts_with(b"BZh") && start.get(4..10) == Some(b"1AY&SY") {
        "compressed by bzip2: decompress it with `bzip2 -d`"
    } else if is_tensorflow(start) {
        "a TensorFlow checkpoint; in Python: r = tensorflow.train.load_checkpoint(PREFIX); \
         safetensors.numpy.save_file({n: r.get_tensor(n) for n in r.get_variable_to_shape_map()}, \"model.safetensors\")"
    } else if is_onnx(start) {
        "an ONNX model; in Python: safetensors.numpy.save_file({w.name: onnx.numpy_helper.to_array(w) for w in \
         onnx.load(FILE).graph.initializer}, \"model.safetensors\")"
    } else {
        return None;
    };
    Some(what.to_owned())
}

/// How the tensors of PyTorch become safetensors.
const SAVE: &str =
    "safetensors.torch.save_file({k: v.contiguous() for k, v in state.items()}, \"model.safetensors\")";

/// A file of PyTorch, and two lines of Python that convert it.
fn torch(what: &str) -> String {
    format!(
        "a file of PyTorch{what}; in Python: \
         state = torch.load(FILE, map_location=\"cpu\", weights_only=True); {SAVE}"
    )
}

/// An archive: the names of its first members tell whose.
fn zip(start: &[u8]) -> String {
    // The name of the first member: its length is at byte 26, the name at byte 30.
    let len = start.get(26..28).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let first = start.get(30..30 + len).map(String::from_utf8_lossy).unwrap_or_default();
    let keras = ["metadata.json", "config.json", "model.weights.h5"];
    if first.ends_with("/data.pkl") || first.ends_with("/.format_version") || first.ends_with("/byteorder") {
        torch(" (torch.save)")
    } else if ["/data/0", "/constants.pkl"].iter().any(|end| first.ends_with(end)) || first.contains("/code/")
    {
        format!(
            "a TorchScript module of PyTorch; in Python: state = torch.jit.load(FILE).state_dict(); {SAVE}"
        )
    } else if first == "[Content_Types].xml" || first.starts_with("xl/") {
        "an Excel workbook; save it as CSV, or in Python: pandas.read_excel(FILE).to_csv(\"table.csv\", index=False)"
            .to_owned()
    } else if first.ends_with(".npy") {
        "an archive of NumPy arrays (.npz); as a checkpoint, in Python: \
         safetensors.numpy.save_file(dict(numpy.load(FILE)), \"model.safetensors\")"
            .to_owned()
    } else if keras.contains(&first.as_ref()) {
        "a model of Keras (.keras); in Python: model = keras.models.load_model(FILE); \
         safetensors.numpy.save_file({w.path: w.numpy() for w in model.weights}, \"model.safetensors\")"
            .to_owned()
    } else {
        "a ZIP archive: unpack it with `unzip`".to_owned()
    }
}

/// A pickle of protocol 2 to 5, and what usually comes after the protocol: not the zeros of a length.
fn is_pickle(start: &[u8]) -> bool {
    matches!(start, [0x80, 2..=5, opcode, ..] if b"\x8a\x95}]cNKMJGXU(".contains(opcode))
}

/// A pickle: the magic number of the old format of PyTorch, a batch of CIFAR, or anything.
fn pickle(start: &[u8]) -> String {
    let has = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
    if start.get(2..).is_some_and(|rest| rest.starts_with(b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19")) {
        torch(" in its old format (torch.save)")
    } else if has(b"batch_label") || has(b"fine_labels") || has(b"num_cases_per_batch") {
        "a pickle of the Python version of CIFAR: take the binary version (cifar-10-binary.tar.gz)".to_owned()
    } else {
        "a pickle of Python, which may run any code when it is loaded; in Python, if you trust it: \
         pickle.load(open(FILE, \"rb\")), then safetensors.numpy.save_file or numpy.save"
            .to_owned()
    }
}

/// The index of a checkpoint is a table of LevelDB that starts with an empty key and a short header; its old form and
/// the list of checkpoints are text.
fn is_tensorflow(start: &[u8]) -> bool {
    start.starts_with(b"model_checkpoint_path:")
        || start.starts_with(b"\x00\x00")
            && matches!(start.get(2..5), Some([len, 0x08, 1..=127]) if (2..=32).contains(len))
}

/// A protobuf whose first field is the version of the format (1 to 20), and whose second is text or the graph.
fn is_onnx(start: &[u8]) -> bool {
    matches!(start, [0x08, 1..=20, field, ..] if matches!(field, 0x12 | 0x1a | 0x3a | 0x42))
}
