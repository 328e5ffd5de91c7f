use std::time::Duration;

use super::{Outage, RouteOutage};

fn outage() -> Outage {
    let route = |name: &str, breaker, seconds| RouteOutage {
        name: name.to_owned(),
        breaker,
        lasts: Duration::from_secs(seconds),
    };
    Outage {
        queue: "Source".to_owned(),
        receives: 25,
        ledger: Duration::from_secs(15_120),
        routes: vec![
            route("crm", false, 310),
            route("audit", false, 70),
            route("bill", true, 15_120),
        ],
    }
}

#[test]
fn the_ledgers_outage_is_told_and_the_first_route_to_give_up() {
    assert_eq!(
        outage().said(),
        "longest outage survived by `Source`: of the ledger 4 h 12 min; of the target of route \
         `audit`, which has no breaker, 1 min 10 s"
    );
}

#[test]
fn with_breakers_on_all_routes_the_ledgers_outage_is_told_alone() {
    let mut outage = outage();
    outage.routes.retain(|route| route.breaker);
    assert_eq!(
        outage.said(),
        "longest outage survived by `Source`: of the ledger 4 h 12 min"
    );
}
