//! The guard rails of a drill: what must hold while it is played, by the server's own metrics.
//!
//! # What stops it
//! The engine does not answer, or the node doubts itself; a service fails open or is down for some clients, which it was not at the
//! beginning (with a fence that is strict, nobody is left inside it); an endpoint that the drill has not drained is down now;
//! a region carries more than its bound; more answers went wrong than the budget allows; another config is in force.
//!
//! Orders that would do damage the server refuses by itself: a drill never forces one.
use std::collections::{BTreeMap, BTreeSet};

/// A scrape: each series with its labels, and its value.
pub(super) struct Scrape(BTreeMap<String, f64>);

/// The bounds of a drill.
#[derive(Clone, Copy, Debug)]
pub(super) struct DrillBounds {
    /// Most of its capacity that a region may carry, percent.
    pub(super) load: u16,
    /// Most answers that may go wrong, permille.
    pub(super) errors: u16,
}

/// The state at the beginning, and what may become of it.
pub(super) struct Guards {
    bounds: DrillBounds,
    /// Series of [`ALARMS`] that were raised, and endpoints that were down.
    known: BTreeSet<String>,
    answers: AnswerCounts,
    config: BTreeSet<String>,
}

/// AnswerCounts that were counted.
#[derive(Clone, Copy, Debug, Default)]
struct AnswerCounts {
    all: f64,
    wrong: f64,
}

/// Series that are 1 while something is wrong.
const ALARMS: [(&str, &str); 2] = [
    ("waypost_fail_open", "fails open"),
    ("waypost_all_down", "has nothing for some clients"),
];

impl Scrape {
    /// Reads the text format of Prometheus.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        });
        Self(series.collect())
    }

    /// The series of one family.
    fn family<'s>(&'s self, name: &'s str) -> impl Iterator<Item = (&'s str, f64)> {
        let series = self
            .0
            .iter()
            .map(|(series, value)| (series.as_str(), *value));
        series.filter(move |(series, _)| {
            let rest = series.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        })
    }

    fn value(&self, name: &str) -> f64 {
        self.family(name).map(|(_, value)| value).sum()
    }

    fn answers(&self) -> AnswerCounts {
        let queries = self.family("waypost_queries_total");
        let failed = queries.filter(|(series, _)| label(series, "rcode") == Some("SERVFAIL"));
        let failed: f64 = failed.map(|(_, value)| value).sum();
        AnswerCounts {
            all: self.value("waypost_queries_total"),
            wrong: failed + self.value("waypost_fail_open_answers_total"),
        }
    }

    fn policies(&self) -> BTreeSet<String> {
        let infos = self.family("waypost_config_info");
        let policies = infos.filter_map(|(series, _)| label(series, "policy"));
        policies.map(str::to_owned).collect()
    }

    /// Alarms that are raised now.
    fn alarms(&self) -> impl Iterator<Item = (&str, &'static str)> {
        ALARMS.iter().flat_map(|(name, words)| {
            let raised = self.family(name).filter(|(_, value)| *value > 0.0);
            raised.map(|(series, _)| (series, *words))
        })
    }

    fn down(&self) -> impl Iterator<Item = &str> {
        let endpoints = self.family("waypost_endpoint_up");
        endpoints
            .filter(|(_, value)| *value < 1.0)
            .map(|(series, _)| series)
    }
}

impl Guards {
    /// Guards that hold from now on.
    ///
    /// # Errors
    /// Why nothing should be begun.
    pub(super) fn set(bounds: DrillBounds, scrape: &Scrape) -> Result<Self, String> {
        let alarms = scrape.alarms().map(|(series, _)| series.to_owned());
        let down = scrape.down().map(str::to_owned);
        let guards = Self {
            bounds,
            known: alarms.chain(down).collect(),
            answers: scrape.answers(),
            config: scrape.policies(),
        };
        guards.judge(scrape, &BTreeSet::new())?;
        Ok(guards)
    }

    /// Judges a scrape while these endpoints are, or were, drained.
    ///
    /// # Errors
    /// Why the drill must stop.
    pub(super) fn judge(&self, scrape: &Scrape, drained: &BTreeSet<String>) -> Result<(), String> {
        if scrape.value("waypost_engine_responding") < 1.0 {
            return Err("the engine does not answer".to_owned());
        }
        if scrape.value("waypost_doubting") > 0.0 {
            return Err("the node doubts its own probes".to_owned());
        }
        if scrape.policies() != self.config {
            return Err("another config is in force".to_owned());
        }
        let mut new = scrape
            .alarms()
            .filter(|(series, _)| !self.known.contains(*series));
        if let Some((series, words)) = new.next() {
            let service = label(series, "service").unwrap_or(series);
            return Err(format!("service {service} {words}"));
        }
        let down = scrape.down().filter(|series| !self.known.contains(*series));
        let mut down = down.filter_map(|series| label(series, "endpoint"));
        if let Some(endpoint) = down.find(|name| !drained.contains(*name)) {
            return Err(format!("{endpoint} is down, and not by this drill"));
        }
        self.judge_load(scrape)?;
        self.judge_answers(scrape.answers())
    }

