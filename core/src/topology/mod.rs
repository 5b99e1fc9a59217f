//! Filtrations, their reduction over Z/2, bars. Knows nothing of networks: it can be vendored with
//! nothing else.
