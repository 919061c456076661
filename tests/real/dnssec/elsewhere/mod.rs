//! Zones that were signed elsewhere, from a file and by transfer: what delv, unbound, dnsviz and the
//! checkers of whole zones make of them.
//!
//! Each zone is signed by another program in another way, and holds the same names. It is served from a
//! file, then taken from a primary, then changed there. Each time every kind of question is put
//! to both validators, every signature has the TTL of what it covers, and what Waypost gives away is record by
//! record what its primary gives.
use std::collections::BTreeMap;

use crate::dnssec::dnsviz;
use crate::dnssec::validators::{RESOLVER, Resolver, delv, is_validated, write_anchor};
use crate::world::{World, dig, wait_for};
use signers::{PRIMARY, Primary, Signer, at, children, tool, transferred};

mod signers;

const WAYPOST: &str = "127.0.0.20";

/// The zone; `SERIAL`, `TEXT` and `DS` stand for what changes.
const ZONE: &str = "$ORIGIN example.org.
$TTL 300
@ SOA ns1 hostmaster SERIAL 3600 900 604800 60
@ NS ns1
@ MX 10 mail
@ TXT \"TEXT\"
ns1 A 127.0.0.20
mail A 192.0.2.25
mail AAAA 2001:db8::25
www 7200 A 192.0.2.2
www 20 TXT \"TEXT\"
*.w A 192.0.2.3
exact.w TXT \"below a wildcard\"
a.b.c A 192.0.2.4
*.x.ent-wild TXT \"below an ENT\"
star.*.mid TXT \"the wildcard is an ENT\"
al CNAME www
al2 CNAME al
al-nx CNAME absent
al-nodata CNAME mail
al-wild CNAME some.w
al-dname CNAME x.old
*.wc CNAME www
old DNAME new
old TXT \"beside a DNAME\"
x.new A 192.0.2.9
ins NS ns.ins
ns.ins A 127.0.0.24
deep.ent NS ns.deep.ent
ns.deep.ent A 127.0.0.24
sec NS ns.sec
ns.sec A 127.0.0.24
DS
own NS ns1
leaves A 192.0.2.5
_sip._tcp SRV 0 5 5060 mail
";

/// What a question finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Answer,
    Nodata,
    Nxdomain,
}

/// What an answer rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rests {
    /// Signatures and links of the very names.
    Names,
    /// A span of the chain; where there may be unsigned delegations in it, the answer is insecure (RFC
    /// 5155, section 9.2).
    Span,
}

use Found::{Answer, Nodata, Nxdomain};
use Rests::{Names, Span};

const QUESTIONS: [(&str, Found, Rests); 52] = [
    ("example.org SOA", Answer, Names),
    ("example.org NS", Answer, Names),
    ("example.org DNSKEY", Answer, Names),
    ("example.org MX", Answer, Names),
    ("example.org TXT", Answer, Names),
    ("example.org A", Nodata, Names),
    ("www.example.org A", Answer, Names),
    ("www.example.org TXT", Answer, Names),
    ("wWw.eXample.org A", Answer, Names),
    ("www.example.org AAAA", Nodata, Names),
    ("www.example.org TYPE65280", Nodata, Names),
    ("_sip._tcp.example.org SRV", Answer, Names),
    ("_tcp.example.org SRV", Nodata, Names),
    ("some.w.example.org A", Answer, Span),
    ("a.b.w.example.org A", Answer, Span),
    ("some.w.example.org MX", Nodata, Span),
    ("*.w.example.org A", Answer, Names),
    ("*.w.example.org MX", Nodata, Names),
    ("w.example.org A", Nodata, Names),
    ("exact.w.example.org TXT", Answer, Names),
    ("exact.w.example.org A", Nodata, Names),
    ("x.exact.w.example.org A", Nxdomain, Span),
    ("c.example.org A", Nodata, Names),
    ("b.c.example.org DS", Nodata, Names),
    ("x.b.c.example.org A", Nxdomain, Span),
    ("a.b.c.example.org A", Answer, Names),
    ("y.x.ent-wild.example.org TXT", Answer, Span),
    ("y.ent-wild.example.org TXT", Nxdomain, Span),
    ("x.mid.example.org TXT", Nodata, Span),
    ("star.x.mid.example.org TXT", Nodata, Span),
    ("al.example.org A", Answer, Names),
    ("al.example.org CNAME", Answer, Names),
    ("al2.example.org TXT", Answer, Names),
    ("al-nx.example.org A", Nxdomain, Span),
    ("al-nodata.example.org TXT", Nodata, Names),
    ("al-wild.example.org A", Answer, Span),
    ("al-dname.example.org A", Answer, Names),
    ("any.wc.example.org A", Answer, Span),
    ("any.wc.example.org MX", Nodata, Span),
    ("x.old.example.org A", Answer, Names),
    ("y.old.example.org A", Nxdomain, Span),
    ("old.example.org DNAME", Answer, Names),
    ("old.example.org TXT", Answer, Names),
    ("old.example.org A", Nodata, Names),
    ("sec.example.org DS", Answer, Names),
    ("ins.example.org DS", Nodata, Span),
    ("own.example.org DS", Nodata, Span),
    ("deep.ent.example.org DS", Nodata, Span),
    ("ent.example.org A", Nodata, Span),
    ("inr.example.org A", Nxdomain, Span),
    ("absent.example.org A", Nxdomain, Span),
    ("a.b.absent.example.org DS", Nxdomain, Span),
];

