//! Tests of how long a batch takes.

use proptest::prelude::*;

use super::*;

fn near(left: f64, right: f64, part: f64) {
    assert!(
        (left - right).abs() <= part * right,
        "{left} is not {right}"
    );
}

#[test]
fn the_slowest_of_ten_exponential_times_is_the_tenth_harmonic_number_of_means() {
    let one = ServiceTime::of(0.080, None).unwrap();
    near(one.slowest_of(1).mean_seconds, 0.080, 1e-12);
    near(
        one.slowest_of(10).mean_seconds,
        0.080 * 7381.0 / 2520.0,
        1e-12,
    );
    // One in a thousand takes longer than ln(1000) means.
    near(one.slowest_of(1).p999_seconds, 0.080 * 1000f64.ln(), 1e-9);
    near(one.slowest_of(0).mean_seconds, 0.080, 1e-12);
}

#[test]
fn what_always_takes_the_same_time_takes_no_longer_in_a_batch() {
    let one = ServiceTime::of(0.1, Some(0.1)).unwrap();
    for batch in [1, 10, 1_000] {
        let slowest = one.slowest_of(batch);
        near(slowest.mean_seconds, 0.1, 1e-6);
        near(slowest.p999_seconds, 0.1, 1e-9);
    }
}

#[test]
fn a_lognormal_time_has_the_mean_and_the_percentile_that_it_was_made_of() {
    for (mean, p99) in [(0.080, 0.250), (0.080, 0.090), (2.0, 20.0), (0.01, 0.149)] {
        let one = ServiceTime::of(mean, Some(p99)).unwrap();
        let ServiceTime::Lognormal { sigma, .. } = one else {
            panic!("{one:?}");
        };
        near(one.slowest_of(1).mean_seconds, mean, 1e-5);
        let median = mean.ln() - sigma * sigma / 2.0;
        near((median + sigma * 2.326_347_874).exp(), p99, 1e-6);
        // The normal distribution's 999th of a thousand.
        near(
            one.slowest_of(1).p999_seconds,
            (median + sigma * 3.090_232_306).exp(),
            0.005,
        );
    }
}

/// By Python: the mean of the greatest of ten standard lognormal values (sigma 1), by the integral
/// of `1 - F(x)^10` over a fine grid with `math.erf`.
#[test]
fn the_slowest_of_ten_lognormal_times_is_that_of_an_independent_integral() {
    let mean = 0.5f64.exp();
    let p99 = 2.326_347_874_040_841f64.exp();
    let one = ServiceTime::of(mean, Some(p99)).unwrap();
    near(one.slowest_of(10).mean_seconds, SLOWEST_OF_TEN, 1e-4);
}

/// See above.
const SLOWEST_OF_TEN: f64 = 5.621_080_5;

#[test]
fn a_percentile_that_no_lognormal_time_has_is_refused() {
    assert_eq!(
        ServiceTime::of(0.1, Some(0.09)),
        Err(ServiceError::BelowMean)
    );
    assert_eq!(ServiceTime::of(0.1, Some(1.6)), Err(ServiceError::TooFar));
    assert!(ServiceTime::of(0.1, Some(1.49)).is_ok());
}

proptest! {
    #[test]
    fn a_larger_batch_takes_longer_and_less_for_each_of_its_events(
        mean in 0.001f64..10.0, apart in prop::option::of(1.0f64..14.0), batch in 1u32..50,
    ) {
        let one = ServiceTime::of(mean, apart.map(|apart| mean * apart)).unwrap();
        let (few, more) = (one.slowest_of(batch), one.slowest_of(batch + 1));
        prop_assert!(more.mean_seconds >= few.mean_seconds * (1.0 - 1e-9));
        let each = |slowest: Slowest, n: u32| slowest.mean_seconds / f64::from(n);
        prop_assert!(each(more, batch + 1) <= each(few, batch) * (1.0 + 1e-9));
        prop_assert!(more.p999_seconds >= few.p999_seconds * (1.0 - 1e-9));
    }
}
