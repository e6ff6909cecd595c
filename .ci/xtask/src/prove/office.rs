//! A real coordinator for the proofs: a process on a host of the laboratory, killed and started again at the same address.

use super::Size;
use crate::shell::{cargo, run, target};
use anyhow::{Context, Result, bail};
use halloo_lab::Host;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// The port that coordinators have where nothing else is said.
const PORT: u16 = 7750;

/// A coordinator on a host.
pub struct Office<'a> {
    bin: PathBuf,
    data: PathBuf,
    host: &'a Host,
    origin: String,
    process: Option<Child>,
}

impl<'a> Office<'a> {
    /// Builds it, optimised at full size, and starts it with its data in this folder.
    pub fn open(size: Size, folder: &Path, host: &'a Host) -> Result<Self> {
        let mut args =
            vec!["build", "--quiet", "--locked", "-p", "halloo-coordinator", "--bin", "halloo-coordinator"];
        if size == Size::Full {
            args.push("--release");
        }
        run(&cargo(), &args)?;
        let profile = if size == Size::Full { "release" } else { "debug" };
        let bin = target().join(profile).join("halloo-coordinator");
        let origin = format!("http://{}:{PORT}", host.ip());
        let mut office = Office { bin, data: folder.join("coordinator"), host, origin, process: None };
        office.up()?;
        Ok(office)
    }

    /// Where members reach it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Starts it and waits until it serves.
    pub fn up(&mut self) -> Result<()> {
        let mut command = self.host.command(&self.bin);
        let listen = format!("{}:{PORT}", self.host.ip());
        command.args(["serve", "--lan", "--listen", &listen, "--data"]).arg(&self.data);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(std::fs::File::create(self.data.with_extension("err"))?);
        let mut process = command.spawn().context("the coordinator could not be started")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("the coordinator has no output")?)
            .read_line(&mut line)?;
        self.process = Some(process);
        if line.trim() != self.origin {
            let told = std::fs::read_to_string(self.data.with_extension("err")).unwrap_or_default();
            bail!("the coordinator says it is at `{}`, not at {}: {told}", line.trim(), self.origin);
        }
        Ok(())
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }
}

impl Drop for Office<'_> {
    fn drop(&mut self) {
        // A process that is gone already needs no ending.
        let _gone = self.kill();
    }
}
