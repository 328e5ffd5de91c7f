//! A function whose routes may be in a parameter of Parameter Store, and change while it runs.

use futures_util::future::BoxFuture;

use waybill_core::routes::SecretPlace;
use waybill_engine::env::{ConfigErrors, EnvSource, RouteSettings, RoutesPlace, RoutesText, all};
use waybill_engine::live::Live;
use waybill_engine::ports::{Ambient, RoutesStore, StoredRoutes};
use waybill_engine::telemetry;

use crate::ambient::System;
use crate::assemble::RouteError;
use crate::connect::{ConnectError, Connection, connect};
use crate::kept::Keeping;

/// What a function is made of, or every fault of it.
pub type Told = Result<(RouteSettings, Connection), ConfigErrors>;

/// Starts a function: reads what it is told, its routes too, and connects; `make` makes it of
/// that, now and whenever the routes change. A request is made only for routes in a parameter.
///
/// # Errors
///
/// Everything that is wrong, at once: what the environment says, the routes, and what `make` finds.
pub async fn start<F>(
    env: impl EnvSource + Send + Sync + 'static,
    concurrency: usize,
    make: impl Fn(Told) -> Result<F, ConfigErrors> + Send + Sync + 'static,
) -> Result<Live<F>, ConfigErrors> {
    started(connect().await, System, env, concurrency, make).await
}

/// Connects, and reads once the text of the routes where it is; a request is made only for routes
/// in a parameter.
///
/// # Errors
///
/// Where AWS cannot be reached as configured; for the text, where it is not there.
pub async fn connect_and_read(
    env: &impl EnvSource,
) -> Result<(Connection, Result<RoutesText, ConfigErrors>), ConfigErrors> {
    let connection = connect().await;
    let connection = connection.map_err(|error| ConfigErrors::one(error.to_string()))?;
    let text = match RoutesPlace::read(env) {
        Ok(RoutesPlace::Here(text)) => Ok(text),
        Ok(RoutesPlace::Parameter(name)) => {
            read_first(Parameter::new(connection.keeping(), name))
                .await
                .0
        }
        Err(faults) => Err(faults),
    };
    Ok((connection, text))
}

/// The same over a connection, or the lack of one, by a clock.
async fn started<F>(
    connection: Result<Connection, ConnectError>,
    ambient: impl Ambient + 'static,
    env: impl EnvSource + Send + Sync + 'static,
    concurrency: usize,
    make: impl Fn(Told) -> Result<F, ConfigErrors> + Send + Sync + 'static,
) -> Result<Live<F>, ConfigErrors> {
    let connection = connection.map_err(|error| ConfigErrors::one(error.to_string()));
    let (text, kept) = match RoutesPlace::read(&env) {
        Ok(RoutesPlace::Here(text)) => (Ok(text), None),
        Ok(RoutesPlace::Parameter(name)) => match &connection {
            Ok(connection) => read_first(Parameter::new(connection.keeping(), name)).await,
            Err(_) => {
                let unread = format!("the routes in the parameter `{name}` were not read");
                (Err(ConfigErrors::one(unread)), None)
            }
        },
        Err(faults) => (Err(faults), None),
    };
    let settings = RouteSettings::of(&env, concurrency, text);
    let function = make(all(settings.clone(), connection.clone()))?;
    let (Some((parameter, stored)), Ok(first), Ok(connection)) = (kept, settings, connection)
    else {
        return Ok(Live::fixed(function));
    };
    telemetry::routes_taken(&stored.version);
    let place = parameter.clone();
    let remake = move |stored: &StoredRoutes| {
        let settings = RouteSettings::of(&env, concurrency, Ok(place.text(stored)));
        make(again(&first, settings, &connection))
    };
    Ok(Live::changing(function, stored, parameter, remake, ambient))
}

/// What a running function is made of anew, unless that cannot be while it runs.
fn again(
    first: &RouteSettings,
    settings: Result<RouteSettings, ConfigErrors>,
    connection: &Connection,
) -> Told {
    let settings = settings?;
    first.refuse_moved(&settings)?;
    Ok((settings, connection.clone()))
}

/// The routes of a parameter at the start, or why there are none.
async fn read_first(
    parameter: Parameter,
) -> (
    Result<RoutesText, ConfigErrors>,
    Option<(Parameter, StoredRoutes)>,
) {
    match parameter.read().await {
        Ok(stored) => (Ok(parameter.text(&stored)), Some((parameter, stored))),
        Err(what) => {
            let fault = format!("{what}; WAYBILL_ROUTES names it as the place of the routes");
            (Err(ConfigErrors::one(fault)), None)
        }
    }
}

/// The parameter that holds the routes file.
#[derive(Debug, Clone)]
struct Parameter {
    keeping: Keeping,
    place: SecretPlace,
}

impl Parameter {
    /// The parameter of a name or an ARN.
    fn new(keeping: Keeping, name: String) -> Self {
        let place = SecretPlace::Ssm { name };
        Self { keeping, place }
    }

    /// What was read of it, by its name and version.
    fn text(&self, stored: &StoredRoutes) -> RoutesText {
        RoutesText {
            place: format!("ssm:{}, version {}", self.place.name(), stored.version),
            text: stored.text.clone(),
        }
    }
}

impl RoutesStore for Parameter {
    fn read(&self) -> BoxFuture<'_, Result<StoredRoutes, String>> {
        Box::pin(async {
            let found = self.keeping.read(&self.place).await;
            let found = found.map_err(|error| error.to_string())?;
            Ok(StoredRoutes {
                version: found.version,
                text: found.text.expose().to_owned(),
            })
        })
    }
}

impl From<RouteError> for ConfigErrors {
    fn from(error: RouteError) -> Self {
        Self::one(error.to_string())
    }
}

#[cfg(test)]
mod tests;
