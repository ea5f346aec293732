//! A map from addresses to autonomous systems, in the form of Bitcoin Core's `-asmap` files.
//!
//! # The form
//! A program of instructions, as bits: of each byte the lowest comes first. It is run over the 128 bits of an address, IPv4
//! as `::ffff:0:0/96`, the highest first (`util/asmap.cpp` and `contrib/asmap` there tell it):
//!
//! | instruction | bits | what it does |
//! |---|---|---|
//! | return | `0` | the system is the number that follows |
//! | jump | `10` | takes a bit of the address; if it is set, so many bits of the program are skipped |
//! | match | `110` | takes as many bits of the address as the number that follows has below its highest one; if they differ, the system is the default |
//! | default | `111` | the default is the number that follows |
//!
//! A number is written as its class, so many ones and a zero (which the last class doesn't have), and its place in the class.
//!
//! A program only goes forward and its length is bounded, so that it ends whatever is in it. Where it isn't well formed, an
//! address has no system.

use std::net::IpAddr;

use super::groups::AsMap;

/// Largest map, bytes (Bitcoin Core: `MAX_ASMAP_FILESIZE`, 8 MiB; a map of the whole world has some 1.5).
pub const MAP_MAX: usize = 8 << 20;

/// Most instructions for one address: a program that is well formed takes a bit of the address with almost each. A guess.
const STEPS_MAX: usize = 512;

/// Bits of each class of numbers: of instructions, systems, what is matched, and jumps.
const KINDS: [u32; 3] = [0, 0, 1];
const SYSTEMS: [u32; 10] = [15, 16, 17, 18, 19, 20, 21, 22, 23, 24];
const MATCHES: [u32; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const JUMPS: [u32; 26] = [
    5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
    30,
];

/// A map as it was read from a file.
#[derive(Clone)]
pub struct Program(Vec<u8>);

impl Program {
    /// The map in a file's bytes; `None` if there are none, or more than [`MAP_MAX`].
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (1..=MAP_MAX).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The bytes that it was made of.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn run(&self, ip: u128) -> Option<u32> {
        let mut reader = Reader { bytes: &self.0, at: 0 };
        let (mut default, mut left) = (None, 128);
        for _ in 0..STEPS_MAX {
            match reader.number(0, &KINDS)? {
                0 => return reader.number(1, &SYSTEMS),
                1 => {
                    let jump = reader.number(17, &JUMPS)?;
                    left = u32::checked_sub(left, 1)?;
                    if ip >> left & 1 == 1 {
                        reader.at = reader.at.checked_add(jump as usize)?;
                    }
                }
                2 => {
                    let wanted = reader.number(2, &MATCHES)?;
                    let bits = wanted.ilog2();
                    left = u32::checked_sub(left, bits)?;
                    if (ip >> left) & ((1 << bits) - 1) != u128::from(wanted) - (1 << bits) {
                        return default;
                    }
                }
                _ => default = Some(reader.number(1, &SYSTEMS)?),
            }
        }
        None
    }
}

impl AsMap for Program {
    fn system_of(&self, ip: IpAddr) -> Option<u32> {
        self.run(match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits(),
        })
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Program({} bytes)", self.0.len())
    }
}

