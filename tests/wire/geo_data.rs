//! What is kept of a geo database under the folder of state: when it is used, and when it is not.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::{TempDir, tempdir};
use waypost::base::limits::GEO_FILES_KEPT;
use waypost::config::ReadyGeo;
use waypost::geo::Database;
use waypost::io::files;
use waypost::io::state::geo_data::{GeoData, GeoOrigin, GeoVerdict};

use crate::mmdb::{self, Options};

/// A file that says one country of one network; files of all countries are of one size.
fn file_of(code: &str) -> Vec<u8> {
    let entries = [("192.0.2.0/24", json!({"country": {"iso_code": code}}))];
    mmdb::write(&entries, &Options::default())
}

fn database_of(code: &str) -> Database {
    Database::read(&file_of(code)).unwrap()
}

struct Folder {
    folder: TempDir,
    source: PathBuf,
}

impl Folder {
    /// A folder with a file, of which what it compiles to is kept.
    fn kept(code: &str) -> Self {
        let folder = tempdir().unwrap();
        let source = folder.path().join("geo.mmdb");
        fs::write(&source, file_of(code)).unwrap();
        let own = Self { folder, source };
        let (geo, ready) = own.find();
        assert!(ready.is_none() && geo.origin == GeoOrigin::File && geo.damage.is_none());
        assert!(geo.keep(&database_of(code)).unwrap().is_some());
        own
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn find(&self) -> (GeoData, Option<ReadyGeo>) {
        GeoData::find(&self.state(), &self.source)
    }

    /// What a start comes to, and how.
    fn start(&self) -> (Database, GeoData) {
        let (mut geo, ready) = self.find();
        if let Some(ready) = ready {
            return (ready.database, geo);
        }
        let octets = fs::read(&self.source).unwrap();
        let database = match geo.find_by_content(&octets) {
            Some(ready) => ready.database,
            None => Database::read(&octets).unwrap(),
        };
        (database, geo)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_was_kept_is_taken_up_while_the_file_is_the_same() {
    let folder = Folder::kept("DE");
    let (database, geo) = folder.start();
    assert_eq!(database, database_of("DE"));
    assert!(matches!(geo.origin, GeoOrigin::SameFile(_)));
    assert_eq!(geo.verify(), Ok(GeoVerdict::Same));
    assert_eq!(
        (mode(&geo.kept), mode(geo.kept.parent().unwrap())),
        (0o600, 0o700)
    );
}

#[test]
fn another_content_is_never_answered_by_what_was_kept() {
    let folder = Folder::kept("DE");
    // In place, and as another file of the name.
    fs::write(&folder.source, file_of("SG")).unwrap();
    let (database, geo) = folder.start();
    assert_eq!((database, geo.origin), (database_of("SG"), GeoOrigin::File));
    let beside = folder.folder.path().join("new");
    fs::write(&beside, file_of("CA")).unwrap();
    fs::rename(&beside, &folder.source).unwrap();
    let (database, geo) = folder.start();
    assert_eq!((database, geo.origin), (database_of("CA"), GeoOrigin::File));
    assert!(geo.keep(&database_of("CA")).unwrap().is_some());
    let (database, geo) = folder.start();
    assert_eq!(database, database_of("CA"));
    assert!(matches!(geo.origin, GeoOrigin::SameFile(_)));
}

#[test]
fn a_copy_of_the_file_is_known_by_its_content() {
    let folder = Folder::kept("DE");
    let beside = folder.folder.path().join("copy");
    fs::copy(&folder.source, &beside).unwrap();
    fs::rename(&beside, &folder.source).unwrap();
    let (database, geo) = folder.start();
    assert_eq!(database, database_of("DE"));
    assert!(matches!(geo.origin, GeoOrigin::SameContent(_)));
    assert!(geo.keep(&database).unwrap().is_some());
    assert!(matches!(folder.start().1.origin, GeoOrigin::SameFile(_)));
}

#[test]
fn a_file_that_changes_after_it_was_read_is_not_kept_under_the_new_content() {
    let folder = Folder::kept("DE");
    fs::write(&folder.source, file_of("SG")).unwrap();
    let (database, geo) = folder.start();
    fs::write(&folder.source, file_of("CA")).unwrap();
    assert_eq!(geo.keep(&database), Ok(None));
    assert_eq!(folder.start().0, database_of("CA"));
}

/// Every octet has a bit flipped, and the file ends after every octet: what is found is what the file says, and what was
/// kept is told to be damaged unless it is of another version.
#[test]
fn what_is_damaged_is_read_from_its_file_again() {
    let folder = Folder::kept("DE");
    let kept = folder.find().0.kept;
    let whole = fs::read(&kept).unwrap();
    let right = database_of("DE");
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        for octets in [&flipped[..], &whole[..place]] {
            fs::write(&kept, octets).unwrap();
            let (database, geo) = folder.start();
            assert_eq!(
                (database, geo.origin),
                (right.clone(), GeoOrigin::File),
                "{place}"
            );
            let is_foreign = octets.len() > 88 && octets[..16] != whole[..16];
            assert_eq!(geo.damage.is_none(), is_foreign, "{place} {:?}", geo.damage);
        }
    }
    let (database, geo) = folder.start();
    assert!(geo.keep(&database).unwrap().is_some());
    assert_eq!(fs::read(&kept).unwrap(), whole, "it is renewed");
}

#[test]
fn a_disk_that_takes_nothing_is_told_and_the_number_of_files_is_bounded() {
    let folder = Folder::kept("DE");
    let kept = folder.find().0.kept;
    for number in 0..2 * GEO_FILES_KEPT {
        let source = folder.folder.path().join(format!("{number}.mmdb"));
        fs::write(&source, file_of("SG")).unwrap();
        let (geo, _) = GeoData::find(&folder.state(), &source);
        assert!(geo.keep(&database_of("SG")).unwrap().is_some());
        let all = fs::read_dir(kept.parent().unwrap()).unwrap().count();
        assert!(all <= GEO_FILES_KEPT, "{all}");
        assert!(geo.kept.exists(), "the newest stays");
    }
    fs::remove_dir_all(folder.state()).unwrap();
    fs::write(folder.state(), "a file, not a folder").unwrap();
    let (database, geo) = folder.start();
    let refused = geo.keep(&database).unwrap_err();
    assert!(refused.starts_with("cannot write `"), "{refused}");
}

/// Two that keep and one that reads: each finds what the file says, whatever the others are at.
#[test]
fn several_processes_at_once_find_what_the_file_says() {
    let folder = Folder::kept("DE");
    let right = database_of("DE");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..30 {
                    // Another may have taken the file beside away.
                    let _ = folder.find().0.keep(&right);
                }
            });
        }
        for _ in 0..100 {
            assert_eq!(folder.start().0, right);
        }
    });
    assert!(folder.find().0.keep(&right).unwrap().is_some());
    assert!(matches!(folder.start().1.origin, GeoOrigin::SameFile(_)));
}

