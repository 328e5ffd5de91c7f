//! Plays as many worlds as asked.
#![allow(clippy::print_stdout, reason = "tmp")]
use waybill_world::{Faults, trial};
fn main() {
    let a: Vec<u64> = std::env::args()
        .skip(1)
        .map(|a| a.parse().unwrap())
        .collect();
    if a[0] == 0 {
        for seed in 1..a[1] {
            println!(
                "{seed} {:?}",
                trial::sweep(seed, 400).map_err(|b| {
                    let w: String = b.what.chars().take(300).collect();
                    w
                })
            );
        }
        return;
    }
    if a.len() == 1 {
        let (r, h) = trial::tell_seed(a[0], Faults::all());
        for l in h {
            println!("{l}");
        }
        if let Err(b) = r {
            println!("BROKEN {}", b.what);
        }
        return;
    }
    let mut acc = trial::Account::default();
    let mut bad = 0;
    for seed in a[0]..a[0] + a[1] {
        match trial::try_seed(seed, Faults::all()) {
            Ok(x) => acc.add(&x),
            Err(b) => {
                bad += 1;
                let w: String = b.what.chars().take(300).collect();
                println!("seed {}: {}", b.seed, w.replace('\n', " "));
            }
        }
        if bad > 12 {
            break;
        }
    }
    println!("{acc:#?}");
}
