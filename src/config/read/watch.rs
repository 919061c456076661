//! `monitors` of a service or an endpoint: a list, or a combination.
//!
//! ```toml
//! monitors = ["web", "ping"]                                    # all of them
//! monitors = { need = 2, of = ["web", "ping", "tls"] }
//! monitors = { any = ["web", "web-8443"], report_only = ["ping"] }
//! monitors = { all = ["web", { not = "maintenance" }] }
//! ```
//!
//! In place of a name a combination may stand, but not in `report_only`, which is the outermost table's alone. Which
//! monitors there are is `compile`'s to know.
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::base::limits::COMBINATION_DEPTH;
use crate::config::reader::{At, Fields};
use crate::config::value::{self, Trouble, mismatch};
use crate::config::watch::WatchSpec;
use crate::plan::Combination;

use super::{items, plain};

type NamedCombination = Combination<At<String>>;

const HELP: &str = "write a list of monitors, or { need = 2, of = [ … ] }, { any = [ … ] }, { all = [ … ] }, { not = \"…\" }";
const KEYS: &[&str] = &["all", "any", "need", "not", "of", "report_only"];

/// Reads the key; `None` if it is absent.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<WatchSpec> {
    fields.key("monitors")?;
    // What does not fit is reported, and is not the same as nothing.
    if plain(fields.optional("monitors", is_list_of_names)) == Some(true) {
        let names = items(fields.list("monitors", value::text));
        return Some(WatchSpec {
            decide: all_of(names),
            report_only: Vec::new(),
        });
    }
    Some(plain(fields.optional("monitors", watch)).unwrap_or_default())
}

/// Tells a list without combinations, each item of which is read, and told of, by itself.
fn is_list_of_names(value: &DeValue<'_>) -> Result<bool, Trouble> {
    let items = value.as_array();
    Ok(items.is_some_and(|items| items.iter().all(|one| one.get_ref().as_table().is_none())))
}

fn all_of(names: Vec<At<String>>) -> Option<At<NamedCombination>> {
    let at = names.first()?.at.start..names.last()?.at.end;
    let of: Vec<NamedCombination> = names.into_iter().map(Combination::Monitor).collect();
    let least = of.len();
    Some(At {
        at,
        value: Combination::Need { least, of },
    })
}

fn watch(value: &DeValue<'_>) -> Result<WatchSpec, Trouble> {
    match value {
        DeValue::Array(items) => Ok(WatchSpec {
            decide: all(items, 0)?,
            report_only: Vec::new(),
        }),
        DeValue::Table(table) => whole(table),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => Err(mismatch("a list", value).with_help(HELP)),
    }
}

/// The outermost table.
fn whole(table: &DeTable<'_>) -> Result<WatchSpec, Trouble> {
    let report_only = match entry(table, "report_only") {
        None => Vec::new(),
        Some(value) => names(value)?,
    };
    let only_reports = table.len() == 1 && !report_only.is_empty();
    Ok(WatchSpec {
        decide: if only_reports {
            None
        } else {
            Some(combination(table, 0)?)
        },
        report_only,
    })
}

