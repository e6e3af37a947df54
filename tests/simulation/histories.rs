//! Named histories: each could end badly before the cutover was decided in one place.

crate::support::harness::tests![];
