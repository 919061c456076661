//! Man pages and completions, as the programs judge them that read them.
use std::fs;

use crate::world::{World, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_waypost");

#[test]
fn every_command_has_a_man_page_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (text, well) = run(PROGRAM, &["man", folder.path().to_str().unwrap()]);
    assert!(well && text.is_empty(), "{text}");
    let pages: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    assert!(pages.len() > 30, "{pages:?}");
    let judge = |pages: &[&str]| run("groff", &[&["-man", "-Tutf8", "-ww", "-z"], pages].concat());
    let (text, well) = judge(&pages.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(well && text.is_empty(), "{text}");
    let page = fs::read_to_string(folder.path().join("waypost-keys-roll.1")).unwrap();
    assert!(page.contains("\\fB\\-\\-ksk\\fR"), "{page}");
    // The judge can say no.
    let wrong = folder.path().join("wrong.1");
    fs::write(&wrong, ".TH wrong 1\n.SH NAME\n.nonsense\n").unwrap();
    let (text, _) = judge(&[wrong.to_str().unwrap()]);
    assert!(text.contains("nonsense"), "{text}");
}

#[test]
fn shells_complete_subcommands() {
    let world = World::new();
    let script = |shell: &str| {
        let (text, well) = run(PROGRAM, &["completions", shell]);
        assert!(well, "{text}");
        world.write(shell, &text).to_str().unwrap().to_owned()
    };
    let asked = r#"source "$1"
complete -p waypost
ask() { COMP_WORDS=(waypost "$@"); COMP_CWORD=$#; _waypost waypost "${@: -1}" "${COMP_WORDS[$#-1]}"; echo "${COMPREPLY[@]}"; }
ask undr
ask keys ro"#;
    let bash = script("bash");
    let (text, well) = run("bash", &["--norc", "-ec", asked, "bash", &bash]);
    let mut lines = text.lines();
    assert!(well, "{text}");
    assert!(
        lines
            .next()
            .is_some_and(|line| line.contains("-F _waypost")),
        "{text}"
    );
    assert_eq!(lines.collect::<Vec<_>>(), ["undrain", "roll"], "{text}");
    let fish = script("fish");
    let asked = "source $argv[1]; complete --do-complete 'waypost undr'";
    let (text, well) = run("fish", &["--no-config", "-c", asked, &fish]);
    assert!(well && text.starts_with("undrain\t"), "{text}");
    let zsh = script("zsh");
    let (text, well) = run("zsh", &["-f", "-n", &zsh]);
    assert!(well && text.is_empty(), "{text}");
    assert!(
        fs::read_to_string(&zsh)
            .unwrap()
            .starts_with("#compdef waypost")
    );
}