    fn judge_load(&self, scrape: &Scrape) -> Result<(), String> {
        for (series, load) in scrape.family("waypost_region_load") {
            let capacity = series.replacen("_load", "_capacity", 1);
            let Some(capacity) = scrape.0.get(&capacity) else {
                continue;
            };
            let percent = 100.0 * load / capacity;
            if percent > f64::from(self.bounds.load) {
                let region = label(series, "region").unwrap_or(series);
                let bound = self.bounds.load;
                return Err(format!(
                    "region {region} carries {percent:.0} % of its capacity; the bound is {bound} %"
                ));
            }
        }
        Ok(())
    }

    fn judge_answers(&self, now: AnswerCounts) -> Result<(), String> {
        let (all, wrong) = (now.all - self.answers.all, now.wrong - self.answers.wrong);
        if wrong > 0.0 && wrong * 1000.0 > all * f64::from(self.bounds.errors) {
            return Err(format!(
                "{wrong} of {all} answers went wrong; the bound is {} of 1000",
                self.bounds.errors
            ));
        }
        Ok(())
    }
}

/// The value of a label.
fn label<'s>(series: &'s str, name: &str) -> Option<&'s str> {
    let (_, rest) = series.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "# HELP x y
waypost_engine_responding 1
waypost_doubting 0
waypost_config_info{plan=\"1\",policy=\"2\"} 1
waypost_fail_open{service=\"old\"} 1
waypost_fail_open{service=\"api\"} 0
waypost_endpoint_up{region=\"eu\",endpoint=\"fra\",family=\"v4\"} 1
waypost_endpoint_up{region=\"eu\",endpoint=\"gone\",family=\"v4\"} 0
waypost_region_load{region=\"eu\"} 50
waypost_region_capacity{region=\"eu\"} 100
waypost_queries_total{rcode=\"NOERROR\"} 1000
waypost_queries_total{rcode=\"SERVFAIL\"} 50
waypost_fail_open_answers_total{service=\"old\"} 7
";

    fn judge(from: &str, to: &str) -> Result<(), String> {
        let bounds = DrillBounds {
            load: 90,
            errors: 1,
        };
        let guards = Guards::set(bounds, &Scrape::read(WELL)).unwrap();
        assert!(WELL.contains(from), "{from}");
        let drained = BTreeSet::from(["drained".to_owned()]);
        guards.judge(&Scrape::read(&WELL.replace(from, to)), &drained)
    }

    #[test]
    fn what_was_so_before_stops_nothing() {
        assert_eq!(judge("0", "0"), Ok(()));
        let answers = "waypost_queries_total{rcode=\"NOERROR\"} 1000";
        let more = "waypost_queries_total{rcode=\"NOERROR\"} 3000";
        assert_eq!(judge(answers, more), Ok(()));
        let drained =
            "waypost_endpoint_up{region=\"eu\",endpoint=\"drained\"} 0\nwaypost_doubting 0";
        assert_eq!(judge("waypost_doubting 0", drained), Ok(()));
        assert_eq!(judge("{region=\"eu\"} 50", "{region=\"eu\"} 90"), Ok(()));
    }

    #[test]
    fn each_bound_stops_it() {
        for (from, to, why) in [
            ("responding 1", "responding 0", "does not answer"),
            ("doubting 0", "doubting 1", "doubts"),
            ("policy=\"2\"", "policy=\"3\"", "another config"),
            (
                "{service=\"api\"} 0",
                "{service=\"api\"} 1",
                "api fails open",
            ),
            (
                "\"fra\",family=\"v4\"} 1",
                "\"fra\",family=\"v4\"} 0",
                "fra is down",
            ),
            ("{region=\"eu\"} 50", "{region=\"eu\"} 91", "carries 91 %"),
            ("\"SERVFAIL\"} 50", "\"SERVFAIL\"} 51", "1 of 1 answers"),
            ("{service=\"old\"} 7", "{service=\"old\"} 8", "went wrong"),
        ] {
            let told = judge(from, to).unwrap_err();
            assert!(told.contains(why), "{why}: {told}");
        }
    }
}
