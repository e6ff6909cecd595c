//! Installing what the build and the tests lack, from Debian when we are root and from PyPI or crates.io otherwise.

use crate::shell::{capture, cargo, command, has, run, target};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Stdio;

/// A Debian package, and how to see that what it brings is there already.
struct Need {
    package: &'static str,
    present: fn() -> bool,
}

/// What a build of the `halloo` command needs beyond Rust.
const BUILD: &[Need] = &[
    Need { package: "cmake", present: || has("cmake") },
    Need { package: "g++", present: || has("c++") },
    Need { package: "make", present: || has("make") },
    Need { package: "pkg-config", present: || has("pkg-config") },
    Need { package: "libasound2-dev", present: || pkg_config("alsa") },
];

/// What the demonstration uses when it is there.
const DEMO: &[Need] = &[Need { package: "iproute2", present: || has("ip") }];

/// The other TURN server, and a client that loads both.
const COTURN: Need = Need { package: "coturn", present: || has("turnserver") && has("turnutils_uclient") };

/// What the gate and the proofs need on top.
const TEST: &[Need] = &[
    Need { package: "iproute2", present: || has("ip") },
    Need { package: "nftables", present: || has("nft") },
    COTURN,
    // An authority that certifies for tests.
    Need { package: "pebble", present: || has("pebble") },
    Need { package: "strace", present: || has("strace") },
    Need { package: "dbus-daemon", present: || has("dbus-run-session") },
    Need { package: "dbus-bin", present: || has("dbus-send") },
    Need { package: "gnome-keyring", present: || Path::new("/usr/bin/gnome-keyring-daemon").exists() },
    Need {
        package: "python3-venv",
        present: || Path::new("/usr/lib/python3/dist-packages/distutils").exists() || venv_works(),
    },
    Need { package: "python3-dev", present: python_headers },
];

fn pkg_config(library: &str) -> bool {
    quiet("pkg-config", &["--exists", library])
}

fn venv_works() -> bool {
    quiet("python3", &["-c", "import venv, ensurepip"])
}

fn python_headers() -> bool {
    quiet(
        "python3",
        &[
            "-c",
            "import sysconfig,os,sys; sys.exit(not os.path.exists(sysconfig.get_path('include')+'/Python.h'))",
        ],
    )
}

fn quiet(program: &str, args: &[&str]) -> bool {
    let mut probe = command(program, args);
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    capture("id", &["-u"]).is_ok_and(|uid| uid.trim() == "0")
}

/// Makes the build possible, and says whether sound devices can be built in.
pub fn for_build() -> Result<bool> {
    let missing = install(BUILD)?;
    if missing.is_empty() {
        return Ok(true);
    }
    if missing.contains(&"cmake") && (has("pip3") || has("python3")) {
        python_tool("cmake", "cmake")?;
    }
    let fatal: Vec<_> =
        missing.iter().filter(|p| !matches!(**p, "cmake" | "pkg-config" | "libasound2-dev")).collect();
    if !fatal.is_empty() || !has("cmake") {
        bail!("the build needs these Debian packages; run as root: apt-get install {}", missing.join(" "));
    }
    eprintln!(
        "note: without {} the command is built without sound devices (files and pipes work)",
        missing.join(" and ")
    );
    Ok(false)
}

/// Makes the demonstration as complete as the machine permits.
pub fn for_demo() -> Result<bool> {
    let devices = for_build()?;
    let missing = install(DEMO)?;
    if !missing.is_empty() {
        eprintln!("note: without {} the members run on the host itself", missing.join(" and "));
    }
    Ok(devices)
}

/// Makes the figures of TURN possible.
pub fn for_turn() -> Result<()> {
    if !install(&[COTURN])?.is_empty() {
        bail!("the figures need this Debian package; run as root: apt-get install coturn");
    }
    Ok(())
}

/// Makes every test possible.
pub fn for_test() -> Result<()> {
    for_build()?;
    let missing = install(TEST)?;
    if !missing.is_empty() {
        bail!("the tests need these Debian packages; run as root: apt-get install {}", missing.join(" "));
    }
    for tool in ["cargo-nextest", "cargo-deny"] {
        if !has(tool) {
            eprintln!("installing {tool} from crates.io; this takes some minutes, once");
            run(&cargo(), &["install", "--quiet", "--locked", tool])?;
        }
    }
    Ok(())
}

/// The Python that can import `pesq` (ITU-T P.862.2 wideband), in a virtual environment of ours.
pub fn python_with_pesq() -> Result<String> {
    let python = venv()?;
    if !quiet(&python, &["-c", "import pesq, numpy"]) {
        run(&python, &["-m", "pip", "install", "--quiet", "numpy", "cython", "setuptools", "wheel"])?;
        run(&python, &["-m", "pip", "install", "--quiet", "--no-build-isolation", "pesq"])?;
    }
    Ok(python)
}

/// The Python that has schemathesis, PyJWT and pyotp, in the same environment; pinned, as another schemathesis asks otherwise.
pub fn python_with_peers() -> Result<String> {
    const PEERS: [&str; 5] = ["schemathesis==4.32.5", "PyJWT", "pyotp", "cryptography", "http-ece==1.2.1"];
    let python = venv()?;
    if !quiet(&python, &["-c", "import schemathesis, jwt, pyotp, cryptography, http_ece"]) {
        run(&python, &[&["-m", "pip", "install", "--quiet"], &PEERS[..]].concat())?;
    }
    Ok(python)
}

fn venv() -> Result<String> {
    let folder = target().join("tools/python");
    let python = folder.join("bin/python3");
    if !python.exists() {
        run("python3", &["-m", "venv", &folder.to_string_lossy()])?;
    }
    Ok(python.to_string_lossy().into_owned())
}

fn python_tool(package: &str, program: &str) -> Result<()> {
    let python = venv()?;
    run(&python, &["-m", "pip", "install", "--quiet", package])?;
    if !has(program) {
        bail!("PyPI's {package} did not bring `{program}`; install it by hand and try again");
    }
    Ok(())
}

/// Installs what is missing when we are root; returns what is missing still.
fn install(needs: &[Need]) -> Result<Vec<&'static str>> {
    let missing =
        |needs: &[Need]| needs.iter().filter(|n| !(n.present)()).map(|n| n.package).collect::<Vec<_>>();
    let wanted = missing(needs);
    if wanted.is_empty() || !is_root() || !has("apt-get") {
        return Ok(wanted);
    }
    eprintln!("installing from Debian: {}", wanted.join(" "));
    let mut args = vec!["install", "-y", "--no-install-recommends", "-qq"];
    args.extend(&wanted);
    let apt = |args: &[&str]| {
        let mut apt = command("apt-get", args);
        apt.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        crate::shell::finish(apt, "apt-get", args)
    };
    if apt(&args).is_err() {
        apt(&["update", "-qq"])?;
        apt(&args)?;
    }
    Ok(missing(needs))
}
