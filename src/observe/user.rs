//! Who a user is, in logs.

use std::{
    any::Any,
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

/// How the user of an identity is named.
#[derive(Clone)]
pub(crate) struct Naming {
    name: Arc<dyn Fn(&dyn Any) -> Option<String> + Send + Sync>,
    form: Form,
}

#[derive(Clone)]
enum Form {
    Plain,
    /// With the digest of what precedes every name.
    Hashed(Arc<[u8]>),
}

/// What stands in a log for a user.
#[derive(Clone)]
pub(crate) enum User {
    Hash(String),
    Name(String),
}

impl Naming {
    pub(crate) fn plain<I: 'static>(name: impl Fn(&I) -> String + Send + Sync + 'static) -> Self {
        Self { name: erased(name), form: Form::Plain }
    }

    pub(crate) fn hashed<I: 'static>(
        name: impl Fn(&I) -> String + Send + Sync + 'static,
        key: &[u8],
    ) -> Self {
        Self { name: erased(name), form: Form::Hashed(key.into()) }
    }

    pub(crate) fn user(&self, identity: &dyn Any) -> Option<User> {
        let name = (self.name)(identity)?;
        Some(match &self.form {
            Form::Plain => User::Name(name),
            Form::Hashed(key) => {
                let length = (key.len() as u64).to_le_bytes();
                let digest =
                    Sha256::new().chain_update(length).chain_update(key).chain_update(name).finalize();
                let first = digest[..8].iter().fold(0, |first, byte| first << 8 | u64::from(*byte));
                User::Hash(format!("{first:016x}"))
            }
        })
    }
}

/// A key that nobody outside this process can know.
pub(crate) fn random_key() -> [u8; 16] {
    let random = RandomState::new();
    let halves = [random.hash_one(0), random.hash_one(1)];
    std::array::from_fn(|index| halves[index / 8].to_le_bytes()[index % 8])
}

fn erased<I: 'static>(
    name: impl Fn(&I) -> String + Send + Sync + 'static,
) -> Arc<dyn Fn(&dyn Any) -> Option<String> + Send + Sync> {
    Arc::new(move |identity: &dyn Any| identity.downcast_ref().map(&name))
}

impl User {
    pub(crate) fn hash(&self) -> Option<&str> {
        match self {
            Self::Hash(hash) => Some(hash),
            Self::Name(_) => None,
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Hash(_) => None,
        }
    }
}

impl fmt::Debug for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Naming(..)")
    }
}
