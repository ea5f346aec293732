//! The command line of a node.
//!
//! `init` makes a data folder and `run` runs a node in it; the other verbs find the running node by
//! its data folder and ask it over its admin API. With `--json` each prints one JSON object instead of
//! text for people, or one a line where it goes on, as `tidings schema` says; what goes wrong is a sentence on standard error, and an [exit code](crate::cli::error).

mod args;
mod bans;
mod chain;
mod descriptions;
mod descriptors;
pub mod error;
mod explain;
mod happened;
mod init;
mod items;
mod kv;
mod members;
mod mine;
mod output;
mod peers;
mod run;
mod schema;
mod shapes;
mod show;
mod store;
mod stores;
mod submit;
mod table;
mod top;
mod watch;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use tokio::time::timeout;

use crate::cli::error::{EXIT_SOFTWARE, EXIT_USAGE, Error};
use crate::client::{Client, ClientError};
use crate::config::{self, Flag, Resolved, env};
use crate::files::datadir::{CONFIG, DataDir};
use crate::files::token;
use crate::{logging, panics, printable};
use args::{Cli, Remote, Verb};
pub use explain::{tell_tx, utc};
use output::Output;
pub use run::guest;

/// How long `tidings stop` waits for the node to end. A guess: requests under way get 5 s of it, and
/// the rest is for saving files on a slow disk.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest sentence about what went wrong, bytes. A guess: paths are in it, and what an API answered.
const SENTENCE_MAX: usize = 4_096;

/// Runs the command line of a node. `args` start with the program's name, as
/// [`std::env::args_os`] gives them; another program may put its own there.
#[must_use]
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    panics::tell_in_log();
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way, too, and are no errors.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    // Nothing of what it dealt with is looked at after a panic, of which the log has told.
    match catch_unwind(AssertUnwindSafe(|| dispatch(cli))) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            logging::tell(&printable::line(&format_args!("tidings: {error}"), SENTENCE_MAX));
            logging::drain();
            ExitCode::from(error.exit_code())
        }
        Err(_) => {
            logging::drain();
            ExitCode::from(EXIT_SOFTWARE)
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode, Error> {
    let output = Output { json: cli.json };
    if let Verb::Version = cli.verb {
        let version = env!("CARGO_PKG_VERSION");
        output.print(&shapes::Version { version }, || format!("tidings {version}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    match &cli.verb {
        Verb::Completions(args) => return descriptions::completions(output, args),
        Verb::Manual(args) => return descriptions::manual(output, args),
        Verb::Schema(args) => return schema::schema(output, args),
        _ => {}
    }
    let folder = Folder { dir: DataDir::locate(cli.data_dir.as_deref())?, output };
    folder.dir.check()?;
    match cli.verb {
        Verb::Init(args) => init::init(&folder, &args),
        Verb::Run(settings) => run::run(&folder, &settings.flags()?),
        Verb::Status(remote) => show::status(&folder, &remote),
        Verb::Top(args) => top::top(&folder, &args),
        Verb::Watch(args) => watch::watch(&folder, &args),
        Verb::Peers(args) => peers::peers(&folder, &args),
        Verb::Addresses(args) => peers::addresses(&folder, &args),
        Verb::Blocks(args) => chain::blocks(&folder, &args),
        Verb::Block(args) => chain::block(&folder, &args),
        Verb::Pool(args) => chain::pool(&folder, &args),
        Verb::Item(args) => items::item(&folder, &args),
        Verb::Decode(args) => items::decode(&folder, &args),
        Verb::Mine(args) => mine::mine(&folder, &args),
        Verb::Bans(remote) => bans::bans(&folder, &remote),
        Verb::Ban(args) => bans::ban(&folder, &args),
        Verb::Unban(args) => bans::unban(&folder, &args),
        Verb::Disconnect(args) => bans::disconnect(&folder, &args),
        Verb::Connect(args) => bans::connect(&folder, &args),
        Verb::Explain { verb } => explain::explain(&folder, &verb),
        Verb::Kv { verb } => kv::kv(&folder, &verb),
        Verb::Members(args) => members::members(&folder, &args),
        Verb::State { verb } => members::shared::state(&folder, &verb),
        Verb::Leader { verb } => members::shared::leader(&folder, &verb),
        Verb::Event(args) => members::shared::event(&folder, &args),
        Verb::Query(args) => members::shared::query(&folder, &args),
        Verb::Rtt(args) => members::shared::rtt(&folder, &args),
        Verb::Submit(args) => submit::submit(&folder, &args),
        Verb::Store { verb } => store::store(&folder, &verb),
        Verb::Stop(remote) => stop(&folder, &remote),
        Verb::Log(args) => show::log(&folder, &args),
        Verb::Config(settings) => show::config(&folder, &settings.flags()?),
        Verb::Version | Verb::Completions(_) | Verb::Manual(_) | Verb::Schema(_) => {
            unreachable!("they need no data folder and are answered above")
        }
    }
}

/// A data folder and how to print: what every verb needs but those that tell of the program itself.
#[derive(Clone, Debug)]
struct Folder {
    dir: DataDir,
    output: Output,
}

impl Folder {
    /// The settings that hold in it.
    fn resolve(&self, flags: &[Flag]) -> Result<Resolved, Error> {
        Ok(config::resolve(&self.dir.join(CONFIG), env::variables(), flags)?)
    }

    /// A client of the node that runs in it, or of the one that was named instead.
    fn client(&self, remote: &Remote) -> Result<Client, Error> {
        if let Remote { admin: Some(addr), token_file: Some(file) } = remote {
            return Ok(Client::tcp(*addr, &*token::read_token(file)?));
        }
        let socket = self.resolve(&[])?.config.admin.socket;
        Ok(Client::unix(self.dir.join(socket)))
    }

    /// Says which data folder it was if no node answers.
    fn explain(&self, error: ClientError) -> Error {
        match error {
            ClientError::Connect { target, source } if target.starts_with('/') => {
                Error::NotRunning { folder: self.dir.path().to_owned(), target, source }
            }
            error => Error::Client(error),
        }
    }

    /// Asks the node something.
    fn ask<T>(
        &self,
        remote: &Remote,
        question: impl AsyncFnOnce(Client) -> Result<T, ClientError>,
    ) -> Result<T, Error> {
        let client = self.client(remote)?;
        runtime()?.block_on(question(client)).map_err(|error| self.explain(error))
    }
}

/// One thread: see the crate's documentation.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(Error::io("start the runtime"))
}

fn stop(folder: &Folder, remote: &Remote) -> Result<ExitCode, Error> {
    folder
        .ask(remote, async |client| {
            client.stop().await?;
            Ok(timeout(STOP_TIMEOUT, client.wait_until_gone()).await)
        })?
        .map_err(|late| {
            let seconds = STOP_TIMEOUT.as_secs();
            let doing =
                format!("see the node end: it was asked to, and still runs after {seconds} s");
            Error::io(doing)(late.into())
        })?;
    folder
        .output
        .print(&shapes::Stopped { stopped: true }, || "the node has stopped\n".to_owned())?;
    Ok(ExitCode::SUCCESS)
}
