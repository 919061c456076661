//! A node whose clock is a year off: it answers, has no vote, and moves nobody by its orders; set right, it counts at once. One by whose
//! clock certificates are not valid, or whose own has expired, says so, and comes back by itself.
use crate::cluster_orders::{Fleet, NODES, control, private};
use crate::membership::NodeAuthority;
use crate::shown_clock::ShownClock;
use crate::world::{World, get_at, wait_for};

const YEAR: i64 = 365 * 86_400;
/// The node whose clock it is.
const OFF: usize = 2;

fn wait_for_status(fleet: &Fleet, number: usize, told: &[&str]) {
    wait_for(&format!("{told:?} on {}", NODES[number]), || {
        let status = fleet.well(number, &["cluster", "status"]);
        told.iter().all(|one| status.contains(one))
    });
}

fn wait_for_orders(fleet: &Fleet, number: usize, told: &str) {
    wait_for(&format!("{told} on {}", NODES[number]), || {
        fleet.well(number, &["orders"]).contains(told)
    });
}

/// Waits until two have found out that the third one's clock is off, and that one hears no vote that counts.
fn wait_until_off(fleet: &Fleet) {
    let off = [
        "vantages 2 of 3  nodes 3 of 3",
        "sin1 have a clock that is off",
    ];
    (0..2).for_each(|number| wait_for_status(fleet, number, &off));
    wait_for_status(fleet, OFF, &["apart", "vantages 1 of 3  nodes 3 of 3"]);
}

fn wait_until_right(fleet: &Fleet) {
    for number in 0..3 {
        wait_for_status(
            fleet,
            number,
            &["together", "vantages 3 of 3  nodes 3 of 3"],
        );
        let status = fleet.well(number, &["cluster", "status"]);
        assert!(!status.contains("a clock that is off"), "{status}");
    }
}

#[test]
fn a_node_whose_clock_is_a_year_off_moves_nobody() {
    let world = World::new();
    let clock = ShownClock::new(&world, "clock", YEAR);
    let mut fleet = Fleet::edited(world, &NodeAuthority::new(), |_, own| own);
    let one = ["127.1.0.1", "127.1.0.2"];
    fleet.wait_for_answer(&[0, 1, 2], one[0]);

    // A year ahead: it answers, and what is ordered on it is in force on it alone.
    fleet.kill(OFF);
    fleet.begin_with(OFF, |command| clock.show(command));
    wait_until_off(&fleet);
    fleet.wait_for_answer(&[0, 1, 2], one[0]);
    let told = fleet.well(OFF, &["drain", "fra-one"]);
    assert!(told.contains("known by 1 of 3"), "{told}");
    fleet.wait_for_answer(&[OFF], one[1]);
    // It takes what the others order.
    fleet.well(0, &["drain", "tor-one", "--force"]);
    wait_for_orders(&fleet, 0, "known by 3 of 3 nodes");
    for number in 0..2 {
        let orders = fleet.well(number, &["orders"]);
        assert!(
            orders.contains("drain tor-one") && !orders.contains("fra-one"),
            "{orders}"
        );
    }
    fleet.wait_for_answer(&[0, 1], one[0]);
    // The two that are right rule without it.
    fleet.machines[0].take().unwrap().kill();
    fleet.wait_for_answer(&[0, 1], one[1]);
    fleet.machines[0] = Some(fleet.world.backend(one[0]));
    fleet.wait_for_answer(&[0, 1], one[0]);

    // Set right while it runs: it counts at once, and its order waits there, too.
    clock.set(0);
    wait_until_right(&fleet);
    fleet.wait_for_answer(&[0, 1, 2], one[0]);
    fleet.well(OFF, &["undrain", "tor-one"]);
    fleet.well(OFF, &["drain", "fra-two"]);
    wait_for_orders(&fleet, OFF, "known by 3 of 3 nodes");
    for number in 0..3 {
        let orders = fleet.well(number, &["orders"]);
        let (stand, _) = orders.split_once("ended:").unwrap_or((&orders, ""));
        assert!(!stand.contains("drain fra-one"), "{orders}");
    }
    fleet.well(OFF, &["undrain", "fra-two"]);

    // A year behind: what the others order waits on it; what is ordered on it, all do.
    fleet.kill(OFF);
    clock.set(-YEAR);
    fleet.begin_with(OFF, |command| clock.show(command));
    wait_until_off(&fleet);
    fleet.well(0, &["drain", "fra-one"]);
    fleet.wait_for_answer(&[0, 1], one[1]);
    wait_for_orders(&fleet, 0, "known by 2 of 3 nodes");
    fleet.wait_for_answer(&[OFF], one[0]);
    fleet.well(OFF, &["drain", "tor-one", "--force"]);
    wait_for_orders(&fleet, 0, "drain tor-one");
    clock.set(0);
    wait_until_right(&fleet);
    fleet.wait_for_answer(&[OFF], one[1]);
    wait_for_orders(&fleet, 0, "known by 3 of 3 nodes");
}