#[test]
fn a_config_is_the_same_however_its_geo_database_came() {
    let folder = Folder::kept("DE");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let at = |name: &str| folder.folder.path().join(name);
    let text = fs::read_to_string(root.join("config.toml")).unwrap();
    let config = at("config.toml");
    let text = format!("{}\n", text.replace("\"embedded\"", "\"geo.mmdb\""));
    fs::write(&config, &text).unwrap();
    fs::create_dir(at("zones")).unwrap();
    let zone = "zones/example.org.zone";
    fs::copy(root.join(zone), at(zone)).unwrap();
    let plan = || {
        let loaded = files::load(&config).unwrap();
        let (is_ready, is_read) = (
            loaded.files.geo.is_some(),
            loaded.files.contains_key(&folder.source),
        );
        let watched = loaded.paths().any(|path| path == folder.source);
        assert!(watched, "its file is watched in any case");
        let compiled = waypost::config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
        (compiled.unwrap().0.plan, is_ready, is_read)
    };
    let (before, is_ready, is_read) = plan();
    assert!(is_ready && !is_read);
    fs::remove_dir_all(folder.state()).unwrap();
    let (after, is_ready, is_read) = plan();
    assert!(!is_ready && is_read);
    assert_eq!((before.digest, before.policy), (after.digest, after.policy));
    fs::write(&folder.source, file_of("SG")).unwrap();
    assert_ne!(plan().0.digest, after.digest);
}
