//! A large simulation lies in huge pages.
//!
//! Each event concerns another node, so that of a network of a gigabyte nearly every one asks for pages whose
//! addresses the processor has forgotten. Pages of 2 MiB instead of 4 KiB take a tenth off the CPU time of
//! 110,000 nodes. The kernel hands them out to who asks (`madvise(2)`, `MADV_HUGEPAGE`); the C library asks for
//! all that it allocates if it is told to before the program begins (glibc manual, "Memory Allocation
//! Tunables"). So the program begins again.

/// Runs this program again with huge pages, in the same process; does nothing if it can't, or if the C
/// library's tunables are set already.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn begin_again() {
    use std::os::unix::process::CommandExt as _;

    const TUNABLES: &str = "GLIBC_TUNABLES";
    let mut args = std::env::args_os();
    if let (None, Ok(program)) = (std::env::var_os(TUNABLES), std::env::current_exe()) {
        let mut command = std::process::Command::new(program);
        command.arg0(args.next().unwrap_or_default()).args(args);
        // Only returns if it fails, and then the simulation runs as it did before, only slower.
        let _ = command.env(TUNABLES, "glibc.malloc.hugetlb=1").exec();
    }
}

/// Does nothing: this C library has no such setting.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn begin_again() {}
