//! Properties of trace contexts.

use proptest::prelude::*;

use waybill_core::time::Timestamp;
use waybill_core::trace::{Ratio, SpanId, TraceContext, TraceId, Upstream};

/// Any context that can be.
fn any_context() -> impl Strategy<Value = TraceContext> {
    let parts = any::<(u64, [u64; 2], u64, bool)>();
    parts.prop_map(|(ms, random, span, sampled)| TraceContext {
        trace_id: TraceId::new(Timestamp::from_millis(ms), random),
        span_id: SpanId::new(span),
        sampled,
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again_the_same(context in any_context()) {
        let told = Some(Upstream {
            trace_id: context.trace_id,
            span_id: Some(context.span_id),
            sampled: Some(context.sampled),
        });
        let (traceparent, header) = (context.to_traceparent(), context.to_trace_header());
        prop_assert_eq!(Upstream::of_traceparent(&traceparent), told);
        prop_assert_eq!(Upstream::of_trace_header(&header), told);
        // https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        prop_assert!(header.len() <= 256 && header.is_ascii());
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".*", form in "[0-9a-f+-]{50,60}") {
        for text in [text, form] {
            let _ = Upstream::of_trace_header(&text);
            let Some(read) = Upstream::of_traceparent(&text) else {
                continue;
            };
            let span_id = read.span_id.unwrap();
            let start = format!("{}-{span_id}-", read.trace_id);
            prop_assert!(text[3..].starts_with(&start));
        }
    }

    #[test]
    fn a_greater_ratio_keeps_whatever_a_smaller_one_keeps(
        context in any_context(), shares in any::<(u32, u32)>(),
    ) {
        let share = |of: u32| Ratio::new(f64::from(of) / f64::from(u32::MAX)).unwrap();
        let (less, more) = (shares.0.min(shares.1), shares.0.max(shares.1));
        prop_assert!(share(more).keeps(context.trace_id) || !share(less).keeps(context.trace_id));
    }
}
