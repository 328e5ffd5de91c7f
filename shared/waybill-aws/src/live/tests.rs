use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use waybill_core::time::Timestamp;

use crate::targets::served::{Answer, Requests, refuses, serving};

use super::*;

/// Variables that are set, and no file.
#[derive(Clone)]
struct Vars(BTreeMap<&'static str, String>);

impl EnvSource for Vars {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// What a function needs, with its routes there.
fn vars(routes: &str) -> Vars {
    let vars = [
        ("WAYBILL_LEDGER_TABLE", "ledger"),
        ("WAYBILL_CONSUMER", "orders"),
        ("WAYBILL_ROUTES", routes),
    ];
    Vars(vars.map(|(name, value)| (name, value.to_owned())).into())
}

/// A routes file of one route.
fn routes(name: &str) -> String {
    format!("{{routes: [{{name: {name}, target: {{http: {{url: 'https://example.com'}}}}}}]}}")
}

/// A parameter that holds this.
fn holds(version: u32, text: &str) -> Answer {
    let body = json!({ "Parameter": { "Value": text, "Version": version } });
    Answer::With(200, body.to_string())
}

/// The name of the one route.
fn route(told: Told) -> Result<String, ConfigErrors> {
    let (settings, _) = told?;
    Ok(settings.routes.routes[0].name.to_string())
}

/// Starts a function of this answer, which is the name of its one route.
async fn start(answer: Answer) -> (Result<String, String>, Requests) {
    let (connection, asked) = serving([answer]).await;
    let live = started(Ok(connection), System, vars("ssm:/shop/routes"), 10, route).await;
    let live = live.map(|live| live.current().as_str().to_owned());
    (live.map_err(|faults| faults.to_string()), asked)
}

#[tokio::test]
async fn a_function_starts_with_the_routes_of_its_parameter() {
    let (live, mut asked) = start(holds(3, &routes("crm"))).await;
    assert_eq!(live.unwrap(), "crm");
    let (_, body) = asked.try_recv().unwrap();
    assert_eq!(body["Name"], "/shop/routes");
}

#[tokio::test]
async fn promise_6_without_valid_routes_in_its_parameter_no_function_starts() {
    let table = [
        (
            refuses(400, "ParameterNotFound"),
            "`/shop/routes` does not exist",
        ),
        (
            refuses(400, "AccessDeniedException"),
            "allow `ssm:GetParameter` on it",
        ),
        (
            holds(3, " "),
            "`ssm:/shop/routes, version 3`: routes file is refused",
        ),
        (holds(3, "{routes: []}"), "must have 1 to 1000 routes"),
        (holds(3, "{"), "routes file is refused: line 1"),
    ];
    for (answer, told) in table {
        let (live, _) = start(answer).await;
        let faults = live.unwrap_err();
        assert!(faults.contains(told), "no {told} in {faults}");
    }
}

#[tokio::test]
async fn every_fault_is_told_with_that_of_the_parameter() {
    let mut env = vars("ssm:/shop/routes");
    env.0.remove("WAYBILL_LEDGER_TABLE");
    let missing = Err(ConnectError::RegionMissing);
    let Err(faults) = started(missing, System, env, 10, route).await else {
        panic!("nothing can start so");
    };
    let faults = faults.to_string();
    for told in [
        "WAYBILL_LEDGER_TABLE is not set",
        "no AWS region",
        "parameter `/shop/routes` were not read",
    ] {
        assert_eq!(faults.matches(told).count(), 1, "{told} in {faults}");
    }
}

#[tokio::test]
async fn nobody_is_asked_for_routes_that_are_here() {
    let (connection, mut asked) = serving([]).await;
    let env = vars(&format!("inline:{}", routes("crm")));
    let live = started(Ok(connection), System, env, 10, route)
        .await
        .unwrap();
    assert_eq!(*live.current(), "crm");
    assert!(asked.try_recv().is_err());
}

/// A clock that a test moves, in minutes.
#[derive(Clone, Default)]
struct Minutes(Arc<AtomicU64>);

impl Ambient for Minutes {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_000_000 + 60 * self.0.load(Ordering::SeqCst))
    }

    fn random(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_running_function_takes_the_new_routes_of_its_parameter() {
    let answers = [holds(1, &routes("crm")), holds(2, &routes("erp"))];
    let (connection, _) = serving(answers).await;
    let clock = Minutes::default();
    let env = vars("ssm:/shop/routes");
    let live = started(Ok(connection), clock.clone(), env, 10, route).await;
    let live = live.unwrap();
    assert_eq!(*live.current(), "crm");
    clock.0.fetch_add(1, Ordering::SeqCst);
    let until_taken = async {
        while *live.current() == "crm" {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let deadline = clock.now().after(Duration::from_secs(3600));
    let taking = live.beside(deadline, until_taken);
    let taken = tokio::time::timeout(Duration::from_secs(60), taking).await;
    assert_eq!(taken, Ok(()));
    assert_eq!(*live.current(), "erp");
}

#[tokio::test]
async fn what_a_running_function_cannot_change_is_refused_with_all_else_unread() {
    let env = vars("ssm:/shop/routes");
    let text = |head: &str| {
        Ok(RoutesText {
            place: "ssm:/shop/routes".to_owned(),
            text: routes("erp").replace("{routes", &format!("{{{head}routes")),
        })
    };
    let (connection, _) = serving([]).await;
    let first = RouteSettings::of(&env, 10, text("")).unwrap();
    let told = |head| again(&first, RouteSettings::of(&env, 10, text(head)), &connection);
    assert_eq!(
        told("unrouted: ack, ")
            .and_then(|told| route(Ok(told)))
            .unwrap(),
        "erp"
    );
    let faults = told("consumer: others, ")
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        faults.starts_with("`consumer` is not what this function started with"),
        "{faults}"
    );
    assert!(told("nonsense: 1, ").is_err());
}
