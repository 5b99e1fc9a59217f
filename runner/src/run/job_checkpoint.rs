//! The checkpoint of an unfinished job, `NAME.checkpoint`. It is removed when the job is done.
//!
//! # Layout
//! The line `valleys checkpoint 1`; a line of JSON with texts, integers and the lengths of the slices; the f64 slices,
//! then the f32 slices, little endian; the BLAKE3 hash of all bytes before it. A file that does not have this form is
//! ignored, and the job starts from its beginning.

use serde::{Deserialize, Serialize};

/// The first line of the file.
const MAGIC: &[u8] = b"valleys checkpoint 1\n";

/// The state of a job as texts and slices of numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobCheckpoint {
    /// The inputs of the job's record as JSON. A checkpoint of other inputs is ignored.
    pub inputs: String,
    /// A text of the job: the name of its part, or a table.
    pub text: String,
    /// Integers, such as epoch and batch.
    pub integers: Vec<u64>,
    /// Slices of f64.
    pub doubles: Vec<Vec<f64>>,
    /// Slices of f32.
    pub floats: Vec<Vec<f32>>,
}

/// The line of JSON: everything but the slices, and their lengths.
#[derive(Serialize, Deserialize)]
struct Header {
    inputs: String,
    text: String,
    #[serde(rename = "place")]
    integers: Vec<u64>,
    doubles: Vec<u64>,
    floats: Vec<u64>,
}

impl JobCheckpoint {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let header = Header {
            inputs: self.inputs.clone(),
            text: self.text.clone(),
            integers: self.integers.clone(),
            doubles: self.doubles.iter().map(|x| x.len() as u64).collect(),
            floats: self.floats.iter().map(|x| x.len() as u64).collect(),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(serde_json::to_vec(&header).expect("strings and numbers are JSON"));
        bytes.push(b'\n');
        self.doubles.iter().flatten().for_each(|x| bytes.extend(x.to_le_bytes()));
        self.floats.iter().flatten().for_each(|x| bytes.extend(x.to_le_bytes()));
        bytes.extend(*blake3::hash(&bytes).as_bytes());
        bytes
    }

    /// Reads the bytes of a file. `None` if they are not exactly what [`encode`](Self::encode) returns.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (all, hash) = bytes.split_last_chunk::<32>()?;
        if blake3::hash(all) != *hash {
            return None;
        }
        let rest = all.strip_prefix(MAGIC)?;
        let end = rest.iter().position(|&b| b == b'\n')?;
        let header: Header = serde_json::from_slice(&rest[..end]).ok()?;
        let mut rest = &rest[end + 1..];
        let mut take = |count: u64, size: usize| {
            let len = usize::try_from(count).ok()?.checked_mul(size)?;
            let (part, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(part)
        };
        let doubles = header.doubles.iter().map(|&count| {
            Some(take(count, 8)?.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
        });
        let doubles = doubles.collect::<Option<_>>()?;
        let floats = header.floats.iter().map(|&count| {
            Some(take(count, 4)?.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        });
        let floats = floats.collect::<Option<_>>()?;
        rest.is_empty().then_some(Self {
            inputs: header.inputs,
            text: header.text,
            integers: header.integers,
            doubles,
            floats,
        })
    }
}
