//! `waypost verify --report`: the proof as a page for an auditor, in HTML that needs nothing beside it.
//!
//! It says by law (GDPR, CCPA, PIPEDA, PDPA) where the clients in that law's territory can be sent, by which statements of the
//! config that is so, how it was proved, and of which texts. Everything in it is taken from the proof and the plan: the page
//! decides nothing, and says nothing of what machines do with data once a client has reached them.
use std::collections::BTreeSet;

use serde_json::Value;

use crate::audit::verify::{ClientsProof, Proof, ServiceProof, Verdict};
use crate::geo::{Country, country};
use crate::plan::{Plan, Residency};

/// A law, and the countries whose clients it is about.
struct AuditedLaw {
    name: &'static str,
    title: &'static str,
    /// Built-in lists and countries.
    territory: &'static [&'static str],
    note: &'static str,
}

const LAWS: [AuditedLaw; 4] = [
    AuditedLaw {
        name: "GDPR",
        title: "General Data Protection Regulation, (EU) 2016/679",
        territory: &["@EEA"],
        note: "Clients in the European Economic Area. Chapter V is about transfers to other countries: regions of another \
               jurisdiction in this table are such, and need a basis (Art. 45 to 49). Each one is named in the column of jurisdictions.",
    },
    AuditedLaw {
        name: "CCPA",
        title: "California Consumer Privacy Act, Cal. Civ. Code § 1798.100 ff.",
        territory: &["US"],
        note: "Clients in the United States: a proof by country does not tell California from the rest, unless the config has a \
               jurisdiction for US-CA. The act does not bind data to a place; the table shows where they are served.",
    },
    AuditedLaw {
        name: "PIPEDA",
        title: "Personal Information Protection and Electronic Documents Act, S.C. 2000, c. 5",
        territory: &["CA"],
        note: "Clients in Canada. An organisation stays accountable for what is processed abroad (Principle 4.1.3).",
    },
    AuditedLaw {
        name: "PDPA",
        title: "Personal Data Protection Act 2012 of Singapore",
        territory: &["SG"],
        note: "Clients in Singapore. Section 26 is about transfers out of Singapore: regions of another jurisdiction in this table are such.",
    },
];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border:1px solid #888;padding:.3rem .5rem;text-align:left;vertical-align:top}\
th{background:#eee}code,pre{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}pre{overflow-x:auto;border:1px solid #888;padding:.5rem}\
.proved{color:#060}.broken{color:#a00;font-weight:bold}@media print{body{margin:0}}";

/// The whole page. The source is as `verify --json` has it.
pub(super) fn page(plan: &Plan, proof: &Proof, source: &Value) -> String {
    let mut out = ReportPage::default();
    out.push("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Where clients are sent: proof</title>\n");
    out.push(&format!(
        "<style>{STYLE}</style>\n</head>\n<body>\n<h1>Where clients are sent</h1>\n"
    ));
    summary(&mut out, proof, source);
    statements(&mut out, plan, proof);
    for law in &LAWS {
        of_law(&mut out, law, proof);
    }
    method(&mut out, proof);
    out.heading("The whole proof");
    out.push("<pre>");
    out.text(proof.to_string().trim_end());
    out.push("</pre>\n");
    files(&mut out, source);
    out.push("</body>\n</html>\n");
    out.text
}

/// A page that is being written.
#[derive(Default)]
struct ReportPage {
    text: String,
}

impl ReportPage {
    fn push(&mut self, html: &str) {
        self.text.push_str(html);
    }

    /// Text as it stands, whatever is in it.
    fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.push("&amp;"),
                '<' => self.push("&lt;"),
                '>' => self.push("&gt;"),
                '"' => self.push("&quot;"),
                _ => self.text.push(letter),
            }
        }
    }

    fn heading(&mut self, text: &str) {
        self.push("<h2>");
        self.text(text);
        self.push("</h2>\n");
    }

    fn paragraph(&mut self, text: &str) {
        self.push("<p>");
        self.text(text);
        self.push("</p>\n");
    }

    fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        self.push("<table>\n<thead><tr>");
        for cell in head {
            self.push("<th scope=\"col\">");
            self.text(cell);
            self.push("</th>");
        }
        self.push("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.push("<tr>");
            for cell in row {
                self.push("<td>");
                self.text(cell);
                self.push("</td>");
            }
            self.push("</tr>\n");
        }
        self.push("</tbody>\n</table>\n");
    }
}

