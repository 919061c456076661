//! Entry point; everything is in the library.

/// The allocator of the program, so that what a reload or a transfer has let go of is the system's again: `.cargo/config.toml` tunes it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    waypost::cli::main()
}