/// The bits of a program, from the next one on.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Some(bit.into())
    }

    fn number(&mut self, least: u32, classes: &[u32]) -> Option<u32> {
        let mut number = least;
        for (index, bits) in classes.iter().enumerate() {
            let is_last = index + 1 == classes.len();
            if is_last || self.bit()? == 0 {
                let mut place = 0;
                for _ in 0..*bits {
                    place = place << 1 | self.bit()?;
                }
                return Some(number + place);
            }
            number += 1 << bits;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes programs.
    #[derive(Clone, Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn number(mut self, number: u32, least: u32, classes: &[u32]) -> Self {
            let mut place = number - least;
            for (index, bits) in classes.iter().enumerate() {
                let is_last = index + 1 == classes.len();
                if !is_last && place >= 1 << bits {
                    place -= 1 << bits;
                    self.0.push(true);
                    continue;
                }
                if !is_last {
                    self.0.push(false);
                }
                self.0.extend((0..*bits).rev().map(|bit| place >> bit & 1 == 1));
                break;
            }
            self
        }

        fn system(self, kind: u32, system: u32) -> Self {
            self.number(kind, 0, &KINDS).number(system, 1, &SYSTEMS)
        }

        fn matches(self, bits: u32, value: u32) -> Self {
            self.number(2, 0, &KINDS).number(value + (1 << bits), 2, &MATCHES)
        }

        /// One bit decides between two programs.
        fn branch(self, zero: Self, one: Self) -> Self {
            let skipped = u32::try_from(zero.0.len()).unwrap();
            let mut whole = self.number(1, 0, &KINDS).number(skipped, 17, &JUMPS);
            whole.0.extend(zero.0);
            whole.0.extend(one.0);
            whole
        }

        fn program(self) -> Program {
            let byte = |bits: &[bool]| {
                let bits = bits.iter().enumerate();
                bits.fold(0, |byte, (place, bit)| byte | u8::from(*bit) << place)
            };
            Program::new(self.0.chunks(8).map(byte).collect()).unwrap()
        }
    }

    fn of(program: &Program, ip: &str) -> Option<u32> {
        program.system_of(ip.parse().unwrap())
    }

    /// 96 bits that all addresses of IPv4 have.
    fn v4() -> Writer {
        let zeros = (0..10).fold(Writer::default(), |writer, _| writer.matches(8, 0));
        zeros.matches(8, 255).matches(8, 255)
    }

    #[test]
    fn a_program_finds_the_system_of_an_address() {
        // 8.0.0.0/8 is one system's, 128.0.0.0/1 another's; else in 0.0.0.0/1 a third's.
        let eights = Writer::default().system(3, 70_000).matches(7, 8).system(0, 15_169);
        let map = v4().branch(eights, Writer::default().system(0, 33_000_000)).program();
        for (ip, system) in [
            ("8.8.8.8", Some(15_169)),
            ("8.255.0.1", Some(15_169)),
            ("9.9.9.9", Some(70_000)),
            ("200.1.1.1", Some(33_000_000)),
            ("::ffff:8.8.8.8", Some(15_169)),
            ("2a00::1", None),
        ] {
            assert_eq!(of(&map, ip), system, "{ip}");
        }
    }

    #[test]
    fn the_bits_are_those_of_the_published_form() {
        // return (0), class 0 (0), and 15 bits of place 1: system 2.
        assert_eq!(of(&Program::new(vec![0, 0, 1]).unwrap(), "1.1.1.1"), Some(2));
        // default (111), class 0, 15 bits; then match (110), class 0 (0), a bit that must be 0; return ...
        let map = Writer::default().system(3, 5).matches(1, 0).system(0, 6);
        let bits: String = map.0.iter().map(|bit| if *bit { '1' } else { '0' }).collect();
        assert_eq!(bits, "11100000000000001001100000000000000000101");
        let map = map.program();
        assert_eq!((of(&map, "::1"), of(&map, "8000::1")), (Some(6), Some(5)));
    }

    #[test]
    fn what_is_no_map_is_refused_or_maps_nothing() {
        assert!(Program::new(Vec::new()).is_none());
        assert!(Program::new(vec![0; MAP_MAX + 1]).is_none());
        assert_eq!(of(&Program::new(vec![0xff; 100]).unwrap(), "1.1.1.1"), None);
        let cut = v4().system(0, 7).program().0;
        for len in 1..cut.len() - 1 {
            assert_eq!(of(&Program::new(cut[..len].to_vec()).unwrap(), "1.1.1.1"), None);
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back(number in 1..(1_u32 << 24)) {
            let program = Writer::default().system(0, number).program();
            prop_assert_eq!(of(&program, "1.1.1.1"), Some(number));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 1..2_000), ip: u128) {
            let program = Program::new(bytes).unwrap();
            prop_assert_eq!(program.run(ip), program.run(ip));
        }
    }
}
