//! The audit log over rotations, restarts and tampering.
use serde_json::json;

use super::*;

fn entry(what: &str) -> AuditEntry {
    AuditEntry {
        identity: "ada (token ops)".to_owned(),
        way: "http".to_owned(),
        what: json!({ "action": what }),
        reason: "a \"quoted\" reason".to_owned(),
        ..AuditEntry::default()
    }
}

fn log(path: &Path, most: u64) -> AuditLog {
    let (log, trouble) = AuditLog::open(path, most, Clock::start());
    assert_eq!(trouble, None);
    log
}

/// A log of five lines.
fn five(path: &Path) -> Vec<String> {
    let log = log(path, u64::MAX);
    for number in 1..=5 {
        assert_eq!(log.record(&entry(&format!("drain {number}"))), Ok(number));
    }
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_line_says_who_what_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let lines = five(&folder.path().join("audit.jsonl"));
    let line: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(
        (&line["seq"], &line["outcome"]),
        (&json!(2), &json!("begun"))
    );
    assert_eq!(line["identity"], "ada (token ops)");
    let time = line["time"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.len() == 24, "{time}");
    let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["prev"], first["hash"]);
    assert_eq!(first["prev"], line::GENESIS);
}

#[test]
fn a_line_that_was_altered_dropped_or_moved_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let lines = five(&path);
    let whole = verify(std::slice::from_ref(&path)).unwrap();
    assert_eq!((whole.first, whole.last), (1, 5));
    let broken_at = |lines: &[String]| {
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        verify(std::slice::from_ref(&path)).map_err(|broken| broken.line)
    };
    for index in 0..5 {
        let mut altered = lines.clone();
        altered[index] = altered[index].replace("ada", "eve");
        assert_eq!(broken_at(&altered), Err(index + 1), "altered");
    }
    for index in 1..4 {
        let mut dropped = lines.clone();
        dropped.remove(index);
        assert_eq!(broken_at(&dropped), Err(index + 1), "dropped");
        let mut moved = lines.clone();
        moved.swap(index, index + 1);
        assert_eq!(broken_at(&moved), Err(index + 1), "moved");
    }
    // One that was forged with a hash of its own, and the one behind it does not know it.
    let mut forged = lines.clone();
    let prev = line::read(&lines[1]).unwrap().hash;
    let (text, _) = line::write(&entry("nothing"), 3, 0, &prev).unwrap();
    forged[2] = text.trim_end().to_owned();
    assert_eq!(broken_at(&forged), Err(4));
    // A cut end is only seen by whoever knows the head.
    assert_ne!(broken_at(&lines[..4]).unwrap().head, whole.head);
}

#[test]
fn the_chain_goes_on_over_rotations_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/audit.jsonl");
    for round in 0..4 {
        let log = log(&path, 900);
        for number in 1..=3 {
            assert_eq!(log.record(&entry("drain")), Ok(3 * round + number));
        }
    }
    let all = files(&path).unwrap();
    assert!(all.len() > 2, "{all:?}");
    let whole = verify(&all).unwrap();
    assert_eq!((whole.first, whole.last), (1, 12));
    // Older files may be gone.
    assert!(verify(&all[1..]).unwrap().first > 1);
    // A file in between may not.
    let gap = [&all[..1], &all[2..]].concat();
    assert!(verify(&gap).is_err());
}

#[test]
fn the_chain_goes_on_though_somebody_took_the_file_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = log(&path, u64::MAX);
    log.record(&entry("one")).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    assert_eq!(log.record(&entry("two")), Ok(2));
    assert_eq!(verify(&[elsewhere, path]).unwrap().last, 2);
}

#[test]
fn a_torn_line_is_put_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    five(&path);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"seq\":6,\"ti").unwrap();
    assert!(verify(std::slice::from_ref(&path)).is_err());
    assert_eq!(log(&path, u64::MAX).record(&entry("six")), Ok(6));
    assert_eq!(verify(&[path]).unwrap().last, 6);
    let torn = fs::read(folder.path().join("audit.jsonl-torn")).unwrap();
    assert_eq!(torn, b"{\"seq\":6,\"ti");
}

/// `/dev/full` is a disk that is full.
#[test]
fn a_full_disk_is_an_error_and_no_half_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = log(&path, u64::MAX);
    log.record(&entry("one")).unwrap();
    {
        let mut chain = log.chain.lock().unwrap();
        let open = chain.open.take().unwrap();
        let full = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/full")
            .unwrap();
        chain.path = "/dev/full".into();
        chain.open = Some(OpenChain { file: full, ..open });
    }
    let refused = log.record(&entry("two")).unwrap_err();
    assert!(refused.contains("No space left"), "{refused}");
    let mut chain = log.chain.lock().unwrap();
    chain.path.clone_from(&path);
    chain.open = None;
    drop(chain);
    assert_eq!(log.record(&entry("two")), Ok(2));
    assert_eq!(verify(&[path]).unwrap().last, 2);
}

#[test]
fn what_was_not_there_when_it_was_wanted_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("state");
    fs::write(&in_the_way, "a file where a folder should be").unwrap();
    let path = in_the_way.join("audit.jsonl");
    let (log, trouble) = AuditLog::open(&path, u64::MAX, Clock::start());
    assert!(trouble.unwrap().contains("audit.jsonl"));
    assert!(log.record(&entry("one")).is_err());
    fs::remove_file(&in_the_way).unwrap();
    assert_eq!(log.record(&entry("one")), Ok(1));
}
