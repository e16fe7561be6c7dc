//! What a look-up among networks costs: `cargo bench --bench networks`.
#![allow(missing_docs)]

use std::{fmt::Write as _, hint::black_box, net::IpAddr, time::Instant};

use tower_authn::validator::Networks;

fn main() {
    println!("{:>10}  {:>12}  {:>14}", "networks", "ns, look-up", "ms, text to set");
    for count in [10_u32, 1_000, 100_000] {
        // Networks that do not touch, so that nothing is merged.
        let text = (0..count).fold(String::new(), |mut text, index| {
            let _ = writeln!(text, "{}/30", std::net::Ipv4Addr::from(index * 8 * (100_000 / count)));
            text
        });
        let start = Instant::now();
        let networks: Networks = text.parse().expect("networks");
        let built = start.elapsed();
        let addresses: Vec<IpAddr> = (0..1024_u32)
            .map(|index| std::net::Ipv4Addr::from(index.wrapping_mul(2_654_435_761) % 800_000).into())
            .collect();
        let rounds = (0..50).map(|_| {
            let start = Instant::now();
            for address in &addresses {
                black_box(networks.contains(black_box(*address)));
            }
            start.elapsed().as_secs_f64() * 1e9 / 1024.0
        });
        let look_up = rounds.fold(f64::INFINITY, f64::min);
        println!("{count:>10}  {look_up:>12.1}  {:>14.2}", built.as_secs_f64() * 1e3);
    }
}
