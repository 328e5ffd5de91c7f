//! Synthetic metrics, minute by minute: what CloudWatch would have been sent.

use std::collections::BTreeMap;
use std::ops::Range;

use super::math::Points;
use super::stack::Metric;

pub(super) const VISIBLE: &str = "AWS/SQS ApproximateNumberOfMessagesVisible SourceQueue";
pub(super) const IN_FLIGHT: &str = "AWS/SQS ApproximateNumberOfMessagesNotVisible SourceQueue";
pub(super) const OLDEST: &str = "AWS/SQS ApproximateAgeOfOldestMessage SourceQueue";
pub(super) const DEAD: &str = "AWS/SQS ApproximateNumberOfMessagesVisible DeadLetterQueue";
pub(super) const DEAD_HELD: &str = "AWS/SQS ApproximateNumberOfMessagesNotVisible DeadLetterQueue";
pub(super) const DEAD_AGE: &str = "AWS/SQS ApproximateAgeOfOldestMessage DeadLetterQueue";
pub(super) const THROTTLES: &str = "AWS/Lambda Throttles ConsumerFunction";
pub(super) const RELEASE_ERRORS: &str =
    "AWS/Lambda Errors 1 ConsumerFunction ConsumerFunction:live";
pub(super) const DELIVERED: &str = "Waybill Delivered SourceQueue";
pub(super) const FAILED: &str = "Waybill Failed SourceQueue";
pub(super) const FENCED: &str = "Waybill Fenced SourceQueue";
pub(super) const BREAKERS_OPEN: &str = "Waybill BreakersOpen SourceQueue";
pub(super) const PROCESSING: &str = "Waybill ProcessingTime SourceQueue";
pub(super) const AGE: &str = "Waybill AgeAtReceipt SourceQueue";
pub(super) const CANARY: &str = "Waybill CanaryDelivered SourceQueue";

/// What is sent in each minute, metric by metric.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) minutes: usize,
    samples: BTreeMap<String, Vec<Vec<f64>>>,
}

impl Series {
    /// A hundred events a minute and nothing wrong. Counts that are zero are not sent by the
    /// functions; the queues and Lambda send theirs.
    pub(super) fn calm(minutes: usize) -> Self {
        let samples = BTreeMap::new();
        let mut calm = Self { minutes, samples };
        for (key, sample) in [
            (VISIBLE, 20.0),
            (IN_FLIGHT, 10.0),
            (OLDEST, 1.0),
            (DEAD, 0.0),
            (DEAD_HELD, 0.0),
            (DEAD_AGE, 0.0),
            (THROTTLES, 0.0),
            (RELEASE_ERRORS, 0.0),
            (DELIVERED, 100.0),
            (CANARY, 1.0),
        ] {
            calm.put(key, 0..minutes, |_| vec![sample]);
        }
        calm.put(PROCESSING, 0..minutes, |_| spread(100.0));
        calm.put(AGE, 0..minutes, |_| spread(200.0));
        calm
    }

    /// Puts other samples in the place of those of some minutes, counted from their first.
    pub(super) fn put(
        &mut self,
        key: &str,
        over: Range<usize>,
        samples: impl Fn(usize) -> Vec<f64>,
    ) {
        let minutes = self.minutes;
        let kept = self.samples.entry(key.to_owned());
        let kept = kept.or_insert_with(|| vec![Vec::new(); minutes]);
        for minute in over.clone() {
            if let Some(place) = kept.get_mut(minute) {
                *place = samples(minute - over.start);
            }
        }
    }

    /// The same sample in each of some minutes.
    pub(super) fn hold(&mut self, key: &str, over: Range<usize>, sample: f64) {
        self.put(key, over, |_| vec![sample]);
    }

    /// Nothing at all in some minutes.
    pub(super) fn silence(&mut self, key: &str, over: Range<usize>) {
        self.put(key, over, |_| Vec::new());
    }

    /// The statistic of a metric over the period that ends before each minute; nothing where the
    /// period would begin before the first.
    pub(super) fn windows(&self, metric: &Metric) -> Points {
        let Some(kept) = self.samples.get(&metric.key()) else {
            return vec![None; self.minutes];
        };
        let period = metric.period_seconds / 60;
        let of_minutes: Vec<_> = kept
            .iter()
            .map(|samples| reduced(metric, samples))
            .collect();
        let mut sum = 0.0;
        let mut count = 0;
        // Up to each minute, so that the sum of a window is a difference. Counts are whole: so are
        // their differences.
        let mut sums = vec![(0.0, 0)];
        for sample in &of_minutes {
            sum += sample.unwrap_or(0.0);
            count += u32::from(sample.is_some());
            sums.push((sum, count));
        }
        let windows = (0..self.minutes).map(|end| {
            let start = end.checked_sub(period)?;
            let sum = sums[end].0 - sums[start].0;
            let count = sums[end].1 - sums[start].1;
            match metric.statistic.as_str() {
                "Sum" => (count > 0).then_some(sum),
                // Of metrics that are sent once a minute.
                "Average" => (count > 0).then(|| sum / f64::from(count)),
                "Maximum" | "Minimum" => {
                    let there: Vec<f64> =
                        of_minutes[start..end].iter().copied().flatten().collect();
                    reduced(metric, &there)
                }
                _ => percentile(metric, kept[start..end].concat()),
            }
        });
        windows.collect()
    }
}

fn reduced(metric: &Metric, samples: &[f64]) -> Option<f64> {
    let samples = samples.iter().copied();
    match metric.statistic.as_str() {
        "Sum" => samples.reduce(|a, b| a + b),
        "Minimum" => samples.reduce(f64::min),
        _ => samples.reduce(f64::max),
    }
}

/// By the nearest rank.
fn percentile(metric: &Metric, mut samples: Vec<f64>) -> Option<f64> {
    let percent = metric.statistic.strip_prefix('p').expect("a percentile");
    let percent: f64 = percent.parse().expect("a percentile");
    samples.sort_by(f64::total_cmp);
    let length = f64::from(u32::try_from(samples.len()).expect("few"));
    let rank = (length * percent / 100.0).ceil().max(1.0);
    let mut ranks = (1..).zip(samples);
    ranks
        .find(|(n, _)| f64::from(*n) >= rank)
        .map(|(_, sample)| sample)
}

/// Twenty times, of which nine in ten are about `most` at most.
pub(super) fn spread(most: f64) -> Vec<f64> {
    let slow = [1.0, 1.5, 2.0].map(|n| n * most);
    let quick = (1..=17).map(|n| most * f64::from(n) / 18.0);
    quick.chain(slow).collect()
}
