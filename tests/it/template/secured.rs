//! A key, a boundary and a network of the team's own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::chosen::Template;
use super::set;

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555";

/// Everything there is, with this parameter.
fn with(name: &str, value: &str) -> Template {
    Template::new().with("Mode", "both").with(name, value)
}

/// Every role that is made, with what it allows.
fn allowed(template: &Template) -> Vec<(String, BTreeSet<String>)> {
    let roles = template.of_type("AWS::IAM::Role").into_iter();
    let roles = roles.flat_map(|role| {
        let allows = template.role(&role).into_values();
        allows.map(move |actions| (role.clone(), actions))
    });
    roles.collect()
}

#[test]
fn with_a_key_of_theirs_everything_at_rest_is_encrypted_by_it() {
    let (keyed, plain) = (with("KmsKeyArn", KEY), with("KmsKeyArn", ""));
    let said = [
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::Serverless::Function", "KmsKeyArn"),
    ];
    for (kind, property) in said {
        let made = keyed.of_type(kind);
        assert!(made.len() >= 3, "{made:?}");
        for name in made {
            assert_eq!(keyed.property(&name, property), KEY, "{name}");
            assert_eq!(plain.property(&name, property), Value::Null, "{name}");
        }
    }
    for queue in keyed.of_type("AWS::SQS::Queue") {
        let managed = keyed.property(&queue, "SqsManagedSseEnabled");
        assert_eq!(managed, Value::Null, "{queue}: SQS takes one of the two");
    }
    let by_key = json!({ "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": KEY });
    assert_eq!(keyed.property("LedgerTable", "SSESpecification"), by_key);
    assert_eq!(
        plain.property("LedgerTable", "SSESpecification"),
        Value::Null
    );
}

#[test]
fn who_reads_or_sends_what_is_encrypted_may_use_the_key_and_nobody_else() {
    let keyed = with("KmsKeyArn", KEY);
    for role in keyed.of_type("AWS::IAM::Role") {
        let mut allows = keyed.role(&role);
        // It invokes the poller, whose variables Lambda reads in the function's own name.
        let uses = (role != "PollerTickRole").then(|| set(&["kms:Decrypt", "kms:GenerateDataKey"]));
        assert_eq!(allows.remove(KEY), uses, "{role}");
        assert_eq!(allows, with("KmsKeyArn", "").role(&role), "{role}");
    }
}

#[test]
fn every_role_is_bounded_where_a_boundary_is_given() {
    let boundary = "arn:aws:iam::123456789012:policy/bounded";
    let bounded = with("PermissionsBoundaryArn", boundary);
    let roles = bounded.of_type("AWS::IAM::Role");
    assert_eq!(roles.len(), 6);
    for role in roles {
        assert_eq!(bounded.property(&role, "PermissionsBoundary"), boundary);
        let free = with("PermissionsBoundaryArn", "").property(&role, "PermissionsBoundary");
        assert_eq!(free, Value::Null, "{role}");
    }
}

#[test]
fn in_a_network_every_function_is_in_it_and_may_have_its_interfaces() {
    let inside = with("VpcSubnetIds", "subnet-1a,subnet-2b").with("VpcSecurityGroupIds", "sg-3c");
    for function in inside.of_type("AWS::Serverless::Function") {
        let network = inside.property(&function, "VpcConfig");
        let of = |name: &str| network[name]["Fn::Split"].clone();
        assert_eq!(of("SubnetIds"), json!([",", "subnet-1a,subnet-2b"]));
        assert_eq!(of("SecurityGroupIds"), json!([",", "sg-3c"]));
        let outside = with("VpcSubnetIds", "").property(&function, "VpcConfig");
        assert_eq!(outside, Value::Null, "{function}");
    }
    let of_network = |template: &Template| {
        let allowed = allowed(template).into_iter();
        let roles = allowed.filter(|(_, actions)| actions.contains("ec2:CreateNetworkInterface"));
        roles.map(|(role, _)| role).collect::<Vec<_>>()
    };
    assert_eq!(
        of_network(&inside),
        ["ConsumerRole", "PollerRole", "RedriveRole"]
    );
    assert_eq!(of_network(&with("VpcSubnetIds", "")), [""; 0]);
}

#[test]
fn subnets_without_security_groups_are_refused() {
    let said = with("VpcSubnetIds", "subnet-1a").refusals();
    assert_eq!(said, ["With VpcSubnetIds, give VpcSecurityGroupIds too."]);
}
