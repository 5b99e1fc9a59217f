//! Tests of the command line: they call the binary as a user does.

mod barcode;
mod binary;
mod certify;
mod crashes;
mod diagrams;
mod directory;
mod files;
mod gpu;
mod grid;
mod jobs;
mod networks;
mod own_data;
mod own_networks;
mod run;
mod run_directory;
mod weights;
mod workflows;
mod wrong_input;

// Shared with the tests of the libraries, which this package cannot depend on.
#[path = "../support/npy.rs"]
mod npy;
#[path = "../support/recorded.rs"]
mod recorded;
#[allow(dead_code, reason = "the command line needs a part of it")]
#[path = "../support/tolerance.rs"]
mod tolerance;
