use super::*;

fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut times = Times::default();
    values.into_iter().for_each(|value| times.add(value));
    times.spread()
}

fn ms(milliseconds: f64) -> Duration {
    Duration::from_secs_f64(milliseconds / 1000.0)
}

#[test]
fn a_percentile_is_the_value_of_its_rank_within_half_a_hundredth() {
    for scale in [1.0, 0.1, 17.0, 1000.0, 86_400.0] {
        let spread = of((1..=1000).map(|n| f64::from(n) * scale)).unwrap();
        assert_eq!((spread.count, spread.max), (1000, ms(1000.0 * scale)));
        for (told, rank) in [
            (spread.p50, 500.0),
            (spread.p90, 900.0),
            (spread.p99, 990.0),
        ] {
            let off = told.as_secs_f64() / ms(rank * scale).as_secs_f64() - 1.0;
            assert!(off.abs() <= 0.005, "{told:?} for {rank} x {scale}");
        }
    }
}

#[test]
fn few_values_have_the_percentiles_of_their_ranks() {
    let spread = of([7.0]).unwrap();
    assert!(spread.p50 <= spread.max && spread.p99 <= spread.max);
    assert_eq!(of([0.0, 0.0]).unwrap().p99, Duration::ZERO);
    let spread = of([1.0, 2.0, 3.0, 1000.0]).unwrap();
    assert_eq!(spread.p50.as_millis(), 2);
    assert_eq!(spread.p90, ms(1000.0));
}

#[test]
fn what_is_no_time_is_left_out_and_nothing_has_no_percentiles() {
    assert_eq!(of([-1.0, f64::NAN, f64::INFINITY, 1e300]), None);
    assert_eq!(of([]), None);
}

#[test]
fn what_was_counted_apart_is_counted_together() {
    let mut all = Times::default();
    for values in [[1.0, 2.0], [30.0, 40.0]] {
        let mut part = Times::default();
        values.into_iter().for_each(|value| part.add(value));
        all.merge(&part);
    }
    assert_eq!(all.spread(), of([1.0, 2.0, 30.0, 40.0]));
}

#[test]
fn a_bin_is_less_than_a_hundredth_of_its_value_wide() {
    for micros in [0, 1, 127, 255, 256, 1000, 65_535, 12_345_678, u64::MAX] {
        let (begin, width) = bin(micros);
        assert!(begin <= micros && micros - begin < width, "{micros}");
        assert!(width == 1 || width <= begin / 100, "{micros}");
    }
}
