use std::collections::HashMap;
use std::io;

use super::*;

/// Variables that are set.
struct Vars(HashMap<&'static str, &'static str>);

impl EnvSource for Vars {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn settings(vars: &[(&'static str, &'static str)]) -> Result<Option<TraceSettings>, String> {
    let vars = Vars(vars.iter().copied().collect());
    read(&vars).map_err(|errors| errors.to_string())
}

#[test]
fn traces_are_off_unless_an_exporter_is_named_f78() {
    for vars in [
        &[][..],
        &[("WAYBILL_TRACES", "")],
        &[("WAYBILL_TRACES", "off")],
    ] {
        assert_eq!(settings(vars), Ok(None));
    }
    let error = settings(&[("WAYBILL_TRACES", "jaeger")]).unwrap_err();
    assert!(
        error.contains("say `off`, `xray`, `otlp` or `stdout`"),
        "{error}"
    );
}

#[test]
fn each_exporter_is_read_with_what_it_needs() {
    let otlp = ("WAYBILL_TRACES", "otlp");
    let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let general = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let url = |url: &str| Exporter::Otlp {
        url: url.to_owned(),
    };
    for (vars, expected) in [
        (&[("WAYBILL_TRACES", "stdout")][..], Exporter::Stdout),
        (
            &[
                ("WAYBILL_TRACES", "xray"),
                ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000"),
            ],
            Exporter::XRay {
                daemon: ([169, 254, 79, 129], 2000).into(),
            },
        ),
        (&[otlp], url("http://127.0.0.1:4318/v1/traces")),
        (
            &[otlp, (general, "http://localhost:9/")],
            url("http://localhost:9/v1/traces"),
        ),
        (
            &[
                otlp,
                (general, "http://localhost:9"),
                (own, "https://c.example/t"),
            ],
            url("https://c.example/t"),
        ),
        (
            &[otlp, (own, "http://[::1]:4318/t")],
            url("http://[::1]:4318/t"),
        ),
    ] {
        let read = settings(vars).unwrap().unwrap();
        assert_eq!(read.exporter, expected);
        assert_eq!(read.ratio, Ratio::ALL);
    }
}

#[test]
fn what_an_exporter_cannot_do_with_is_told_with_its_remedy() {
    let xray = ("WAYBILL_TRACES", "xray");
    let otlp = ("WAYBILL_TRACES", "otlp");
    for (vars, told) in [
        (&[xray][..], "AWS_XRAY_DAEMON_ADDRESS is not set"),
        (
            &[xray, ("AWS_XRAY_DAEMON_ADDRESS", "daemon:2000")],
            "is `daemon:2000`: give an IP",
        ),
        (
            &[otlp, ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")],
            "OTEL_EXPORTER_OTLP_ENDPOINT is `localhost:4318/v1/traces`: give the `http:`",
        ),
        (
            &[otlp, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://")],
            "is `http://`: give",
        ),
        (
            &[otlp, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http:// a")],
            "is `http:// a`: give",
        ),
        (
            &[otlp, ("WAYBILL_TRACES_RATIO", "5%")],
            "is `5%`: give the share",
        ),
        (
            &[otlp, ("WAYBILL_TRACES_RATIO", "1.5")],
            "is `1.5`: give the share",
        ),
        (
            &[otlp, ("WAYBILL_TRACES_RATIO", "NaN")],
            "is `NaN`: give the share",
        ),
    ] {
        let error = settings(vars).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
    let both = [xray, ("WAYBILL_TRACES_RATIO", "2")];
    let error = settings(&both).unwrap_err();
    assert!(
        error.contains("DAEMON") && error.contains("RATIO"),
        "{error}"
    );
}

#[test]
fn the_service_is_the_function_unless_it_has_a_name_of_its_own() {
    let stdout = ("WAYBILL_TRACES", "stdout");
    let of = |vars: &[_]| settings(vars).unwrap().unwrap().resource;
    assert_eq!(of(&[stdout]).service, "waybill");
    let function = [
        stdout,
        ("AWS_LAMBDA_FUNCTION_NAME", "shop-consumer"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let resource = of(&function);
    assert_eq!(resource.service, "shop-consumer");
    let expected = [
        ("cloud.provider", "aws"),
        ("cloud.platform", "aws_lambda"),
        ("cloud.region", "eu-central-1"),
        ("faas.name", "shop-consumer"),
    ];
    assert_eq!(
        resource.attributes,
        expected.map(|(k, v)| (k, v.to_owned()))
    );
    let named = [stdout, function[1], ("OTEL_SERVICE_NAME", "orders")];
    assert_eq!(of(&named).service, "orders");
}

#[test]
fn of_what_begins_here_a_share_is_kept() {
    let vars = [
        ("WAYBILL_TRACES", "stdout"),
        ("WAYBILL_TRACES_RATIO", "0.25"),
    ];
    let read = settings(&vars).unwrap().unwrap();
    assert_eq!(Some(read.ratio), Ratio::new(0.25));
}
