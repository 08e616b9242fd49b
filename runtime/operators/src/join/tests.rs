//! A join gives what a nested loop over all rows gives.
