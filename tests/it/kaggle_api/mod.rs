//! The protocol layer against the fake service, and against answers written out byte by byte.

mod calls;
mod chaos;
mod datasets;
mod kernels;
mod outputs;
mod raw;
mod scene;
mod sign_in;
mod storage;
mod uploads;
mod wire;
