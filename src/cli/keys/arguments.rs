//! The command line of `waypost keys`.
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::arguments::Config;
use crate::dns::Name;
use crate::dns::dnssec::{Algorithm, Digest};
use crate::keys::Role;

#[derive(Debug, Args)]
pub(in crate::cli) struct Keys {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make the first keys of a zone
    ///
    /// Their files are written to the zone's folder of keys (`[[zones]] dnssec`). A running server
    /// signs with them as soon as it reads them; the parent needs the DS when `waypost keys ds`
    /// says so.
    Generate(Generate),
    /// Show the keys of zones, what they do, and what happens next
    List(List),
    /// Print the DS records that the parent should have, or say what it has
    Ds(Ds),
    /// Make successors of a zone's keys, which take over step by step
    ///
    /// A running server takes each step when it is due. The successor of a KSK or CSK waits until
    /// `waypost keys ds ZONE --seen TAG` says that its DS is at the parent.
    Roll(Roll),
    /// Take over keys from BIND, ldns, Knot or OpenSSL
    Import(Import),
    /// Print a private key in PKCS #8 PEM
    Export(Export),
}

/// Which zone, and where the config is.
#[derive(Debug, Args)]
pub(super) struct Zone {
    /// The zone
    #[arg(value_parser = zone)]
    pub(super) zone: Name,
    #[command(flatten)]
    pub(super) config: Config,
}

#[derive(Debug, Args)]
pub(super) struct Generate {
    #[command(flatten)]
    pub(super) zone: Zone,
    /// ecdsa-p256, ed25519 or rsa-sha256 [default: as the config says]
    #[arg(long, value_parser = algorithm)]
    pub(super) algorithm: Option<Algorithm>,
    /// A KSK and a ZSK instead of one key for everything [default: as the config says]
    #[arg(long)]
    pub(super) split: bool,
    /// Length of RSA keys
    #[arg(long, value_enum, default_value_t = Bits::Bits2048)]
    pub(super) bits: Bits,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// How long the modulus of an RSA key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Bits {
    /// What a UDP reply has room for
    #[value(name = "2048")]
    Bits2048,
    /// Longer
    #[value(name = "3072")]
    Bits3072,
    /// The longest
    #[value(name = "4096")]
    Bits4096,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The zone; all zones that are signed, if absent
    #[arg(value_parser = zone)]
    pub(super) zone: Option<Name>,
    #[command(flatten)]
    pub(super) config: Config,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Ds {
    #[command(flatten)]
    pub(super) zone: Zone,
    /// Which digest
    #[arg(long, value_enum, default_value_t = DigestName::Sha256)]
    pub(super) digest: DigestName,
    #[command(flatten)]
    pub(super) word: Word,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What the operator says of the parent, or wants of it.
#[derive(Debug, Default, Args)]
#[group(multiple = false)]
pub(super) struct Word {
    /// All servers of the parent have the DS of the key with this tag
    #[arg(long, value_name = "TAG")]
    pub(super) seen: Option<u16>,
    /// Ask the parent to remove every DS (CDS and CDNSKEY say so), to stop signing
    #[arg(long)]
    pub(super) withdraw: bool,
    /// No server of the parent has a DS any more: stop signing when caches have forgotten it
    #[arg(long)]
    pub(super) gone: bool,
    /// Stay signed, or be signed again, after `--withdraw`
    #[arg(long)]
    pub(super) publish: bool,
}

/// A digest of DS records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DigestName {
    /// What every parent takes
    Sha256,
    /// Longer
    Sha384,
}

#[derive(Debug, Args)]
pub(super) struct Roll {
    #[command(flatten)]
    pub(super) zone: Zone,
    /// Only the ZSK
    #[arg(long, conflicts_with = "ksk")]
    pub(super) zsk: bool,
    /// Only the KSK
    #[arg(long)]
    pub(super) ksk: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// `.key` or `.private` files (each stands for both), or private keys in PKCS #8 PEM
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The zone
    #[arg(long, value_parser = zone)]
    pub(super) zone: Name,
    /// What the keys are for [default: as the files say; a PEM file is a CSK]
    #[arg(long, value_enum)]
    pub(super) role: Option<RoleName>,
    #[command(flatten)]
    pub(super) config: Config,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleName {
    /// Signs everything, is named by the DS
    Csk,
    /// Signs the DNSKEY RRset, is named by the DS
    Ksk,
    /// Signs everything else
    Zsk,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    pub(super) zone: Zone,
    /// The key's tag
    pub(super) tag: u16,
}

impl Generate {
    /// Keys of this zone as the config says.
    pub(super) fn plain(zone: Zone) -> Self {
        Self {
            zone,
            algorithm: None,
            split: false,
            bits: Bits::Bits2048,
            json: false,
        }
    }
}

impl Ds {
    /// The records of a zone, for a person.
    pub(super) fn plain(zone: Zone) -> Self {
        Self {
            zone,
            digest: DigestName::Sha256,
            word: Word::default(),
            json: false,
        }
    }
}

impl DigestName {
    pub(super) const fn digest(self) -> Digest {
        match self {
            Self::Sha256 => Digest::Sha256,
            Self::Sha384 => Digest::Sha384,
        }
    }
}

impl RoleName {
    pub(super) const fn role(self) -> Role {
        match self {
            Self::Csk => Role::Csk,
            Self::Ksk => Role::Ksk,
            Self::Zsk => Role::Zsk,
        }
    }
}

fn zone(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| error.to_string())
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let known = || Algorithm::ALL.map(Algorithm::name).join(", ");
    Algorithm::from_name(text).ok_or_else(|| format!("one of: {}", known()))
}
