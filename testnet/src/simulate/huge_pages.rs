//! A large simulation lies in huge pages, and keeps those that it has.
//!
//! Each event concerns another node, so that of a network of a gigabyte nearly every one asks for pages whose
//! addresses the processor has forgotten. Pages of 2 MiB instead of 4 KiB take a tenth off the CPU time of
//! 110,000 nodes. The kernel hands them out to who asks (`madvise(2)`, `MADV_HUGEPAGE`); the C library asks for
//! all that it allocates if it is told to before the program begins (glibc manual, "Memory Allocation
//! Tunables"). So the program begins again.
//!
//! What preparing a network needed and gave back is needed again while it runs: given back to the kernel, it would come as
//! new pages, cleared anew, which is another tenth. So memory isn't given back (`trim_threshold`), but for lists of 32 MiB and more
//! that grew (`mmap_threshold`): those lie by themselves.

/// Runs this program again with these settings, in the same process; does nothing if it can't, or if the C
/// library's tunables are set already.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn begin_again() {
    use std::os::unix::process::CommandExt as _;

    const TUNABLES: &str = "GLIBC_TUNABLES";
    const WANTED: &str = "glibc.malloc.hugetlb=1:glibc.malloc.trim_threshold=2147483648:\
                          glibc.malloc.mmap_threshold=33554432";
    let mut args = std::env::args_os();
    if let (None, Ok(program)) = (std::env::var_os(TUNABLES), std::env::current_exe()) {
        let mut command = std::process::Command::new(program);
        command.arg0(args.next().unwrap_or_default()).args(args);
        // Only returns if it fails, and then the simulation runs as it did before, only slower.
        let _ = command.env(TUNABLES, WANTED).exec();
    }
}

/// Does nothing: this C library has no such setting.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn begin_again() {}
