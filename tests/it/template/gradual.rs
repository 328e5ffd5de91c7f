//! A next version that takes over bit by bit, and goes back when an alarm rings.

use serde_json::json;

use super::chosen::Template;
use crate::yaml;

/// With a deployment of this kind, and what the rules want with it.
fn with(deployment: &str) -> Template {
    let template = Template::new().with("Deployment", deployment);
    template.with("Release", "4f2c9d1")
}

/// What is made for a gradual deployment, and not without.
const MADE: [&str; 3] = ["DeploymentRole", "ReleaseErrorsAlarm", "ReleaseFailedAlarm"];

#[test]
fn the_mapping_invokes_the_alias_where_it_is_shifted_and_else_the_newest_code_and_settings() {
    let alias = json!({ "Ref": "ConsumerFunction.Alias" });
    for (deployment, _) in Template::each("Deployment") {
        let template = with(&deployment);
        let gradual = deployment != "AllAtOnce";
        let function = json!({ "Ref": "ConsumerFunction" });
        let invoked = if gradual { &alias } else { &function };
        assert_eq!(&template.mappings()[0]["FunctionName"], invoked);
        let preference = template.property("ConsumerFunction", "DeploymentPreference");
        assert_eq!(preference["Enabled"], json!(gradual.to_string()));
        assert_eq!(preference["Type"], json!(deployment));
        let made = template.made("Resources");
        for name in MADE {
            assert_eq!(made.contains(name), gradual, "{deployment}: {name}");
        }
    }
}

#[test]
fn a_valve_may_change_the_mapping_that_invokes_the_alias_f27() {
    let template = with("Canary10Percent5Minutes").with("SourceValve", "true");
    let statements = &template.property("SourceValvePolicy", "PolicyDocument")["Statement"];
    let own = json!({ "Ref": "ConsumerFunction.Alias" });
    let condition = json!({ "ArnEquals": { "lambda:FunctionArn": own } });
    assert_eq!(statements[1]["Condition"], condition);
}

#[test]
fn it_goes_back_on_an_error_of_the_new_version_and_on_events_that_die() {
    let template = with("Linear10PercentEvery1Minute");
    let preference = template.property("ConsumerFunction", "DeploymentPreference");
    let alarms = json!([{ "Ref": "ReleaseErrorsAlarm" }, { "Ref": "ReleaseFailedAlarm" }]);
    assert_eq!(preference["Alarms"], alarms);
    let dimensions = template.property("ReleaseErrorsAlarm", "Dimensions");
    let version = json!({ "Fn::GetAtt": "ConsumerFunction.Version.Version" });
    assert_eq!(
        dimensions[2],
        json!({ "Name": "ExecutedVersion", "Value": version })
    );
}

#[test]
fn what_could_not_be_watched_or_would_change_nothing_is_refused() {
    let said = |template: Template| template.refusals().join(" ");
    for (deployment, _) in Template::each("Deployment") {
        assert_eq!(said(with(&deployment)), "", "{deployment}");
        let gradual = deployment != "AllAtOnce";
        for (parameter, value, remedy) in [
            ("Release", "", "give each one a Release of its own"),
            ("Mode", "poll", "set Deployment to AllAtOnce"),
            ("Alarms", "false", "set Alarms to"),
            ("Metrics", "off", "set Alarms to"),
        ] {
            let said = said(with(&deployment).with(parameter, value));
            assert_eq!(said.contains(remedy), gradual, "{parameter}: {said}");
        }
    }
}

#[test]
fn the_page_of_deployments_names_each_kind() {
    let page = yaml::text("docs/DEPLOY.md");
    for (deployment, _) in Template::each("Deployment") {
        assert!(page.contains(&format!("`{deployment}`")), "{deployment}");
    }
}
