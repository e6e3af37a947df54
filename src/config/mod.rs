//! A MAS configuration: which options there are, what files say, and how versions of MAS differ.

pub mod diff;
pub mod load;
pub mod tree;
