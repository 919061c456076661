//! `[services.NAME.steering]`: how a service's clients prefer its regions, where that is not by the regions' own maps.
use super::place::{client_place, serves};
use crate::base::Permille;
use crate::config::reader::{At, Fields};
use crate::config::spec::Serves;
use crate::config::steering::SteeringSpec;
use crate::config::value::{self, Trouble, mismatch};
use crate::plan::{FamilyPairing, SteeringPolicy, Subnets};
use toml::de::DeValue;

/// The most of the clients of a tier or region that may go to the next one while it is well.
const TRICKLE_MOST: Permille = Permille(500);

/// The word in `fallback` that is no region.
const CLOSED: &str = "closed";

/// One value of `fallback`.
enum Fallback {
    Regions(Vec<At<String>>),
    Closed(bool),
}

pub(super) fn read(service: &mut Fields<'_, '_>) -> Option<SteeringSpec> {
    let mut fields = service.table("steering")?;
    let at = fields.at();
    let policy = fields.optional("policy", value::word(SteeringPolicy::WORDS));
    let claims = fields
        .key("serves")
        .map(|_| fields.pairs("serves", list_of(serves)));
    let fallback = fields.pairs("fallback", fallback);
    let steering = SteeringSpec {
        policy: policy.unwrap_or(At {
            value: SteeringPolicy::Place,
            at,
        }),
        order: fields.list("order", value::text),
        weights: fields.pairs("weights", value::number(0..=65_535)),
        serves: claims.map(|all| {
            let all = all.into_iter();
            all.map(|(region, claims)| (region, claims.value)).collect()
        }),
        is_closed: fallback
            .iter()
            .any(|(_, one)| matches!(one.value, Fallback::Closed(true))),
        fallback: regions(fallback, &fields),
        places: places(&mut fields),
        bias: fields.pairs("bias", value::number(-99..=99)),
        trickle: trickle(&mut fields, "trickle"),
        region_trickle: trickle(&mut fields, "region_trickle"),
        measured: fields.optional("measured", value::path),
        tolerance: fields.optional("tolerance", value::span),
        hysteresis: fields.optional("hysteresis", value::span),
        sticky: fields.optional("sticky", value::boolean),
        families: fields.optional("families", value::word(FamilyPairing::WORDS)),
        subnets: match fields.optional("ecs", value::boolean).map(|ecs| ecs.value) {
            Some(false) => Subnets::PassedOver,
            Some(true) | None => Subnets::Counted,
        },
    };
    fields.finish();
    Some(steering)
}

/// `{ eu-frankfurt = ["na-toronto"], closed = true }` without the word that is no region.
fn regions(
    fallback: Vec<(At<String>, At<Fallback>)>,
    fields: &Fields<'_, '_>,
) -> Vec<(At<String>, Vec<At<String>>)> {
    let mut list = Vec::new();
    for (name, value) in fallback {
        let (help, message) = match (value.value, name.value == CLOSED) {
            (Fallback::Regions(regions), false) => {
                list.push((name, regions));
                continue;
            }
            (Fallback::Closed(_), true) => continue,
            (Fallback::Regions(_), true) => (
                "write `closed = true` to send nobody beyond these lists",
                "`closed` is true or false",
            ),
            (Fallback::Closed(_), false) => (
                "write a list of regions such as [\"na-toronto\"]",
                "a fallback is a list of regions",
            ),
        };
        fields
            .reader()
            .error(&value.at, message.to_owned(), |found| {
                found.help(help);
            });
    }
    list
}

/// A part that is small.
fn trickle(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<At<Permille>> {
    let own = fields.optional(key, value::percent)?;
    if own.value > TRICKLE_MOST {
        fields
            .reader()
            .error(&own.at, "more than half is no trickle", |found| {
                found.help("write a small part such as \"1%\"; weights share clients out");
            });
        return None;
    }
    Some(own)
}

fn fallback(value: &DeValue<'_>) -> Result<Fallback, Trouble> {
    match value.as_bool() {
        Some(closed) => Ok(Fallback::Closed(closed)),
        None => list_of(value::text)(value).map(Fallback::Regions),
    }
}

/// `{ AU = ["ap-singapore", "na-toronto"] }`.
fn places(fields: &mut Fields<'_, '_>) -> Vec<(At<Serves>, Vec<At<String>>)> {
    let all = fields.pairs("places", list_of(value::text));
    let reader = fields.reader();
    let mut list = Vec::new();
    for (place, regions) in all {
        match client_place(&place.value) {
            Ok(value) => list.push((
                At {
                    value,
                    at: place.at,
                },
                regions.value,
            )),
            Err(trouble) => reader.trouble(&place.at, trouble),
        }
    }
    list
}

/// A list inside a table whose keys the user makes up.
fn list_of<T>(
    parse: impl Fn(&DeValue<'_>) -> Result<T, Trouble>,
) -> impl Fn(&DeValue<'_>) -> Result<Vec<At<T>>, Trouble> {
    move |value| {
        let items = value.as_array().ok_or_else(|| mismatch("a list", value))?;
        let items = items.iter().map(|item| {
            Ok(At {
                value: parse(item.get_ref())?,
                at: item.span(),
            })
        });
        items.collect()
    }
}
