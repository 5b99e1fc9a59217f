//! What a job that is not yet done keeps: `NAME.checkpoint`, replaced by a rename, gone when the job is done.
//!
//! A line that says what it is, a line of JSON with the lengths, the numbers (little endian), the hash of all that. The
//! file is of use to nobody but the job: one that is not right is ignored, and the job begins anew.

use serde::{Deserialize, Serialize};

/// The first line.
const MAGIC: &[u8] = b"valleys checkpoint 1\n";

/// Where a job is, in whole numbers, in f64 and in f32.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobCheckpoint {
    /// What the job was made from: the record's inputs. A checkpoint of other inputs is none.
    pub inputs: String,
    /// Words of the job.
    pub text: String,
    /// Whole numbers.
    pub integers: Vec<u64>,
    /// Slices of numbers.
    pub doubles: Vec<Vec<f64>>,
    /// Slices of numbers.
    pub floats: Vec<Vec<f32>>,
}

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
        bytes.extend(serde_json::to_vec(&header).expect("words and numbers are JSON"));
        bytes.push(b'\n');
        self.doubles.iter().flatten().for_each(|x| bytes.extend(x.to_le_bytes()));
        self.floats.iter().flatten().for_each(|x| bytes.extend(x.to_le_bytes()));
        bytes.extend(*blake3::hash(&bytes).as_bytes());
        bytes
    }

    /// What a file holds; none where it is not exactly what [`encode`](Self::encode) gives.
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