/// A list, all of which must hold; nothing of an empty one.
fn all(
    items: &[Spanned<DeValue<'_>>],
    depth: usize,
) -> Result<Option<At<NamedCombination>>, Trouble> {
    let of = parts(items, depth + 1)?;
    let (Some(first), Some(last)) = (items.first(), items.last()) else {
        return Ok(None);
    };
    Ok(Some(At {
        at: first.span().start..last.span().end,
        value: Combination::Need {
            least: of.len(),
            of,
        },
    }))
}

fn combination(table: &DeTable<'_>, depth: usize) -> Result<At<NamedCombination>, Trouble> {
    check_keys(table, depth)?;
    let given = ["all", "any", "not", "of"];
    let given = given
        .iter()
        .filter_map(|key| Some((*key, entry(table, key)?)));
    let given: Vec<(&str, &Spanned<DeValue<'_>>)> = given.collect();
    let [(key, value)] = given.as_slice() else {
        let message = "a combination of monitors has one of `all`, `any`, `not` and `of`";
        return Err(Trouble::new(message).with_help(HELP));
    };
    let need = entry(table, "need");
    let at = value.span();
    let combined = if *key == "not" {
        Combination::Not(Box::new(part(value, depth + 1)?))
    } else {
        let of = parts(list(value)?, depth + 1)?;
        Combination::Need {
            least: least(key, need, of.len())?,
            of,
        }
    };
    if need.is_some() && *key != "of" {
        let message =
            format!("`need` says how many `of` a list are needed, and `{key}` says so already");
        return Err(Trouble::new(message).with_help("write { need = 2, of = [ … ] }"));
    }
    Ok(At {
        value: combined,
        at,
    })
}

/// The number of parts of a list that must hold.
fn least(key: &str, need: Option<&Spanned<DeValue<'_>>>, count: usize) -> Result<usize, Trouble> {
    match (key, need) {
        _ if count == 0 => Err(Trouble::new(format!("`{key}` is empty")).with_help(HELP)),
        ("any", _) => Ok(1),
        ("of", Some(need)) => value::number(1..=u8::MAX)(need.get_ref())
            .map(usize::from)
            .and_then(|need| match need <= count {
                true => Ok(need),
                false => Err(
                    Trouble::new(format!("{need} of {count} monitors can never hold"))
                        .with_help(format!("`need` can be 1 to {count} here")),
                ),
            }),
        ("of", None) => {
            let message = "`of` has no `need`: how many of them must hold is not said";
            Err(Trouble::new(message)
                .with_help("write { need = 2, of = [ … ] }, or `all`, or `any`"))
        }
        _ => Ok(count),
    }
}

fn parts(items: &[Spanned<DeValue<'_>>], depth: usize) -> Result<Vec<NamedCombination>, Trouble> {
    items.iter().map(|item| part(item, depth)).collect()
}

/// A name, or a combination in its place.
fn part(item: &Spanned<DeValue<'_>>, depth: usize) -> Result<NamedCombination, Trouble> {
    if depth > COMBINATION_DEPTH {
        let message = format!("combinations lie {depth} deep in each other");
        return Err(Trouble::new(message).with_help(format!(
            "{COMBINATION_DEPTH} deep is the most: say it in fewer"
        )));
    }
    match item.get_ref().as_table() {
        Some(table) => combination(table, depth).map(|one| one.value),
        None => name(item).map(Combination::Monitor),
    }
}

fn names(value: &Spanned<DeValue<'_>>) -> Result<Vec<At<String>>, Trouble> {
    list(value)?.iter().map(name).collect()
}

fn name(item: &Spanned<DeValue<'_>>) -> Result<At<String>, Trouble> {
    Ok(At {
        value: value::text(item.get_ref())?,
        at: item.span(),
    })
}

fn list<'v, 't>(value: &'v Spanned<DeValue<'t>>) -> Result<&'v [Spanned<DeValue<'t>>], Trouble> {
    let items = value.get_ref().as_array();
    items
        .map(|items| &**items)
        .ok_or_else(|| mismatch("a list", value.get_ref()).with_help(HELP))
}

fn entry<'t, 'v>(table: &'t DeTable<'v>, key: &str) -> Option<&'t Spanned<DeValue<'v>>> {
    let mut entries = table.iter();
    entries
        .find(|(name, _)| name.get_ref() == key)
        .map(|(_, value)| value)
}

fn check_keys(table: &DeTable<'_>, depth: usize) -> Result<(), Trouble> {
    for (name, _) in table {
        let name: &str = name.get_ref();
        if !KEYS.contains(&name) {
            return Err(Trouble::new(format!("unknown key `{name}` in `monitors`"))
                .with_help(format!("known keys: {}", KEYS.join(", "))));
        }
        if name == "report_only" && depth > 0 {
            let message = "`report_only` stands beside a combination, not within one";
            return Err(
                Trouble::new(message).with_help("write it in the outermost table of `monitors`")
            );
        }
    }
    Ok(())
}
