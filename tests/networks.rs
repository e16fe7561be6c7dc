//! Lists of networks: what is read from text, and what is in them.

use std::net::IpAddr;

use proptest::prelude::*;
use tower_authn::validator::Networks;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn networks(text: &str) -> Networks {
    text.parse().unwrap()
}

#[test]
fn networks_are_read_from_text_and_all_mistakes_are_told_at_once() {
    let list = networks(
        "10.0.0.0/8 # office\n\n192.0.2.1, 2001:db8::/32\n198.51.100.3-198.51.100.9\n::ffff:172.16.0.0/108",
    );
    for inside in ["10.255.0.1", "192.0.2.1", "2001:db8:1::", "198.51.100.9", "172.31.0.1", "::ffff:10.0.0.1"]
    {
        assert!(list.contains(ip(inside)), "{inside}");
    }
    for outside in ["11.0.0.0", "192.0.2.2", "2001:db9::", "198.51.100.10", "172.32.0.0", "::10.0.0.1"] {
        assert!(!list.contains(ip(outside)), "{outside}");
    }
    let text = "10.0.0.0/8\n10.1.2.3/16\n1.2.3.4/33, office\n2001:db8::1/32 # x\n9.0.0.2-9.0.0.1\n1.2.3.4-::5\n010.0.0.1\n10.0.0.0/08";
    let error = text.parse::<Networks>().unwrap_err();
    let lines: Vec<_> = error.mistakes().iter().map(tower_authn::validator::NetworkMistake::line).collect();
    assert_eq!(lines, [2, 3, 3, 4, 5, 6, 7, 8]);
    let text = error.to_string();
    assert!(text.contains("10.1.0.0/16 is meant") && text.contains("2001:db8::/32 is meant"), "{text}");
}

#[test]
fn networks_of_nothing_contain_nobody_and_everything_is_seen() {
    assert!(networks("# nothing").is_empty() && !Networks::none().contains(ip("127.0.0.1")));
    assert!(networks("0.0.0.0/0").is_everything() && networks("::/0").is_everything());
    assert!(networks("0.0.0.0/1, 128.0.0.0/1").is_everything(), "by halves");
    assert!(!Networks::private().is_everything());
    assert!(networks("0.0.0.0/0").contains(ip("255.255.255.255")) && networks("::/0").contains(ip("ffff::")));
    assert!(Networks::loopback().contains(ip("::1")) && Networks::link_local().contains(ip("fe80::1")));
    assert!(
        Networks::documentation().contains(ip("203.0.113.9")) && Networks::private().contains(ip("fd00::1"))
    );
}

proptest! {
    /// Against the plain meaning of the words, on a small piece of the address space.
    #[test]
    fn union_and_difference_are_those_of_sets(
        first in prop::collection::vec((0_u8..64, 0_u8..8), 0..8),
        second in prop::collection::vec((0_u8..64, 0_u8..8), 0..8),
    ) {
        let list = |ranges: &[(u8, u8)]| {
            let texts: Vec<_> = ranges.iter().map(|(start, length)| format!("10.0.0.{start}-10.0.0.{}", start + length)).collect();
            networks(&texts.join(","))
        };
        let holds = |ranges: &[(u8, u8)], at: u8| ranges.iter().any(|(start, length)| (*start..=start + length).contains(&at));
        let (union, difference) = (list(&first).union(&list(&second)), list(&first).difference(&list(&second)));
        for at in 0..80 {
            let address = ip(&format!("10.0.0.{at}"));
            prop_assert_eq!(list(&first).contains(address), holds(&first, at));
            prop_assert_eq!(union.contains(address), holds(&first, at) || holds(&second, at));
            prop_assert_eq!(difference.contains(address), holds(&first, at) && !holds(&second, at));
        }
    }
}

#[test]
fn difference_at_the_ends_of_the_address_space() {
    let all = networks("0.0.0.0/0, ::/0");
    let rest =
        all.difference(&networks("0.0.0.0, 255.255.255.255, ::, ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    assert!(rest.contains(ip("0.0.0.1")) && rest.contains(ip("255.255.255.254")) && rest.contains(ip("::1")));
    assert!(
        !rest.contains(ip("0.0.0.0")) && !rest.contains(ip("255.255.255.255")) && !rest.contains(ip("::"))
    );
    assert!(all.difference(&all).is_empty());
}