/// What is below delegations: a resolver that follows them finds it secure or not.
const BELOW: [(&str, Found, bool); 5] = [
    ("www.sec.example.org A", Answer, true),
    ("absent.sec.example.org A", Nxdomain, true),
    ("www.ins.example.org A", Answer, false),
    ("absent.ins.example.org A", Nxdomain, false),
    ("www.deep.ent.example.org A", Answer, false),
];

/// The names that dnsviz looks at.
const NAMES: [&str; 7] = [
    "example.org",
    "www.example.org",
    "some.w.example.org",
    "al-wild.example.org",
    "x.old.example.org",
    "b.c.example.org",
    "absent.example.org",
];

/// The zone, its proofs, and who knows them.
struct Elsewhere<'w> {
    world: &'w World,
    /// The DS of its key: tag, algorithm, digest type, digest.
    anchor: String,
    /// Whether unsigned delegations may be in the spans of its chain.
    opt_out: bool,
    /// The owner of an NSEC3, which is no name.
    hashed: Option<String>,
}

fn before(ds: &str) -> String {
    let zone = ZONE.replace("SERIAL", "100").replace("TEXT", "one");
    zone.replace("DS\n", ds)
}

/// With other data, a name more and a name less.
fn after(ds: &str) -> String {
    let zone = ZONE.replace("SERIAL", "200").replace("TEXT", "two");
    zone.replace("DS\n", ds)
        .replace("leaves A 192.0.2.5\n", "comes.below.two A 192.0.2.6\n")
}

fn config(zone: &str) -> String {
    format!(
        "[server]\nlisten = [\"{WAYPOST}:53\"]\n[control]\nlisten = \"127.0.0.1:8053\"\n\
         [[zones]]\nname = \"example.org\"\n{zone}\ntransfer = {{ to = [\"127.0.0.0/8\"] }}\n"
    )
}

fn go(signer: Signer) {
    let world = World::new();
    let (_children, ds) = children(&world);
    let primary = Primary::start(&world, signer, &before(&ds));
    let zone = Elsewhere::of_primary(&world);

    world.write("served.zone", &primary.signed_file(&world));
    let config_file = world.write("config.toml", &config("file = \"served.zone\""));
    let check = ["check", "--config", config_file.to_str().unwrap()];
    let said = tool(env!("CARGO_BIN_EXE_waypost"), &check);
    assert!(!said.contains("RRSIG"), "{said}");
    let waypost = world.waypost();
    zone.check();
    zone.look();
    waypost.kill();

    let secondary = format!("file = \"taken.zone\"\nprimaries = [\"{PRIMARY}:53\"]");
    world.write("config.toml", &config(&secondary));
    let waypost = world.waypost();
    zone.check_whole();
    primary.update(&world, &after(&ds));
    wait_for("the change", || {
        let said = dig(&[&at(WAYPOST), "+short", "www.example.org", "TXT"]);
        said == "\"two\"\n" && transferred(WAYPOST) == transferred(PRIMARY)
    });
    zone.check();
    let log = waypost.log();
    let changes = log.contains("\"form\":\"changes\"");
    assert_eq!(changes, primary.tells_changes(), "{log}");
}

