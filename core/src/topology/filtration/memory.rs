//! Memory that is the caller's or, with an allocator, one's own.

use core::ops::Deref;

#[derive(Clone, Debug)]
pub(super) enum Memory<'a, T> {
    Borrowed(&'a [T]),
    #[cfg(feature = "alloc")]
    Owned(alloc::vec::Vec<T>),
}

impl<T> Deref for Memory<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Borrowed(slice) => slice,
            #[cfg(feature = "alloc")]
            Self::Owned(vec) => vec,
        }
    }
}
