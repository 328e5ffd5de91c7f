//! Facts about what switches a route on and off.

use super::super::RoutesFile;
use super::*;

fn route(name: &str) -> RouteName {
    RouteName::new(name).expect("a name")
}

fn event(id: &str) -> Event {
    Event {
        id: id.to_owned(),
        source: "shop".to_owned(),
        ..Event::default()
    }
}

/// The flags of a file's only route with these lines.
fn read(lines: &str) -> Result<Flags, String> {
    let text = format!(
        "routes:\n  - name: crm\n    target: {{ http: {{ url: \"https://crm.example/\" }} }}\n\
         {lines}"
    );
    let lookup = |name: &str| match name {
        "OFF" => Some("false".to_owned()),
        "TEN" => Some("10".to_owned()),
        _ => None,
    };
    let file = RoutesFile::parse(&text, lookup).map_err(|faults| faults.to_string())?;
    Ok(file.routes[0].flags)
}

#[test]
fn a_route_is_wholly_on_unless_its_file_says_otherwise() {
    let on = Flags::default();
    let table = [
        ("", on),
        (
            "    enabled: true\n    shadow: false\n    percent: 100\n",
            on,
        ),
        (
            "    enabled: false\n",
            Flags {
                enabled: false,
                ..on
            },
        ),
        (
            "    enabled: ${OFF}\n",
            Flags {
                enabled: false,
                ..on
            },
        ),
        ("    shadow: true\n", Flags { shadow: true, ..on }),
        ("    percent: 0\n", Flags { percent: 0, ..on }),
        ("    percent: ${TEN}\n", Flags { percent: 10, ..on }),
    ];
    for (lines, expected) in table {
        assert_eq!(read(lines), Ok(expected), "{lines}");
    }
    assert_eq!(on.part(&route("crm"), &event("1")), Part::Deliver);
}

#[test]
fn a_flag_that_is_none_refuses_the_file() {
    let table = [
        (
            "enabled: yes",
            "`routes[0].enabled`: must be `true` or `false`",
        ),
        (
            "enabled: 0",
            "`routes[0].enabled`: must be `true` or `false`",
        ),
        (
            "enabled: ${TEN}",
            "`routes[0].enabled`: must be `true` or `false`",
        ),
        (
            "shadow: \"true\"",
            "`routes[0].shadow`: must be `true` or `false`",
        ),
        ("shadow:", "`routes[0].shadow`: must be `true` or `false`"),
        (
            "percent: 101",
            "`routes[0].percent`: must be a whole number from 0 to 100",
        ),
        (
            "percent: -1",
            "`routes[0].percent`: must be a whole number from 0 to 100",
        ),
        (
            "percent: 0.5",
            "`routes[0].percent`: must be a whole number from 0 to 100",
        ),
        (
            "percent: 10%",
            "`routes[0].percent`: must be a whole number from 0 to 100",
        ),
    ];
    for (line, expected) in table {
        let told = read(&format!("    {line}\n")).expect_err(line);
        assert!(told.contains("line 4, column "), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn disabled_wins_over_the_rest_and_the_percentage_over_shadow() {
    let flags = |enabled, shadow, percent| Flags {
        enabled,
        shadow,
        percent,
    };
    let table = [
        (flags(true, false, 100), Part::Deliver, false),
        (flags(true, false, 0), Part::LeftOut, false),
        (flags(true, true, 100), Part::Shadow, true),
        (flags(true, true, 0), Part::LeftOut, true),
        (flags(false, false, 100), Part::Off, true),
        (flags(false, true, 0), Part::Off, true),
    ];
    for (flags, part, holds) in table {
        assert_eq!(flags.part(&route("crm"), &event("1")), part, "{flags:?}");
        assert_eq!(flags.holds(), holds, "{flags:?}");
    }
}

/// The ids that a percentage of a route takes, of so many.
fn taken(name: &str, percent: u8, ids: u32) -> Vec<u32> {
    let flags = Flags {
        percent,
        ..Flags::default()
    };
    let name = route(name);
    let takes = |id: &u32| flags.part(&name, &event(&id.to_string())) == Part::Deliver;
    (0..ids).filter(takes).collect()
}

#[test]
fn a_higher_percentage_only_adds_events() {
    let places: Vec<_> = (0..=100)
        .map(|percent| taken("crm", percent, 300))
        .collect();
    assert!(places[0].is_empty());
    assert_eq!(places[100].len(), 300);
    for pair in places.windows(2) {
        assert!(pair[0].iter().all(|id| pair[1].contains(id)));
    }
}

#[test]
fn a_percentage_takes_about_as_many_and_another_route_takes_others() {
    for percent in [1, 10, 50, 90] {
        let count = taken("crm", percent, 10_000).len();
        let wanted = usize::from(percent) * 100;
        // Ten thousand fixed ids: what is counted is the same on every run.
        assert!(
            count.abs_diff(wanted) < 200,
            "{percent} of a hundred: {count}"
        );
    }
    let (crm, erp) = (taken("crm", 50, 10_000), taken("erp", 50, 10_000));
    let both = crm
        .iter()
        .filter(|id| erp.binary_search(id).is_ok())
        .count();
    assert!(both.abs_diff(2_500) < 300, "{both} of both");
}

/// Events are on their way by these: a change here moves them in and out of a percentage.
#[test]
fn the_place_of_an_event_is_what_it_was() {
    let places = ["1", "2", "3", "order-4711"].map(|id| place(&route("crm"), &event(id)));
    assert_eq!(places, [9, 93, 37, 34]);
    assert_ne!(
        place(&route("crm"), &event("1")),
        place(&route("erp"), &event("1"))
    );
}
