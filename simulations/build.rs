//! Exports the interposed functions of `halloo-vtime` from every executable, so that crates which look `getrandom` up at run time find them.

fn main() {
    for symbol in ["getrandom", "clock_gettime"] {
        println!("cargo:rustc-link-arg=-Wl,--export-dynamic-symbol={symbol}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
