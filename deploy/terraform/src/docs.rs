//! The pages of the docs for the registry, made from the descriptions of the blocks and the files of `examples`.
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::provider::{BLOCK, RESOURCES, SOURCES};
use crate::schema::{Attribute, Block, Mode};

/// Writes all pages below a folder that has `examples` beside it.
pub(crate) fn write(folder: &Path) -> Result<(), String> {
    for (path, text) in pages(&folder.with_file_name("examples"))? {
        let path = folder.join(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = made.and_then(|()| fs::write(&path, text));
        written.map_err(|error| format!("{}: {error}\n", path.display()))?;
    }
    Ok(())
}

/// All pages: their place below the folder, and their text.
fn pages(examples: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let page = |block: &Block, kind: &str, file: &str| {
        let folder = match kind {
            "provider" => examples.join(kind),
            kind => examples.join(kind).join(block.name),
        };
        let example = folder.join(file);
        let example = fs::read_to_string(&example)
            .map_err(|error| format!("{}: {error}\n", example.display()))?;
        Ok::<_, String>(page(block, kind, &example))
    };
    let mut pages = vec![("index.md".into(), page(&BLOCK, "provider", "provider.tf")?)];
    for (blocks, kind, file) in [
        (&RESOURCES[..], "resources", "resource.tf"),
        (&SOURCES[..], "data-sources", "data-source.tf"),
    ] {
        for block in blocks {
            let name = block.name.trim_start_matches("waypost_");
            let path = Path::new(kind).join(format!("{name}.md"));
            pages.push((path, page(block, kind, file)?));
        }
    }
    Ok(pages)
}

fn page(block: &Block, kind: &str, example: &str) -> String {
    let (title, word) = match kind {
        "resources" => (block.name.to_owned(), "Resource"),
        "data-sources" => (block.name.to_owned(), "Data Source"),
        _ => (format!("{} Provider", block.name), ""),
    };
    let heading = format!(
        "{title} {}",
        if word.is_empty() {
            String::new()
        } else {
            format!("({word})")
        }
    );
    let mut text = format!(
        "---\npage_title: \"{}\"\ndescription: |-\n  {}\n---\n\n# {}\n\n{}\n\n## Example Usage\n\n```terraform\n{}\n```\n\n## Schema\n",
        heading.trim(),
        block.summary,
        heading.trim(),
        block.text,
        example.trim()
    );
    for (title, modes) in [
        ("Required", &[Mode::Required][..]),
        ("Optional", &[Mode::Optional, Mode::Defaulted]),
        ("Read-Only", &[Mode::Computed]),
    ] {
        let own = block.attributes.iter();
        let own: Vec<&Attribute> = own.filter(|own| modes.contains(&own.mode)).collect();
        if own.is_empty() {
            continue;
        }
        // Nothing can fail that writes into memory.
        let _ = write!(text, "\n### {title}\n\n");
        for Attribute {
            name,
            kind,
            text: meaning,
            ..
        } in own
        {
            let _ = writeln!(text, "- `{name}` ({}) {meaning}", kind.word());
        }
    }
    if let Some((form, example)) = block.import {
        let _ = write!(
            text,
            "\n## Import\n\nBy `{form}`:\n\n```shell\nterraform import {}.example {example}\n```\n",
            block.name
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_are_what_the_schema_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        for (path, text) in pages(&folder.with_file_name("examples")).unwrap() {
            let path = folder.join(path);
            let written = fs::read_to_string(&path).unwrap_or_default();
            let hint = "cargo run --manifest-path deploy/terraform/Cargo.toml -- docs deploy/terraform/docs";
            assert_eq!(written, text, "{}: {hint}", path.display());
        }
    }
}