impl<'w> Elsewhere<'w> {
    fn of_primary(world: &'w World) -> Self {
        let keys = dig(&[
            &at(PRIMARY),
            "+noall",
            "+answer",
            "+tcp",
            "example.org",
            "DNSKEY",
        ]);
        let keys = world.write("keys", &keys);
        let ds = tool(
            "dnssec-dsfromkey",
            &["-2", "-f", keys.to_str().unwrap(), "example.org"],
        );
        let (_, anchor) = ds.trim().split_once(" DS ").unwrap();
        write_anchor(world.path("").as_path(), anchor);
        let records = transferred(PRIMARY);
        let mut records = records.iter().map(|line| line.split_whitespace().collect());
        let hashed: Option<Vec<&str>> = records.find(|fields: &Vec<_>| fields[3] == "NSEC3");
        Self {
            world,
            anchor: anchor.to_owned(),
            opt_out: hashed.as_ref().is_some_and(|fields| fields[5] == "1"),
            hashed: hashed.map(|fields| fields[0].to_owned()),
        }
    }

    /// Every kind of question.
    fn questions(&self) -> Vec<(String, Found, Rests)> {
        let hashed = self.hashed.iter();
        let hashed = hashed.map(|name| (format!("{name} A"), Nxdomain, Span));
        let all = QUESTIONS.map(|(question, found, rests)| (question.to_owned(), found, rests));
        all.into_iter().chain(hashed).collect()
    }

    /// Whether a validator is to find it secure.
    fn is_secure(&self, rests: Rests) -> bool {
        rests == Names || !self.opt_out
    }

    /// Everything but dnsviz.
    fn check(&self) {
        self.check_whole();
        let questions = self.questions();
        let asked: Vec<&str> = questions.iter().map(|one| &*one.0).collect();
        let replies = digs(WAYPOST, &asked);
        for ((question, found, rests), reply) in questions.iter().zip(replies) {
            check_signatures(question, *found, &reply);
            self.check_delv(question, self.is_secure(*rests));
        }
        let _resolver = Resolver::start(&self.world.path(""), &self.anchor);
        let replies = digs(RESOLVER, &asked);
        for ((question, found, rests), reply) in questions.iter().zip(replies) {
            check_state(question, (*found, self.is_secure(*rests)), &reply);
        }
        let replies = digs(RESOLVER, &BELOW.map(|one| one.0));
        for ((question, found, secure), reply) in BELOW.into_iter().zip(replies) {
            check_state(question, (found, secure), &reply);
        }
    }

    /// What is given away is what the primary gives, and a zone that checkers find whole.
    fn check_whole(&self) {
        let (ours, theirs) = (transferred(WAYPOST), transferred(PRIMARY));
        assert_eq!(ours, theirs, "the zone as it is given away");
        let file = self.world.write("given.zone", &(ours.join("\n") + "\n"));
        let file = file.to_str().unwrap();
        tool("ldns-verify-zone", &[file]);
        tool("dnssec-verify", &["-q", "-z", "-o", "example.org", file]);
    }

    /// What rests on a span that may hold unsigned delegations, delv calls validated or unsigned,
    /// as it sees fit.
    fn check_delv(&self, question: &str, secure: bool) {
        let said = delv(&self.world.path(""), question);
        let (validated, unsigned) = ("fully validated", "unsigned answer");
        let well = match secure {
            true => said.contains(validated) && !said.contains(unsigned),
            false => said.contains(validated) || said.contains(unsigned),
        };
        assert!(well, "{question}: {said}");
    }

    /// dnsviz finds nothing wrong, and nothing unproved but for spans with unsigned delegations.
    fn look(&self) {
        let found = dnsviz::look(&self.world.path(""), &self.anchor, &NAMES);
        let marks = dnsviz::marks(&found);
        let well = |mark: &&str| *mark == ".]" || self.opt_out && *mark == "-]";
        assert!(marks.len() > 60 && marks.iter().all(well), "{found}");
    }
}

