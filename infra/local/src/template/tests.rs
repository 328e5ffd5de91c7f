//! Only two kinds of values change.

use super::*;

const TEMPLATE: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Description: CodeUri is what this is not about
Resources:
  # a comment
  RoutesLayer:
    Type: AWS::Serverless::LayerVersion
    Properties:
      ContentUri: \"infra/routes\"   # the routes file
  ConsumerFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/consumer
      Environment:
        Variables:
          WAYBILL_CONSUMER: !Ref AWS::StackName
          WAYBILL_QUEUE_URL: !Ref SourceQueue

  SourceQueue:
    Type: AWS::SQS::Queue
Outputs:
  SourceQueueArn:
    Value: !GetAtt SourceQueue.Arn
";

/// Rewrites and notes what was asked.
fn rewrite_all(template: &str) -> Result<(String, Vec<String>), LocalError> {
    let mut asked = Vec::new();
    let text = rewrite(template, |artifact| {
        let Artifact {
            logical_id,
            property,
            path,
        } = artifact;
        asked.push(format!("{logical_id} {property} {path}"));
        Ok(format!("s3://bucket/{logical_id}.zip"))
    })?;
    Ok((text, asked))
}

#[test]
fn each_artifact_is_asked_for_by_its_resource() {
    let (_, asked) = rewrite_all(TEMPLATE).unwrap();
    assert_eq!(
        asked,
        [
            "RoutesLayer ContentUri infra/routes",
            "ConsumerFunction CodeUri functions/consumer",
        ]
    );
}

#[test]
fn only_the_values_of_the_two_properties_change() {
    let (rewritten, _) = rewrite_all(TEMPLATE).unwrap();
    let changed: Vec<(&str, &str)> = TEMPLATE
        .lines()
        .zip(rewritten.lines())
        .filter(|(old, new)| old != new)
        .collect();
    assert_eq!(
        changed,
        [
            (
                "      ContentUri: \"infra/routes\"   # the routes file",
                "      ContentUri: s3://bucket/RoutesLayer.zip   # the routes file",
            ),
            (
                "      CodeUri: functions/consumer",
                "      CodeUri: s3://bucket/ConsumerFunction.zip",
            ),
        ]
    );
    assert_eq!(TEMPLATE.lines().count(), rewritten.lines().count());
    assert!(rewritten.ends_with('\n'));
}

#[test]
fn a_value_that_is_no_plain_path_is_refused_by_line() {
    for value in ["", "{ Bucket: b, Key: k }", "!Sub x"] {
        let template = TEMPLATE.replace("functions/consumer", value);
        let error = rewrite_all(&template).unwrap_err().to_string();
        assert!(error.contains("line 13"), "{error}");
    }
}

#[test]
fn a_property_outside_a_resource_is_refused() {
    let template = format!("Globals:\n  Function:\n    CodeUri: .\n{TEMPLATE}");
    let error = rewrite_all(&template).unwrap_err().to_string();
    assert!(error.contains("line 3"), "{error}");
}
