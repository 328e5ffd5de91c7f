//! How the SDK's requests are carried: by one set of connections, whose TLS is made ready by the
//! first request that needs it.
//!
//! The SDK's own default reads the system's root certificates for each client that is made, and
//! once more for the connections: at every cold start, before there is anything to send. Here they
//! are read once, and not at all where AWS is played over plain HTTP.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// Connections with TLS and without.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    plain: SharedHttpClient,
    tls: SharedHttpClient,
}

/// What carries the requests of one client.
#[derive(Debug)]
struct Carrier {
    transport: Transport,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl Transport {
    /// Connections that are opened when they are needed, through the proxy that the environment
    /// names, if it names one.
    pub(crate) fn new() -> Self {
        let tls = |settings: Option<&HttpConnectorSettings>,
                   components: Option<&RuntimeComponents>| {
            let mut connector = Connector::builder()
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector.build()
        };
        Self {
            plain: Builder::new().build_http(),
            tls: Builder::new().build_with_connector_fn(tls),
        }
    }
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Carrier {
            transport: self.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

impl HttpConnector for Carrier {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = match request.uri().starts_with("http:") {
            true => &self.transport.plain,
            false => &self.transport.tls,
        };
        // It keeps its connections by itself.
        client
            .http_connector(&self.settings, &self.components)
            .call(request)
    }
}

#[cfg(test)]
mod tests;
