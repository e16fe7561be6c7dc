use argon2::{Algorithm, Argon2, Version};
use sha1::{Digest as _, Sha1};
use sha2::{Sha256, Sha512};

use super::{HashError, Scratch, apr1, crypt64};

/// How a hash is computed, and so what it costs; two with equal parameters cost the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum Params {
    Argon2 { algorithm: Argon2Kind, old_version: bool, memory_kib: u32, passes: u32, lanes: u32 },
    Scrypt { log_n: u8, r: u32, p: u32 },
    Pbkdf2Sha256 { rounds: u32 },
    Pbkdf2Sha512 { rounds: u32 },
    Bcrypt { cost: u8 },
    Sha256Crypt { rounds: u32 },
    Sha512Crypt { rounds: u32 },
    Apr1,
    Sha1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum Argon2Kind {
    D,
    I,
    Id,
}

/// What the OWASP recommends.
pub(in super::super) const TODAY: Params = Params::Argon2 {
    algorithm: Argon2Kind::Id,
    old_version: false,
    memory_kib: MEMORY_KIB,
    passes: PASSES,
    lanes: 1,
};
pub(super) const MEMORY_KIB: u32 = 19 * 1024;
pub(super) const PASSES: u32 = 2;

/// The weakest of the settings that the OWASP calls equal is 7 MiB and five passes.
const ENOUGH_MEMORY: u32 = 7 * 1024;
const ENOUGH_WORK: u64 = 5 * 7 * 1024;

const MOST_MEMORY_KIB: u64 = 256 * 1024;
const MOST_WORK_KIB: u64 = 1024 * 1024;

impl Params {
    /// The parameters, if they are within the limits.
    pub(super) fn checked(self) -> Result<Self, HashError> {
        let costly = match self {
            Self::Argon2 { memory_kib, passes, lanes, .. } => {
                if passes == 0 || lanes == 0 || memory_kib < 8 * lanes.min(1 << 24) {
                    return Err(HashError::Malformed);
                }
                lanes > 16
                    || u64::from(memory_kib) > MOST_MEMORY_KIB
                    || u64::from(memory_kib) * u64::from(passes) > MOST_WORK_KIB
            }
            Self::Scrypt { log_n, r, p } => {
                if log_n == 0 || r == 0 || p == 0 {
                    return Err(HashError::Malformed);
                }
                let memory_kib = (1_u64 << log_n.min(40)).saturating_mul(u64::from(r)) / 8;
                // p × r × 128 bytes are needed beside.
                u64::from(r) * u64::from(p) > 8 * 1024
                    || memory_kib > MOST_MEMORY_KIB
                    || memory_kib.saturating_mul(u64::from(p)) > MOST_WORK_KIB
            }
            Self::Pbkdf2Sha256 { rounds } | Self::Pbkdf2Sha512 { rounds } => {
                if rounds < 1000 {
                    return Err(HashError::TooWeak);
                }
                rounds > 10_000_000
            }
            Self::Bcrypt { cost } => {
                if cost < 4 {
                    return Err(HashError::Malformed);
                }
                cost > 17
            }
            Self::Sha256Crypt { rounds } | Self::Sha512Crypt { rounds } => {
                if rounds < 1000 {
                    return Err(HashError::TooWeak);
                }
                rounds > 1_000_000
            }
            Self::Apr1 | Self::Sha1 => false,
        };
        if costly { Err(HashError::TooCostly) } else { Ok(self) }
    }

    /// A measure of the work, which compares hashes of one kind: KiB filled, or rounds.
    pub(in super::super) fn work(self) -> u64 {
        match self {
            Self::Argon2 { memory_kib, passes, .. } => u64::from(memory_kib) * u64::from(passes),
            Self::Scrypt { log_n, r, p } => (1 << log_n) * u64::from(r) * u64::from(p) / 8,
            Self::Pbkdf2Sha256 { rounds }
            | Self::Pbkdf2Sha512 { rounds }
            | Self::Sha256Crypt { rounds }
            | Self::Sha512Crypt { rounds } => u64::from(rounds),
            Self::Bcrypt { cost } => 1 << cost,
            Self::Apr1 => 1000,
            Self::Sha1 => 1,
        }
    }

