//! Real processes, killed, stopped and cut off.

mod chaos;
