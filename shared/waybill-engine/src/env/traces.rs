//! Whether traces are kept, and where they go.

use std::net::SocketAddr;

use waybill_core::trace::Ratio;
use waybill_core::trace::otlp::Resource;

use super::{ConfigErrors, EnvSource, all, said};

/// How traces are exported.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// Where spans go.
    pub exporter: Exporter,
    /// How many are kept of the traces that begin here.
    pub ratio: Ratio,
    /// Who made the spans.
    pub resource: Resource,
}

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exporter {
    /// To the X-Ray daemon that Lambda runs beside the function.
    XRay {
        /// Its address.
        daemon: SocketAddr,
    },
    /// To a collector, by OTLP over HTTP in JSON.
    Otlp {
        /// Where it takes traces.
        url: String,
    },
    /// To standard output, which Lambda keeps as a log.
    Stdout,
}

/// Reads `WAYBILL_TRACES`, `WAYBILL_TRACES_RATIO`, and what the exporter needs: of Lambda's
/// `AWS_XRAY_DAEMON_ADDRESS`, `AWS_LAMBDA_FUNCTION_NAME` and `AWS_REGION`, of OpenTelemetry's
/// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_SERVICE_NAME`.
pub(super) fn read(env: &impl EnvSource) -> Result<Option<TraceSettings>, ConfigErrors> {
    let exporter = match said(env, "WAYBILL_TRACES").as_deref() {
        None | Some("off") => return Ok(None),
        Some("xray") => daemon(env),
        Some("otlp") => collector(env),
        Some("stdout") => Ok(Exporter::Stdout),
        Some(other) => Err(ConfigErrors::one(format!(
            "WAYBILL_TRACES is `{other}`: say `off`, `xray`, `otlp` or `stdout`"
        ))),
    };
    let (exporter, ratio) = all(exporter, ratio(env))?;
    Ok(Some(TraceSettings {
        exporter,
        ratio,
        resource: resource(env),
    }))
}

/// The X-Ray daemon.
fn daemon(env: &impl EnvSource) -> Result<Exporter, ConfigErrors> {
    let Some(address) = said(env, "AWS_XRAY_DAEMON_ADDRESS") else {
        return Err(ConfigErrors::one(
            "WAYBILL_TRACES is `xray` and AWS_XRAY_DAEMON_ADDRESS is not set: Lambda sets it, so \
             say `otlp` or `stdout` where the function does not run there",
        ));
    };
    let daemon = address.parse().map_err(|_| {
        ConfigErrors::one(format!(
            "AWS_XRAY_DAEMON_ADDRESS is `{address}`: give an IP address and a port, as Lambda \
             does, for example 127.0.0.1:2000"
        ))
    })?;
    Ok(Exporter::XRay { daemon })
}

/// The collector.
/// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp>
fn collector(env: &impl EnvSource) -> Result<Exporter, ConfigErrors> {
    let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let general = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let (name, url) = match (said(env, own), said(env, general)) {
        (Some(url), _) => (own, url),
        (None, Some(url)) => (general, format!("{}/v1/traces", url.trim_end_matches('/'))),
        (None, None) => (own, COLLECTOR.to_owned()),
    };
    let rest = ["http://", "https://"].map(|scheme| url.strip_prefix(scheme));
    let rest = rest.into_iter().flatten().next();
    let is_url = |rest: &str| {
        let starts = |b: &u8| b.is_ascii_alphanumeric() || *b == b'[';
        rest.as_bytes().first().is_some_and(starts) && rest.bytes().all(|b| b.is_ascii_graphic())
    };
    if rest.is_some_and(is_url) {
        return Ok(Exporter::Otlp { url });
    }
    Err(ConfigErrors::one(format!(
        "{name} is `{url}`: give the `http:` or `https:` URL at which the collector takes traces, \
         or leave it out for {COLLECTOR}"
    )))
}

/// How many are kept of the traces that begin here.
fn ratio(env: &impl EnvSource) -> Result<Ratio, ConfigErrors> {
    let Some(text) = said(env, "WAYBILL_TRACES_RATIO") else {
        return Ok(Ratio::ALL);
    };
    let ratio = text.parse().ok().and_then(Ratio::new);
    ratio.ok_or_else(|| {
        ConfigErrors::one(format!(
            "WAYBILL_TRACES_RATIO is `{text}`: give the share of the traces that begin here that \
             are kept, from 0 to 1, for example 0.05"
        ))
    })
}

/// Who makes the spans, by OpenTelemetry's names.
/// <https://opentelemetry.io/docs/specs/semconv/resource/faas/>
fn resource(env: &impl EnvSource) -> Resource {
    let function = said(env, "AWS_LAMBDA_FUNCTION_NAME");
    let service = said(env, "OTEL_SERVICE_NAME").or_else(|| function.clone());
    let mut attributes = Vec::new();
    if let Some(function) = function {
        attributes.push(("cloud.provider", "aws".to_owned()));
        attributes.push(("cloud.platform", "aws_lambda".to_owned()));
        attributes.extend(said(env, "AWS_REGION").map(|region| ("cloud.region", region)));
        attributes.push(("faas.name", function));
    }
    Resource {
        service: service.unwrap_or_else(|| "waybill".to_owned()),
        attributes,
    }
}

/// Where a collector that is a layer of the function takes traces.
const COLLECTOR: &str = "http://127.0.0.1:4318/v1/traces";

#[cfg(test)]
mod tests;
