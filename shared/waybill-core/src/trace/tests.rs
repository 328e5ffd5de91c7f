use super::*;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn read(traceparent: &str) -> Option<(String, String, Option<bool>)> {
    let read = Upstream::of_traceparent(traceparent)?;
    let span_id = read.span_id.unwrap().to_string();
    Some((read.trace_id.to_string(), span_id, read.sampled))
}

#[test]
fn a_traceparent_is_read_as_the_specification_says() {
    let told = |sampled| Some((TRACE.to_owned(), SPAN.to_owned(), Some(sampled)));
    for (text, expected) in [
        (format!("00-{TRACE}-{SPAN}-01"), told(true)),
        (format!("00-{TRACE}-{SPAN}-00"), told(false)),
        (format!("00-{TRACE}-{SPAN}-03"), told(true)),
        (format!("00-{TRACE}-{SPAN}-fe"), told(false)),
        // Of a later version what comes behind is passed over.
        (format!("01-{TRACE}-{SPAN}-01"), told(true)),
        (format!("cc-{TRACE}-{SPAN}-01-what-comes"), told(true)),
        (format!("cc-{TRACE}-{SPAN}-01-"), told(true)),
        (format!("cc-{TRACE}-{SPAN}-01.more"), None),
        (format!("00-{TRACE}-{SPAN}-01-"), None),
        (format!("00-{TRACE}-{SPAN}-01-more"), None),
        (format!("ff-{TRACE}-{SPAN}-01"), None),
        (format!("0-{TRACE}-{SPAN}-01"), None),
        (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
        (format!("00-{TRACE}-{}-01", SPAN.to_uppercase()), None),
        (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
        (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
        (format!("00-{TRACE}-{SPAN}-1"), None),
        (format!("00-{TRACE}-{SPAN}-0x"), None),
        (format!("00-+{}-{SPAN}-01", &TRACE[1..]), None),
        (format!("00-{TRACE}-{SPAN}"), None),
        (format!(" 00-{TRACE}-{SPAN}-01"), None),
        ("00-xyz-1-01".to_owned(), None),
        (String::new(), None),
    ] {
        assert_eq!(read(&text), expected, "{text}");
    }
}

#[test]
fn a_trace_header_is_read_in_any_order_and_may_leave_things_out() {
    let root = "Root=1-58406520-a006649127e371903a2de979";
    let trace_id = "58406520a006649127e371903a2de979";
    let read = |text: &str| {
        let read = Upstream::of_trace_header(text)?;
        let span_id = read.span_id.map(|id| id.to_string());
        Some((read.trace_id.to_string(), span_id, read.sampled))
    };
    let told = |span: Option<&str>, sampled| {
        let span = span.map(str::to_owned);
        Some((trace_id.to_owned(), span, sampled))
    };
    let parent = "Parent=53995c3f42cd8ad8";
    let span = Some("53995c3f42cd8ad8");
    for (text, expected) in [
        (format!("{root};{parent};Sampled=1"), told(span, Some(true))),
        (
            format!("Sampled=0; {parent}; {root}"),
            told(span, Some(false)),
        ),
        (format!("{root};{parent};Sampled=?"), told(span, None)),
        (root.to_owned(), told(None, None)),
        (
            format!("Self=1-5-6;{root};{parent};Sampled=1;Lineage=a:1|b:0"),
            told(span, Some(true)),
        ),
        (
            format!("{};{parent}", root.to_uppercase().replace("ROOT", "Root")),
            told(span, None),
        ),
        (parent.to_owned(), None),
        ("Root=1".to_owned(), None),
        ("Root=2-58406520-a006649127e371903a2de979".to_owned(), None),
        ("Root=1-5840652-a006649127e371903a2de979".to_owned(), None),
        ("Root=1-58406520-a006649127e371903a2de9".to_owned(), None),
        ("Root=1-00000000-000000000000000000000000".to_owned(), None),
        (format!("{root};Parent=0"), None),
        (format!("{root};Parent=0000000000000000"), None),
        (String::new(), None),
    ] {
        assert_eq!(read(&text), expected, "{text}");
    }
}

#[test]
fn what_is_printed_is_read_again_the_same_in_both_spellings() {
    for (random, sampled) in [
        ([1, 2], true),
        ([u64::MAX, u64::MAX], false),
        ([0, 0], true),
        ([0x0123_4567_89ab_cdef, 7], false),
    ] {
        let context = TraceContext {
            trace_id: TraceId::new(Timestamp::from_millis(1_700_000_000_999), random),
            span_id: SpanId::new(random[0]),
            sampled,
        };
        let told = Some(Upstream {
            trace_id: context.trace_id,
            span_id: Some(context.span_id),
            sampled: Some(sampled),
        });
        assert_eq!(Upstream::of_traceparent(&context.to_traceparent()), told);
        assert_eq!(Upstream::of_trace_header(&context.to_trace_header()), told);
    }
}

#[test]
fn a_new_trace_begins_with_its_time() {
    let now = Timestamp::from_secs(0x5840_6520);
    let id = TraceId::new(now, [0xffff_ffff_a006_6491, 0x27e3_7190_3a2d_e979]);
    assert_eq!(id.to_xray(), "1-58406520-a006649127e371903a2de979");
    assert_eq!(id.to_string(), "58406520a006649127e371903a2de979");
}

#[test]
fn an_id_is_never_zero() {
    let trace_id = TraceId::new(Timestamp::default(), [0, 0]);
    assert_eq!(trace_id.to_string(), format!("{:032x}", 1));
    assert_eq!(SpanId::new(0).to_string(), format!("{:016x}", 1));
}

/// What a message carries, by small numbers; 0 is a span that is not named.
fn upstream(trace: u128, span: u64) -> Upstream {
    Upstream {
        trace_id: TraceId(NonZeroU128::new(trace).unwrap()),
        span_id: NonZeroU64::new(span).map(SpanId),
        sampled: Some(true),
    }
}

#[test]
fn the_nearest_is_the_parent_and_the_rest_are_links_each_once_f78() {
    let link = |trace, span| upstream(trace, span).link().unwrap();
    let (a, b, c) = (upstream(1, 1), upstream(1, 2), upstream(3, 3));
    for (carried, beside, parent, links) in [
        ([None, None], None, None, vec![]),
        ([Some(a), None], None, Some(a), vec![]),
        ([Some(a), Some(a)], None, Some(a), vec![]),
        ([Some(a), Some(b)], None, Some(a), vec![link(1, 2)]),
        ([None, Some(b)], Some(c), Some(b), vec![link(3, 3)]),
        ([Some(a), Some(c)], Some(c), Some(a), vec![link(3, 3)]),
        ([None, None], Some(c), None, vec![link(3, 3)]),
        ([Some(a), Some(upstream(5, 0))], None, Some(a), vec![]),
    ] {
        let lineage = Lineage::of(carried, beside);
        assert_eq!(lineage, Lineage { parent, links });
    }
}

#[test]
fn a_ratio_keeps_its_share_and_says_the_same_of_a_trace_each_time() {
    let ids: Vec<_> = (0..1000_u64)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .map(|random| TraceId::new(Timestamp::from_secs(1), [random, random]))
        .collect();
    let kept = |share: f64| {
        let ratio = Ratio::new(share).unwrap();
        ids.iter().filter(|id| ratio.keeps(**id)).count()
    };
    assert_eq!((kept(0.0), kept(1.0)), (0, 1000));
    for (share, expected) in [(0.1, 80..120), (0.5, 450..550), (0.01, 2..30)] {
        assert!(expected.contains(&kept(share)), "{share}: {}", kept(share));
    }
    assert!(Ratio::ALL.keeps(TraceId(NonZeroU128::MAX)));
    for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Ratio::new(share), None);
    }
}

/// A span of a record with everything that one can have.
pub(super) fn record() -> Span {
    Span {
        trace_id: upstream(0x5840_6520_a006_6491_27e3_7190_3a2d_e979, 1).trace_id,
        span_id: SpanId::new(0x5399_5c3f_42cd_8ad8),
        parent: Some(SpanId::new(2)),
        name: "process orders".to_owned(),
        kind: SpanKind::Consumer,
        started: Timestamp::from_millis(1_700_000_000_001),
        ended: Timestamp::from_millis(1_700_000_000_250),
        links: vec![upstream(3, 4).link().unwrap()],
        attributes: vec![
            ("messaging.system", Value::Text("aws_sqs".into())),
            ("waybill.attempts", Value::Number(u32::MAX)),
            ("waybill.dead_letter", Value::Flag(true)),
        ],
        failure: Some("rejected".into()),
    }
}

/// A span of a try without what it may lack.
pub(super) fn a_try() -> Span {
    Span {
        parent: None,
        name: "deliver crm?".to_owned(),
        kind: SpanKind::Client,
        links: Vec::new(),
        attributes: Vec::new(),
        failure: None,
        ..record()
    }
}