/// What dig prints of the replies to these questions.
fn digs(server: &str, questions: &[&str]) -> Vec<String> {
    let server = at(server);
    let mut arguments = vec![&*server, "+recurse", "+dnssec", "+noall", "+comments"];
    arguments.extend(["+answer", "+authority"]);
    let asked = questions.iter().flat_map(|question| question.split(' '));
    arguments.extend(asked);
    let said = dig(&arguments);
    let replies = said.split(";; Got answer:").skip(1);
    let replies: Vec<String> = replies.map(str::to_owned).collect();
    assert_eq!(replies.len(), questions.len(), "{said}");
    replies
}

/// Each signature stands beside what it covers, and has its TTL (RFC 4034, section 3).
fn check_signatures(question: &str, found: Found, reply: &str) {
    assert_eq!(found_in(question, reply), found, "{question}: {reply}");
    let mut ttls = BTreeMap::new();
    let mut signatures = Vec::new();
    for line in reply.lines().filter(|line| !line.starts_with(';')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [owner, ttl, _, rtype, first, ..] = fields[..] else {
            continue;
        };
        let (owner, ttl) = (owner.to_lowercase(), ttl.parse::<u32>().unwrap());
        match rtype {
            "RRSIG" => signatures.push((owner, first, ttl)),
            other => drop(ttls.insert((owner, other), ttl)),
        }
    }
    assert!(!signatures.is_empty(), "{question}: {reply}");
    for (owner, covered, ttl) in signatures {
        let known = ttls.get(&(owner.clone(), covered));
        assert_eq!(known, Some(&ttl), "{question}, {owner} {covered}: {reply}");
    }
}

/// What the resolver found is right, and is as secure as it is to be.
fn check_state(question: &str, (found, secure): (Found, bool), reply: &str) {
    let is = (found_in(question, reply), is_validated(reply));
    assert_eq!(is, (found, secure), "{question}: {reply}");
}

fn found_in(question: &str, reply: &str) -> Found {
    let (_, asked) = question.split_once(' ').unwrap();
    let records = reply.lines().filter(|line| !line.starts_with(';'));
    let mut types = records.filter_map(|line| line.split_whitespace().nth(3));
    let answered = types.any(|rtype| rtype == asked);
    let nxdomain = reply.contains("status: NXDOMAIN");
    assert!(nxdomain || reply.contains("status: NOERROR"), "{reply}");
    if nxdomain {
        Nxdomain
    } else if answered {
        Answer
    } else {
        Nodata
    }
}

#[test]
fn bind_with_nsec() {
    go(Signer::Bind("ECDSAP256SHA256", &[]));
}

#[test]
fn bind_with_nsec3() {
    go(Signer::Bind("ED25519", &["-3", "-", "-H", "0"]));
}

#[test]
fn bind_with_nsec3_salt_and_iterations() {
    go(Signer::Bind("RSASHA256", &["-3", "AABBCCDD", "-H", "10"]));
}

#[test]
fn bind_with_nsec3_opt_out() {
    go(Signer::Bind(
        "ECDSAP256SHA256",
        &["-3", "-", "-H", "0", "-A"],
    ));
}

#[test]
fn ldns_with_nsec() {
    go(Signer::Ldns("RSASHA256", &[]));
}

#[test]
fn ldns_with_nsec3_salt_and_iterations() {
    go(Signer::Ldns("ED25519", &["-n", "-s", "ABCD", "-t", "5"]));
}

#[test]
fn knot_with_nsec() {
    go(Signer::Knot(&["algorithm: ed25519"]));
}

#[test]
fn knot_with_nsec3_opt_out() {
    go(Signer::Knot(&[
        "algorithm: ecdsap256sha256",
        "nsec3: on",
        "nsec3-iterations: 5",
        "nsec3-salt-length: 8",
        "nsec3-opt-out: on",
    ]));
}

#[test]
fn waypost_with_nsec() {
    go(Signer::Waypost("{ keys = \"keys\" }"));
}

#[test]
fn waypost_with_nsec3() {
    go(Signer::Waypost(
        "{ keys = \"keys\", denial = \"nsec3\", algorithm = \"rsa-sha256\" }",
    ));
}
