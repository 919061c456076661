//! `catalog` of `[[zones]]` (RFC 9432): a zone that lists zones, made here or followed.
//!
//! ```toml
//! catalog = {}                                  # made here, of all zones that have `transfer`
//! catalog = { members = ["example.org"] }       # or of these
//! catalog = { folder = "state/members" }        # with `primaries`: what it lists is fetched from them, too
//! ```
use crate::config::reader::{At, Fields};
use crate::config::spec::CatalogSpec;
use crate::config::value::{self, path};

/// The role of a zone as a catalog, if it has one.
pub(super) fn catalog(
    zone: &mut Fields<'_, '_>,
    comes_from_primaries: bool,
) -> Option<CatalogSpec> {
    let mut fields = zone.table("catalog")?;
    let members = fields.list("members", value::domain);
    let folder = fields.optional("folder", path);
    let spec = match (comes_from_primaries, members, folder) {
        (true, None, Some(folder)) => Some(CatalogSpec::Followed(folder)),
        (true, None, None) => {
            fields.missing("folder", r#"write `folder = "state/members"`: copies of the zones that it lists are kept there"#);
            None
        }
        (true, Some(members), _) => {
            let help = "its primary says what it lists: leave `members` out, or leave `primaries` out to make it here";
            fields.reader().error(
                &members.at,
                "a catalog that comes from primaries has no `members` here",
                |found| {
                    found.help(help);
                },
            );
            None
        }
        (false, members, None) => Some(CatalogSpec::Made(members.map(|list| list.value))),
        (false, _, Some(folder)) => {
            fields.reader().error(&folder.at, "a catalog that is made here fetches nothing", |found| {
                found.help("write `primaries` beside `catalog` to follow one, or leave `folder` out to make one");
            });
            None
        }
    };
    fields.finish();
    spec
}

/// The zone's file; a catalog that is made here has none.
pub(super) fn file(zone: &mut Fields<'_, '_>, catalog: Option<&CatalogSpec>) -> Option<At<String>> {
    if !matches!(catalog, Some(CatalogSpec::Made(..))) || zone.is_surveyed() {
        return zone.required("file", r#""zones/example.org.zone""#, path);
    }
    let file = zone.optional("file", path)?;
    zone.reader().error(
        &file.at,
        "a catalog that is made here has no file",
        |found| {
            found.help("leave `file` out: what it lists follows from the config");
        },
    );
    None
}