fn summary(out: &mut ReportPage, proof: &Proof, source: &Value) {
    let (class, words) = match proof.result {
        Verdict::Proved => (
            "proved",
            "Proved: no state of health leads a client of a strict service out of its fence, and every client has an answer.",
        ),
        Verdict::Broken => (
            "broken",
            "Not proved: there are counterexamples, which the whole proof below shows.",
        ),
    };
    out.push(&format!("<p class=\"{class}\">{words}</p>\n"));
    let row = |name: &str, value: &Value| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        vec![name.to_owned(), value]
    };
    let config = &source["files"][0];
    let rows = [
        row("judged at", &source["judged_at"]),
        row("config", &config["path"]),
        row("SHA-256 of the config", &config["sha256"]),
        row(
            "digest of the plan, as `waypost status` shows it",
            &source["digest"],
        ),
        row("geo database", &source["geo_database"]),
        row("built at", &source["geo_built_at"]),
        row("Waypost", &source["version"]),
    ];
    out.table(&["what", "value"], &rows);
    out.paragraph(
        "A server sends clients to places by DNS answers: this page is about those alone. It says nothing of what the machines at those places \
         do with data, and it is no legal advice. A place is found by the client's network in the geo database named above, which is right as far as that is.",
    );
}

/// Statements of the config that nobody but its author can know.
fn statements(out: &mut ReportPage, plan: &Plan, proof: &Proof) {
    out.heading("Statements that it rests on");
    out.paragraph("The config states these. They are taken as they are: whether a data centre is where it is said to be cannot be seen from here.");
    let jurisdictions: Vec<Vec<String>> = plan
        .jurisdictions
        .iter()
        .map(|own| {
            let countries = own.countries.iter().map(ToString::to_string);
            let parts = own.subdivisions.iter().map(ToString::to_string);
            let others = own
                .may_use
                .iter()
                .map(|id| plan.jurisdictions[id.index()].name.clone());
            vec![own.name.clone(), list(countries.chain(parts)), list(others)]
        })
        .collect();
    out.table(
        &[
            "jurisdiction",
            "countries and parts of countries",
            "data may lie as well in",
        ],
        &jurisdictions,
    );
    let regions: Vec<Vec<String>> = plan
        .regions
        .iter()
        .map(|own| {
            let law = own
                .jurisdiction
                .map(|id| plan.jurisdictions[id.index()].name.clone());
            vec![
                own.name.clone(),
                law.unwrap_or_else(|| "none stated".to_owned()),
            ]
        })
        .collect();
    out.table(&["region", "jurisdiction"], &regions);
    if !proof.rests_on.is_empty() {
        let named: Vec<Vec<String>> = proof
            .rests_on
            .iter()
            .map(|own| {
                let law = own
                    .jurisdiction
                    .clone()
                    .unwrap_or_else(|| "anywhere".to_owned());
                vec![
                    own.service.clone(),
                    own.endpoint.clone(),
                    own.name.clone(),
                    law,
                ]
            })
            .collect();
        out.table(
            &[
                "service",
                "endpoint",
                "name",
                "whatever answers for it is in",
            ],
            &named,
        );
    }
}

