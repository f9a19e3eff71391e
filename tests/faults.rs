//! What goes wrong behind the proxy, at its clients and in the machine, and what comes of it: one table, which is
//! `tests/data/fault_matrix.rs`, is a test of each row and the manual's page `tests/FAULTS.md`.

mod page;
mod row;
mod run;

use std::time::Duration;

use crate::support::misbehaving::Do::{Await, Dribble, Flood, Read, ReadHead, Repeat, Reset, Say, Stall};
use row::After::{Closed, Kept, Reset as Broken};
use row::Asks::{AbortedGet, Get, Head, Post, Put, ReusedGet, ReusedPost, Upload};
use row::First::{Accepting, Connecting, Drops, NoDescriptors, Plays, Refuses};
use row::Gets::{Cut, Nothing, Ours, Theirs};
use row::Goes::{Again, Next, Nowhere};
use row::{Others, Row};

/// Makes the table, and a test of each row, out of the rows' names and fields.
macro_rules! fault_matrix {
    ($($name:ident { $($field:ident: $value:expr,)+ })+) => {
        const MATRIX: &[Row] = &[$(Row { name: stringify!($name), $($field: $value,)+ }),+];

        mod rows {
            $(#[test]
            fn $name() {
                super::run::row(stringify!($name));
            })+
        }
    };
}

include!("data/fault_matrix.rs");