/// The number of certificates that a node has no peer for, by its metrics.
fn wait_for_untimely(number: usize, count: usize) {
    let wanted = format!("\nwaypost_cluster_certificates_untimely {count}\n");
    wait_for(&format!("{count} on {}", NODES[number]), || {
        get_at(control(number), "/metrics").is_some_and(|(_, text)| text.contains(&wanted))
    });
}

const OWN: &str = "this node's certificate";
const THEIRS: &str = "by this node's clock its certificate is not valid";
const REFUSED: &str = "by its clock this node's certificate is not valid";

#[test]
fn a_node_by_whose_clock_no_certificate_is_valid_says_so_and_comes_back_by_itself() {
    let (world, authority) = (World::new(), NodeAuthority::new());
    let clock = ShownClock::new(&world, "clock", 0);
    let mut fleet = Fleet::edited(world, &authority, |_, own| own);
    let one = ["127.1.0.1", "127.1.0.2"];
    // The certificates are of 2000 to 2099.
    for (ahead, told) in [
        (75 * YEAR, "has expired, by its clock"),
        (-30 * YEAR, "is not valid yet, by its clock"),
    ] {
        fleet.kill(OFF);
        clock.set(ahead);
        fleet.begin_with(OFF, |command| clock.show(command));
        let own = format!("{OWN} {told}");
        wait_for_status(
            &fleet,
            OFF,
            &[
                "apart",
                "nodes 1 of 3",
                &own,
                "127.0.0.30",
                "127.0.0.31",
                THEIRS,
            ],
        );
        wait_for_untimely(OFF, 3);
        for number in 0..2 {
            wait_for_status(
                &fleet,
                number,
                &["together", "nodes 2 of 3", "127.0.0.32", REFUSED],
            );
            wait_for_untimely(number, 1);
        }
        // It goes on with what it knows, and the others without it.
        fleet.well(0, &["drain", "fra-one"]);
        fleet.wait_for_answer(&[0, 1], one[1]);
        fleet.wait_for_answer(&[OFF], one[0]);
        clock.set(0);
        wait_until_right(&fleet);
        fleet.wait_for_answer(&[OFF], one[1]);
        for number in 0..3 {
            wait_for_untimely(number, 0);
        }
        fleet.well(0, &["undrain", "fra-one"]);
        fleet.wait_for_answer(&[0, 1, 2], one[0]);
    }

    // All clocks are right, and its certificate has expired, until another one lies in its place.
    let issue = |fleet: &Fleet, serial, last| {
        let node = NODES[OFF];
        authority.issue(&fleet.world.path(""), (node, &[node]), serial, last);
        private(&fleet.world.path(&format!("{node}.key")));
    };
    fleet.kill(OFF);
    issue(&fleet, 8, 2020);
    fleet.begin(OFF);
    let own = format!("{OWN} has expired, by its clock");
    wait_for_status(&fleet, OFF, &["apart", &own, REFUSED]);
    wait_for_status(&fleet, 0, &["together", "127.0.0.32", THEIRS]);
    fleet.wait_for_answer(&[0, 1, 2], one[0]);
    issue(&fleet, 9, 2099);
    wait_until_right(&fleet);
    for number in 0..3 {
        wait_for_untimely(number, 0);
    }
}
