use super::super::template::Template;
use super::super::value::Value;

/// What a value comes to in a template with two parameters, conditions, a mapping and a resource.
fn evaluated(value: &str) -> Value {
    let text = format!(
        "Parameters:
  Stage: {{ Type: String, Default: test }}
  Zones: {{ Type: CommaDelimitedList, Default: 'a, b' }}
  Open: {{ Type: String }}
Mappings:
  Size:
    test: {{ Number: 2 }}
Conditions:
  IsTest: !Equals [!Ref Stage, test]
  IsLive: !Not [!Condition IsTest]
  Either: !Or [!Equals [!Ref Open, x], !Condition IsTest]
  Neither: !And [!Equals [!Ref Open, x], !Condition IsLive]
  Round: !Not [!Condition Round]
  Unsure: !Equals [!Ref Open, x]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Value: {value}
"
    );
    let template = Template::read(&text, &[]).unwrap();
    let queue = template
        .root
        .get("Resources")
        .and_then(|all| all.get("Queue"));
    let value = queue.and_then(|queue| queue.get("Value")).unwrap();
    template.evaluate(value)
}

/// A text.
fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn functions_come_to_what_cloudformation_makes_of_them() {
    for (written, value) in [
        ("!Ref Stage", "test"),
        ("{ Ref: Stage }", "test"),
        ("!Sub 'x-${Stage}-${!Stage}'", "x-test-${Stage}"),
        ("!Sub ['${A}${B}', { A: 1, B: !Ref Stage }]", "1test"),
        ("!If [IsTest, yes, no]", "yes"),
        ("!If [IsLive, yes, no]", "no"),
        ("!If [Either, yes, no]", "yes"),
        ("!If [Neither, yes, no]", "no"),
        ("!FindInMap [Size, !Ref Stage, Number]", "2"),
        ("!FindInMap [Size, x, Number, { DefaultValue: 3 }]", "3"),
        ("!Join ['-', [a, !Ref Stage]]", "a-test"),
        ("!Select [1, !Ref Zones]", "b"),
        ("!Select [0, !Split ['/', a/b]]", "a"),
    ] {
        assert_eq!(evaluated(written), text(value), "{written}");
    }
}

#[test]
fn what_is_left_out_is_absent() {
    assert_eq!(evaluated("!Ref AWS::NoValue"), Value::Absent);
    assert_eq!(
        evaluated("!If [IsLive, a, !Ref AWS::NoValue]"),
        Value::Absent
    );
    assert_eq!(
        evaluated("[a, !Ref AWS::NoValue]"),
        Value::List(vec![text("a")])
    );
}

#[test]
fn resources_stay_references_and_pseudo_parameters_stay_open() {
    let arn = Value::Resource {
        id: "Queue".to_owned(),
        attribute: Some("Arn".to_owned()),
    };
    for written in [
        "!GetAtt Queue.Arn",
        "!GetAtt [Queue, Arn]",
        "!Sub '${Queue.Arn}'",
    ] {
        assert_eq!(evaluated(written), arn, "{written}");
    }
    let name = Value::Open("${AWS::StackName}-test".to_owned());
    assert_eq!(evaluated("!Sub '${AWS::StackName}-${Stage}'"), name);
    assert_eq!(evaluated("!Join ['-', [!Ref AWS::StackName, test]]"), name);
}

#[test]
fn what_is_known_only_when_deployed_is_unknown_with_its_reason() {
    for (written, reason) in [
        ("!ImportValue x", "Fn::ImportValue"),
        ("'{{resolve:ssm:x}}'", "dynamic reference"),
        ("!Ref Open", "--parameter Open=VALUE"),
        ("!Sub '${Open}'", "--parameter Open=VALUE"),
        ("!If [Unsure, a, b]", "--parameter Open=VALUE"),
        ("!If [Round, a, b]", "circle"),
        ("!If [Missing, a, b]", "Missing"),
        ("!Ref Missing", "Missing"),
        ("!GetAtt Missing.Arn", "Missing"),
        (
            "!FindInMap [Size, live, Number]",
            "no `Number` under `live`",
        ),
        ("!Select [5, !Ref Zones]", "more than"),
        ("!GetAZs ''", "Fn::GetAZs"),
    ] {
        let value = evaluated(written);
        let Value::Unknown(unknown) = &value else {
            panic!("{written}: {value:?}");
        };
        assert!(unknown.0.contains(reason), "{unknown:?}");
    }
}