fn of_law(out: &mut ReportPage, law: &AuditedLaw, proof: &Proof) {
    out.heading(&format!("{}: {}", law.name, law.title));
    out.paragraph(law.note);
    let territory = territory(law);
    let rows: BTreeSet<Vec<String>> = proof
        .services
        .iter()
        .flat_map(|service| {
            let clients = service.clients.iter();
            let here =
                clients.filter(|own| own.who.countries.iter().any(|one| territory.contains(one)));
            here.map(|own| row(service, own, &territory))
        })
        .collect();
    if rows.is_empty() {
        out.paragraph("No service of this config has clients there.");
        return;
    }
    let head = [
        "service",
        "residency",
        "clients",
        "jurisdiction of the clients",
        "answers may lie in",
        "can be sent to",
        "in jurisdictions",
        "verdict",
    ];
    out.table(&head, &rows.into_iter().collect::<Vec<_>>());
}

fn territory(law: &AuditedLaw) -> BTreeSet<Country> {
    let all = law.territory.iter().flat_map(|word| {
        let one = || Country::parse(word).into_iter().collect();
        country::list(word).unwrap_or_else(one)
    });
    all.collect()
}

fn row(
    service: &ServiceProof,
    clients: &ClientsProof,
    territory: &BTreeSet<Country>,
) -> Vec<String> {
    let residency = match service.residency {
        Residency::Any => "any",
        Residency::Prefer => "prefer",
        Residency::Strict => "strict",
    };
    let regions = || clients.reach.iter().flat_map(|reach| &reach.regions);
    let names: BTreeSet<String> = regions().map(|own| own.region.clone()).collect();
    let laws: BTreeSet<String> = regions()
        .map(|own| {
            own.jurisdiction
                .clone()
                .unwrap_or_else(|| "none stated".to_owned())
        })
        .collect();
    let countries = clients
        .who
        .countries
        .iter()
        .filter(|own| territory.contains(own));
    vec![
        service.service.clone(),
        residency.to_owned(),
        list(countries.map(ToString::to_string)),
        clients.who.law.clone(),
        list(clients.fence.iter().cloned()),
        list(names.into_iter()),
        list(laws.into_iter()),
        match clients.result {
            Verdict::Proved => "proved",
            Verdict::Broken => "BROKEN",
        }
        .to_owned(),
    ]
}

fn method(out: &mut ReportPage, proof: &Proof) {
    out.heading("How it was proved");
    out.paragraph(
        "Not by samples: every class of clients, every network of the geo database and every state of health was gone through. The law of each client was derived \
         again from countries and jurisdictions, apart from the code that compiles a config, and each network was looked up as a query looks it up. \
         Health is free: each endpoint may have any share from none to all, which includes every failure, order, recovery and override.",
    );
    let cases = &proof.cases;
    let row = |what: &str, number: u64| vec![what.to_owned(), number.to_string()];
    let rows = [
        row("classes of clients", cases.classes),
        row("networks that were looked up", cases.networks),
        row(
            "networks whose clients are under several laws",
            cases.shared,
        ),
        row("targets whose health is free", cases.targets),
        row("decisions on the region", cases.routes),
        row("decisions on the endpoint", cases.pools),
        row("whole tables", cases.tables),
        row("answers that were read from them", cases.answers),
        row(
            "combinations of health: more than ten to the power of",
            cases.combinations_power_of_ten,
        ),
        row("counterexamples", proof.breaches),
    ];
    out.table(&["what was gone through", "number"], &rows);
}

fn files(out: &mut ReportPage, source: &Value) {
    out.heading("Files that were read");
    out.paragraph("`sha256sum` of a file shows whether it is the one that was judged; `waypost verify` with the same files comes to the same proof.");
    let files = source["files"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = files
        .map(|file| {
            let text = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
            vec![text("path"), text("sha256")]
        })
        .collect();
    out.table(&["file", "SHA-256"], &rows);
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut page = ReportPage::default();
        page.table(&["a"], &[vec!["<b> & \"c\"".to_owned()]]);
        assert!(page.text.contains("<td>&lt;b&gt; &amp; &quot;c&quot;</td>"));
    }

    #[test]
    fn every_law_has_a_territory() {
        for law in &LAWS {
            assert!(!territory(law).is_empty(), "{}", law.name);
        }
        assert!(territory(&LAWS[0]).len() >= 30, "27 of the EU and 3 more");
    }
}
