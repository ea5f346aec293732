//! `tidings-testnet view`: runs in a browser, over time.
//!
//! The viewer is built from `testnet/viewer` and stands in this program whole (`bundle`). It is served to this machine alone, with
//! the runs beside it, or written as one file with the runs inside. Either way the browser does all the rest.

mod bundle;
mod page;
mod sources;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tidings::control::Stop;
use tidings::http::pages;
use tidings_tools::show::format;

use crate::launch;
use crate::{exit, output};
use sources::RUNS_MAX;
pub use sources::Source;

/// Arguments of `view`.
#[derive(Clone, Debug, Args)]
pub struct ViewArgs {
    /// Timelines (of `--trace FILE`) or run folders, up to six to compare [default: the newest run in runs/, if there is one]
    #[arg(value_name = "PATH", num_args = 0..=RUNS_MAX)]
    paths: Vec<PathBuf>,
    /// Write one page with everything in it instead, which needs no server; the file must not exist
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    html: Option<PathBuf>,
    /// Port of this machine's own address to serve at [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
}

/// Runs the command: until it is interrupted, or until the file is written.
#[must_use]
pub fn main(args: &ViewArgs) -> ExitCode {
    let sources = match sources::open(&args.paths, Path::new("")) {
        Ok(sources) => sources,
        Err(problem) => return exit::usage(&problem),
    };
    show(sources, args.html.as_deref(), args.port)
}

/// Shows runs that are open already: in a file if one is named, or served at a port (0: any) until this process is interrupted.
#[must_use]
pub fn show(sources: Vec<Source>, html: Option<&Path>, port: u16) -> ExitCode {
    let done = match html {
        Some(path) => write(path, &sources),
        None => serve(port, sources),
    };
    done.unwrap_or_else(|problem| {
        output::complain(problem);
        ExitCode::FAILURE
    })
}

fn write(path: &Path, sources: &[Source]) -> Result<ExitCode, String> {
    let page = page::whole(sources);
    let written = File::create_new(path).and_then(|mut file| file.write_all(page.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{} exists, and is not overwritten: choose another --html", path.display())
        }
        _ => format!("cannot write {}: {error}", path.display()),
    })?;
    let size = format::bytes(page.len() as u64);
    let said = format!(
        "{}: {size}, {}; open it in a browser, it needs nothing else\n",
        path.display(),
        shown(sources)
    );
    Ok(output::print(&said, true, ExitCode::SUCCESS))
}

fn serve(port: u16, sources: Vec<Source>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        // From now on a signal is waited for.
        let interrupted = launch::interrupted();
        let listener = pages::listen("--port", port).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let shown = shown(&sources);
        let (pages, stop) = (page::served(sources), Stop::default());
        let server = tokio::spawn(pages::serve(listener, pages, stop.clone()));
        let code = output::print(&format!("http://{address}/\n"), false, ExitCode::SUCCESS);
        output::tell(&format!(
            "{shown}: open this address in a browser of this machine. Ctrl-C ends it."
        ));
        interrupted.await;
        stop.request();
        let _ = server.await;
        Ok(code)
    })
}

/// What the page shows, in words.
fn shown(sources: &[Source]) -> String {
    if sources.is_empty() {
        return "no run, for there is none in runs/; the page opens timelines that are dropped on it".to_owned();
    }
    let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
    names.join(", ")
}