    /// The lengths of a usual salt and of the output, as they are kept.
    pub(super) const fn sizes(self) -> (usize, usize) {
        match self {
            Self::Argon2 { .. } | Self::Scrypt { .. } | Self::Pbkdf2Sha256 { .. } => (16, 32),
            Self::Pbkdf2Sha512 { .. } => (16, 64),
            Self::Bcrypt { .. } => (16, 23),
            Self::Sha256Crypt { .. } => (16, 43),
            Self::Sha512Crypt { .. } => (16, 86),
            Self::Apr1 => (8, 22),
            Self::Sha1 => (0, 20),
        }
    }

    pub(super) fn is_outdated(self) -> bool {
        match self {
            Self::Argon2 { algorithm: Argon2Kind::Id, old_version: false, memory_kib, .. } => {
                memory_kib < ENOUGH_MEMORY || self.work() < ENOUGH_WORK
            }
            _ => true,
        }
    }

    /// Whether the kind looks at the whole password.
    pub(super) fn takes(self, password: &str) -> bool {
        !matches!(self, Self::Bcrypt { .. }) || password.len() <= 72
    }

    pub(super) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        output_len: usize,
        scratch: &mut Scratch,
    ) -> Vec<u8> {
        let mut output = vec![0; output_len];
        let done = match self {
            Self::Argon2 { algorithm, old_version, memory_kib, passes, lanes } => {
                let algorithm = match algorithm {
                    Argon2Kind::D => Algorithm::Argon2d,
                    Argon2Kind::I => Algorithm::Argon2i,
                    Argon2Kind::Id => Algorithm::Argon2id,
                };
                let version = if old_version { Version::V0x10 } else { Version::V0x13 };
                argon2::Params::new(memory_kib, passes, lanes, Some(output_len)).is_ok_and(|params| {
                    let memory = scratch.blocks(params.block_count());
                    Argon2::new(algorithm, version, params)
                        .hash_password_into_with_memory(password, salt, &mut output, memory)
                        .is_ok()
                })
            }
            Self::Scrypt { log_n, r, p } => scrypt::Params::new(log_n, r, p)
                .is_ok_and(|params| scrypt::scrypt(password, salt, &params, &mut output).is_ok()),
            Self::Pbkdf2Sha256 { rounds } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut output);
                true
            }
            Self::Pbkdf2Sha512 { rounds } => {
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut output);
                true
            }
            Self::Bcrypt { cost } => salt.try_into().is_ok_and(|salt: [u8; 16]| {
                let mut key = zeroize::Zeroizing::new([0; 72]);
                let len = password.len().min(72);
                key[..len].copy_from_slice(&password[..len]);
                // A NUL ends it, where there is room.
                let hash = bcrypt::bcrypt(cost.into(), salt, &key[..(len + 1).min(72)]);
                output = hash[..23].to_vec();
                true
            }),
            Self::Sha256Crypt { rounds } => sha_crypt::Params::new(rounds).is_ok_and(|params| {
                output = crypt64::sha256(&sha_crypt::sha256_crypt(password, salt, params));
                true
            }),
            Self::Sha512Crypt { rounds } => sha_crypt::Params::new(rounds).is_ok_and(|params| {
                output = crypt64::sha512(&sha_crypt::sha512_crypt(password, salt, params));
                true
            }),
            Self::Apr1 => {
                output = crypt64::md5(&apr1::apr1(password, salt));
                true
            }
            Self::Sha1 => {
                output = Sha1::digest(password).to_vec();
                true
            }
        };
        // Parameters are checked when they are read; an empty output is equal to none.
        if done { output } else { Vec::new() }
    }
}
