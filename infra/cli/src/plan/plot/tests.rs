//! Tests of the drawing.

use super::*;

/// 1,000 events a second, at 100 a second for each of so many.
fn plot(servers: u32) -> Plot {
    Plot {
        station: Station {
            servers,
            rate_per_second: 1_000.0,
            service_seconds: 0.010,
        },
        good: 0.8,
    }
}

#[test]
fn it_rises_to_the_right_and_fits_its_width() {
    for width in [20, 60, 72, 200] {
        let lines = plot(12).lines(width, Colour::Off);
        assert_eq!(lines.len(), HEIGHT + 2, "{lines:#?}");
        let widest = lines.iter().map(|line| line.chars().count()).max();
        assert!(
            widest <= Some(width.clamp(22, WIDTH)),
            "{width}: {lines:#?}"
        );
        let first = &lines[0];
        assert!(first.ends_with('█'), "{lines:#?}");
        assert!(first.contains(" ms"), "{lines:#?}");
        let filled = |line: &String| line.chars().filter(|c| BLOCKS[1..].contains(c)).count();
        let rows: Vec<usize> = lines[..HEIGHT].iter().map(filled).collect();
        assert!(rows.is_sorted(), "{rows:?}");
    }
}

#[test]
fn the_load_is_pointed_at_inside_and_beyond_the_axis() {
    let pointer = |servers| plot(servers).lines(72, Colour::Off).pop().unwrap();
    assert!(pointer(12).contains("83.3 % now ▲"), "{}", pointer(12));
    assert!(pointer(10).ends_with("100.0 % now ▶"), "{}", pointer(10));
    assert!(pointer(50).contains("◀ 20.0 % now"), "{}", pointer(50));
    assert!(pointer(33).contains("▲ 30.3 % now"), "{}", pointer(33));
}

#[test]
fn colours_are_for_those_who_see_them() {
    let plain = plot(12).lines(72, Colour::Off).join("\n");
    assert!(!plain.contains('\u{1b}'));
    let painted = plot(12).lines(72, Colour::On).join("\n");
    assert!(painted.contains("\u{1b}[33m") && painted.contains("\u{1b}[31m"));
    let without: String = ["\u{1b}[33m", "\u{1b}[31m", "\u{1b}[0m"]
        .iter()
        .fold(painted, |text, style| text.replace(style, ""));
    assert_eq!(without, plain);
}

#[test]
fn so_many_that_nobody_waits_are_not_drawn() {
    let crowd = Plot {
        station: Station {
            servers: 30_000,
            rate_per_second: 1_000.0,
            service_seconds: 0.010,
        },
        good: 0.8,
    };
    let lines = crowd.lines(72, Colour::Off);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("98 %"));
}

#[test]
fn a_cell_is_filled_in_eighths() {
    assert_eq!(block(0.0, 0), ' ');
    assert_eq!(block(1.0, 7), '█');
    assert_eq!(block(0.5, 3), '█');
    assert_eq!(block(0.5, 4), ' ');
    assert_eq!(block(1.0 / 64.0, 0), '▁');
    assert_eq!(block(7.0 / 64.0, 0), '▇');
}
