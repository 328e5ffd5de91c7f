//! What is refused, and in what words.

use waybill::{Context, Failure, HandlerBuilder, OnConflict};

async fn nothing(_: serde_json::Value, _: Context) -> Result<(), Failure> {
    Ok(())
}

fn fault<F, T>(handler: HandlerBuilder<F, T>) -> String {
    handler.build().expect_err("it is refused").to_string()
}

#[test]
fn a_name_that_no_ledger_takes_is_refused_by_name() {
    let said = fault(waybill::handler("Book Order", nothing));
    let name = "the handler's name `Book Order` must be 1 to 64 characters of a-z, 0-9 and `-`";
    assert_eq!(said, name);
}

#[test]
fn a_key_that_is_no_jmespath_is_refused_with_its_place() {
    let said = fault(waybill::handler("book-order", nothing).key("data.["));
    assert!(said.starts_with("the handler's key: "), "{said}");
}

#[test]
fn no_time_and_no_place_are_refused() {
    let said = fault(waybill::handler("book-order", nothing).timeout(std::time::Duration::ZERO));
    assert!(said.contains("time-out is 0"), "{said}");
    let said = fault(waybill::handler("book-order", nothing).concurrency(0));
    assert!(said.contains("concurrency is 0"), "{said}");
}

#[test]
fn what_the_handler_says_of_its_events_is_what_the_engine_is_told() {
    let handler = waybill::handler("book-order", nothing)
        .key("data.id")
        .on_conflict(OnConflict::Ack)
        .concurrency(7);
    let handler = handler.build().unwrap();
    let env = [
        ("WAYBILL_CONSUMER", "shop"),
        ("WAYBILL_LEDGER_TABLE", "ledger"),
    ];
    let mut settings = waybill_engine::env::FunctionSettings::read(&Fixed(env), 25).unwrap();
    handler.configure(&mut settings.engine);
    let told = settings.engine;
    assert_eq!(told.key.unwrap().as_str(), "data.id");
    assert_eq!((told.on_conflict, told.concurrency), (OnConflict::Ack, 7));
}

/// Variables that a test gives.
struct Fixed([(&'static str, &'static str); 2]);

impl waybill_engine::env::EnvSource for Fixed {
    fn var(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    }

    fn file(&self, path: &str) -> std::io::Result<String> {
        panic!("no file {path}")
    }
}
