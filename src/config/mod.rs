//! A MAS configuration: the option tree, loading and merging of files, differences between MAS versions.

pub mod diff;
pub mod load;
pub mod merge;
pub mod source;
pub mod tree;
