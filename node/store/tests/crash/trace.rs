//! Reads what strace wrote: the system calls of a child on the files of one folder, in the order in which they ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One thing that happened to the folder's files, or a word of the child.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A file was opened; `created` if the call may have made it, `truncated` if it emptied it.
    Open {
        path: PathBuf,
        file: u64,
        created: bool,
        truncated: bool,
    },
    Write {
        file: u64,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    SetLen {
        file: u64,
        len: u64,
    },
    Seek {
        file: u64,
        to: u64,
    },
    /// The sync began: what was written before is what it covers.
    SyncBegan {
        file: u64,
        thread: u32,
    },
    SyncEnded {
        file: u64,
        thread: u32,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    MakeDir {
        path: PathBuf,
    },
    Ack(u64),
}

/// The calls that strace is asked for.
pub(crate) const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,fallocate,lseek,fsync,fdatasync,\
                                sync_file_range,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,close,dup,dup2,dup3,fcntl";

/// Opened files by descriptor: a number of our own for each open file, so that a descriptor used again is another file.
#[derive(Default)]
struct Reader {
    files: BTreeMap<u32, u64>,
    next: u64,
    unfinished: BTreeMap<u32, String>,
    events: Vec<Event>,
    unknown: Vec<String>,
}

pub(crate) fn read(trace: &str, dir: &Path) -> Vec<Event> {
    let mut reader = Reader::default();
    for line in trace.lines() {
        reader.line(&plain_paths(line), dir);
    }
    assert!(
        reader.unknown.is_empty(),
        "calls on the store's files that the suite does not know: {:?}",
        reader.unknown
    );
    reader.events
}

/// The line with the paths behind descriptors, which `-xx` writes as hexadecimal too, in plain text.
fn plain_paths(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("<\\x") {
        let Some((hex, tail)) = after.split_once('>') else { break };
        out.push_str(before);
        out.push('<');
        let bytes = hex.split("\\x").map(|digits| u8::from_str_radix(digits, 16).unwrap_or(b'?')).collect();
        out.push_str(&String::from_utf8(bytes).unwrap_or_default());
        out.push('>');
        rest = tail;
    }
    out.push_str(rest);
    out
}

impl Reader {
    fn line(&mut self, line: &str, dir: &Path) {
        let Some((thread, rest)) = line.trim_start().split_once(' ') else { return };
        let Ok(thread) = thread.parse::<u32>() else { return };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            self.began(thread, begun, dir);
            self.unfinished.insert(thread, begun.to_owned());
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let begun = self.unfinished.remove(&thread).unwrap_or_default();
            let end = resumed.split_once(" resumed>").map_or("", |(_, end)| end);
            self.call(thread, &format!("{begun}{end}"), dir);
        } else {
            self.began(thread, rest, dir);
            self.call(thread, rest, dir);
        }
    }

    fn began(&mut self, thread: u32, call: &str, dir: &Path) {
        if (call.starts_with("fsync(") || call.starts_with("fdatasync("))
            && under(call, dir)
            && let Some(file) = self.file_of(call)
        {
            self.events.push(Event::SyncBegan { file, thread });
        }
    }

    fn file_of(&self, call: &str) -> Option<u64> {
        let descriptor = call.split_once('(')?.1.split(['<', ',', ')']).next()?.trim().parse().ok()?;
        self.files.get(&descriptor).copied()
    }

    fn call(&mut self, thread: u32, call: &str, dir: &Path) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        // strace pads short calls with blanks before the result.
        let arguments = arguments.trim_end();
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        let file = self.file_of(call);
        match name {
            "write" if call.starts_with("write(1<") => {
                if let Some(number) = acknowledged(&string(arguments)) {
                    self.events.push(Event::Ack(number));
                }
            }
            "close" => {
                if let Some(descriptor) = arguments.split(['<', ')']).next().and_then(|d| d.parse().ok()) {
                    self.files.remove(&descriptor);
                }
            }
            "openat" | "open" | "creat" if under(result, dir) => self.open(call, result),
            _ if !under(arguments, dir) && !quoted(arguments).iter().any(|path| path.starts_with(dir)) => {}
            "write" => {
                let bytes = string(arguments);
                let file = file.expect("a written file was opened");
                self.events.push(Event::Write { file, at: None, bytes });
            }
            "pwrite64" => {
                let at =
                    arguments.trim_end_matches(')').rsplit(", ").next().and_then(|at| at.trim().parse().ok());
                let file = file.expect("a written file was opened");
                self.events.push(Event::Write {
                    file,
                    at: Some(at.expect("an offset")),
                    bytes: string(arguments),
                });
            }
            "ftruncate" | "lseek" => {
                let file = file.expect("a file was opened");
                let number = |text: &str| text.trim_end_matches(')').trim().parse().ok();
                let len = arguments.rsplit(", ").next().and_then(number);
                self.events.push(match name {
                    "lseek" => Event::Seek {
                        file,
                        to: result.split_whitespace().next().and_then(number).expect("an offset"),
                    },
                    _ => Event::SetLen { file, len: len.expect("a length") },
                });
            }
            "fsync" | "fdatasync" => {
                self.events.push(Event::SyncEnded { file: file.expect("a synced file was opened"), thread });
            }
            "sync_file_range" | "fcntl" => {}
            "rename" | "renameat" | "renameat2" => {
                let mut paths = quoted(arguments).into_iter();
                let (Some(from), Some(to)) = (paths.next(), paths.next()) else {
                    panic!("a rename has two names: {call}")
                };
                self.events.push(Event::Rename { from, to });
            }
            "unlink" | "unlinkat" => {
                let path = quoted(arguments).into_iter().next().expect("a name");
                self.events.push(Event::Remove { path });
            }
            "mkdir" | "mkdirat" => {
                let path = quoted(arguments).into_iter().next().expect("a name");
                self.events.push(Event::MakeDir { path });
            }
            _ => self.unknown.push(call.chars().take(160).collect()),
        }
    }

    fn open(&mut self, call: &str, result: &str) {
        let Some((descriptor, path)) = result.split_once('<') else { return };
        let Ok(descriptor) = descriptor.trim().parse() else { return };
        let path = PathBuf::from(path.trim_end().trim_end_matches('>'));
        self.next += 1;
        self.files.insert(descriptor, self.next);
        let (created, truncated) = (call.contains("O_CREAT"), call.contains("O_TRUNC"));
        self.events.push(Event::Open { path, file: self.next, created, truncated });
    }
}

/// Whether a descriptor in the text is of a file under the folder (`-y` writes its path behind it).
fn under(text: &str, dir: &Path) -> bool {
    let dir = dir.display().to_string();
    text.contains(&format!("<{dir}/")) || text.contains(&format!("<{dir}>"))
}

/// The bytes of the first string of a call, which `-xx` writes as hexadecimal.
fn string(arguments: &str) -> Vec<u8> {
    let text = arguments.split('"').nth(1).unwrap_or_default();
    assert!(!arguments.contains("\"..."), "strace cut a string short");
    text.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex, 16).expect("two digits")).collect()
}

/// All strings of a call, as paths.
fn quoted(arguments: &str) -> Vec<PathBuf> {
    let strings = arguments.split('"').skip(1).step_by(2);
    strings
        .map(|text| {
            let bytes =
                text.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex, 16).unwrap_or(b'?')).collect();
            PathBuf::from(String::from_utf8(bytes).unwrap_or_default())
        })
        .collect()
}

fn acknowledged(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.split_once("halloo-child ack ")?.1.trim().parse().ok()
}
