//! `voucher key` and `voucher new`: codes for plans, made wherever the key lies, which is not at the coordinator.

use crate::subscriptions::code;
use crate::subscriptions::config::is_plan_id;
use crate::world::World;
use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand, value_parser};
use halloo_crypto::base16;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_crypto::voucher::{Voucher, VoucherSecret, plan_tag};
use rand_core::Rng as _;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Told {
    /// Prints the public key that `subscriptions.voucher_key` wants, of the key in FILE; makes it where there is none.
    Key {
        /// Where the key lies. Whoever has it makes vouchers: keep it away from the coordinator, and keep a copy.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Prints new vouchers, one a line; the coordinator need not be asked.
    New(New),
}

/// Which vouchers.
#[derive(Debug, Args)]
pub(super) struct New {
    /// The key that `voucher key` made.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The id of the plan, as in the settings of the coordinator.
    #[arg(long, value_name = "ID")]
    plan: String,
    /// Days that one gives.
    #[arg(long, value_name = "DAYS", value_parser = value_parser!(u16).range(1..=3_660))]
    days: u16,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// Days within which each must be used, today not counted.
    #[arg(long, value_name = "DAYS", default_value_t = 366, value_parser = value_parser!(u16).range(..=3_660))]
    within: u16,
}

/// Makes a key, or vouchers.
pub(super) fn run(told: &Told) -> Result<()> {
    match told {
        Told::Key { file } => key(file),
        Told::New(new) => {
            let mut out = std::io::stdout().lock();
            codes(new, &World::real())?.iter().try_for_each(|code| writeln!(out, "{code}"))?;
            Ok(())
        }
    }
}

fn key(file: &Path) -> Result<()> {
    // Only its owner may read it, and nobody's key is ever overwritten.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Ok(mut made) => {
            let seed = Secret::filled(|seed: &mut [u8; 32]| World::real().chance().fill_bytes(seed));
            let written = writeln!(made, "{}", base16::encode(seed.expose())).and_then(|()| made.sync_all());
            written.with_context(|| format!("writing {}", file.display()))?;
            eprintln!("made {}: whoever has it makes vouchers", file.display());
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("making {}", file.display())),
    }
    println!("{}", base16::encode(secret(file)?.public().as_bytes()));
    Ok(())
}

fn secret(file: &Path) -> Result<VoucherSecret> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{} is not there: `halloo-coordinator voucher key {0}` makes a key", file.display())
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
    };
    let seed = base16::decode_array(text.trim()).with_context(|| {
        format!("{} holds no key of vouchers: name the file that `voucher key` made", file.display())
    })?;
    Ok(VoucherSecret::from_seed(&Secret::new(seed)))
}

fn codes(new: &New, world: &World) -> Result<Vec<String>> {
    ensure!(
        is_plan_id(&new.plan),
        "`{}` is no id of a plan: write it as in subscriptions.plans of the coordinator",
        new.plan
    );
    let (secret, mut rng) = (secret(&new.key)?, world.chance());
    let last = Day::of_ms(world.now_ms()).after(u32::from(new.within));
    let plan = plan_tag(&new.plan);
    let mut one = || code::write(&secret.sign(&Voucher::draw(plan, new.days, last, &mut rng)));
    Ok((0..new.count).map(|_| one()).collect())
}

#[cfg(test)]
mod tests;
